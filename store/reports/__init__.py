"""Reads: reports of lanes, lists of messages, gauges, the recount."""
