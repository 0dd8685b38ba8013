"""The fixture of the package, which pytest finds by itself where the package is installed."""

from sendmany_client.testing import sendmany

__all__ = ["sendmany"]
