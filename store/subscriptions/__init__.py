"""Subscriptions: endpoints that are sent changes of messages and campaigns."""
