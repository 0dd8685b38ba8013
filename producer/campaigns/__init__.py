"""Campaigns: message file, preflight, launch, loading."""
