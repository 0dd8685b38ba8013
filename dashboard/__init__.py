"""Ways to look, and what the provider tells us: the receiver of receipts and replies."""
