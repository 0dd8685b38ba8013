"""Recipient files that arrive over HTTP."""
