"""The routes of the dashboard: factories that the composition root calls."""
