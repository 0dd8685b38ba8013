"""The terminal: output, progress, files that are written whole."""
