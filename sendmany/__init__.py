"""The command, the processes it starts, and the HTTP API."""

__version__ = "0.2.0"
"""The version of all packages: the build, the command and the HTTP API read it here."""
