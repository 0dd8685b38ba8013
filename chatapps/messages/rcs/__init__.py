"""Models of RCS messages: rich cards, carousels, suggestions."""
