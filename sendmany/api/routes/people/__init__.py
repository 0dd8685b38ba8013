"""Routes about one person, and about suppressions."""
