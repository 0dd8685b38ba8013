"""Commands about WhatsApp templates and message files."""
