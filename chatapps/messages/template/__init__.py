"""Models of WhatsApp template messages: components, parameters, buttons, cards."""
