"""Rendering: a message file with placeholders becomes one message for each recipient."""
