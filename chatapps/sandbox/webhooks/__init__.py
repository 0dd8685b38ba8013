"""Webhooks of the sandbox: receipts and replies."""
