"""Routes of messages: take them in, show their status, stream their outcomes."""
