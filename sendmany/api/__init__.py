"""The HTTP API: routes, schemas, middleware, server, webhooks."""
