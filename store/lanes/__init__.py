"""Lanes: opening, loading, moving, expiring, and the indexes over all of them."""
