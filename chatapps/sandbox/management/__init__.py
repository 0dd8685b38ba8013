"""The sandbox's management API: templates and webhook settings."""
