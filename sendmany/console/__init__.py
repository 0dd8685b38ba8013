"""The terminal: output, progress, atomic files."""
