"""The command, the processes it starts, and the HTTP API."""

__version__ = "0.2.0"
"""Version of all packages, read by the build, the command and the HTTP API."""
