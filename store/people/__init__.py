"""Data about single people: search, display, erasure, and the digests that remain."""
