"""Counters that workers add up for Prometheus."""
