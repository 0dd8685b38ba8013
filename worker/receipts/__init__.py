"""Applies receipts, replies and provider events from the inbox."""
