"""The Celery application, for `celery -A worker worker`."""

from worker.process.tasks import app

__all__ = ["app"]
