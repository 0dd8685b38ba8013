"""Recipient files: reading CSV, choosing columns, normalising phone numbers."""
