"""Everything on one machine: embedded server, supervisor, demo."""
