"""Dispatch: selects lane, number of messages and batch."""
