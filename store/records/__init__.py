"""Byte layouts: the outcome record of a message and the packed section of jobs."""
