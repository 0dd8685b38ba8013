"""Addresses made of what callers hand in."""

from urllib.parse import quote


def segment(text: str) -> str:
    """One step of a path, which cannot lead anywhere else, whatever the text."""
    return quote(text, safe="").replace(".", "%2E")  # `..` would lead up
