"""A sandbox of the provider, for tests, the demo and development without an account."""

from chatapps.sandbox.app import create_app
from chatapps.sandbox.config import SandboxConfig
from chatapps.sandbox.faults import FAULT_MODES, FaultMode
from chatapps.sandbox.server import serve

__all__ = ["FAULT_MODES", "FaultMode", "SandboxConfig", "create_app", "serve"]
