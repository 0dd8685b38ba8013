"""Plans of launches: who gets it, how long it takes, what it costs and looks like."""
