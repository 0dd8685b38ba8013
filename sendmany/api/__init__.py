"""The HTTP API: the routes of producer and dashboard, put together and guarded."""
