"""Access tokens of the HTTP API."""
