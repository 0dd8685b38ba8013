"""Where `celery -A worker worker` looks for the application."""

from worker.process.tasks import app

__all__ = ["app"]
