"""Read side: status, exports and metrics, for people and programs."""
