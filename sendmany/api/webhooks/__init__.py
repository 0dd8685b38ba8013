"""The receiver of the provider's webhooks."""
