"""Structured logs: fields, never a phone number or a key in clear text."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Literal

import structlog

from config.safe_text import plain
from config.settings import Settings


def set_up_logging(settings: Settings) -> None:
    """Log to stderr: readable at a terminal, JSON lines elsewhere, at the configured level.

    Warnings and errors of libraries use the same handler and format.
    """
    _set_up_libraries(settings)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _renderer(settings.log_format),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[settings.log_level]
        ),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def _set_up_libraries(settings: Settings) -> None:
    """Add a root handler for libraries: kombu gives its loggers and Celery's a null handler, so that
    their messages, even a worker's death, would be lost."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _renderer(settings.log_format),
            ],
            foreign_pre_chain=[
                structlog.stdlib.add_logger_name,
                structlog.stdlib.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
            ],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


def _renderer(choice: Literal["auto", "console", "json"]) -> structlog.typing.Processor:
    if choice == "console" or (choice == "auto" and sys.stderr.isatty()):
        return _to_console
    return structlog.processors.JSONRenderer()


_console = structlog.dev.ConsoleRenderer()


def _to_console(logger: Any, name: str, event: MutableMapping[str, Any]) -> str:
    """Render with control characters in texts escaped; JSON escapes them anyway."""
    texts = {key: plain(value) for key, value in event.items() if isinstance(value, str)}
    return _console(logger, name, {**event, **texts})
