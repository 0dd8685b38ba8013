"""The section `[web]`: the HTTP API."""

from pydantic import Field, PositiveFloat, PositiveInt

from config.sections import Section


class Web(Section):
    """Where the HTTP API listens, and what it puts up with."""

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    """0 is any free one."""
    max_body_bytes: PositiveInt = 16 * 1024 * 1024
    max_upload_bytes: PositiveInt = 4 * 1024 * 1024 * 1024
    """Of a recipient file, which is read while it arrives."""
    body_seconds: PositiveFloat = 30
    """To receive a body; an upload gets more as long as at least 16 KiB arrive each second."""
    max_requests: PositiveInt = 200
    """Under way at the same time; more are answered 503."""
    max_streams: PositiveInt = 100
    """Readers of live events at the same time."""
    max_connections: PositiveInt = 1000
