"""Worker processes: presence, wake-ups, the lock of the sweep."""
