"""Dispatch: which lane next, how many messages, which batch."""
