"""The sandbox as a poster of webhooks: receipts and replies."""
