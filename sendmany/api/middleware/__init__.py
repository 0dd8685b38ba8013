"""ASGI middleware: limits, security headers, access log, the fast enqueue path."""
