"""Permits, breakers and backoff of the sub-accounts."""
