"""Shared by both Celery systems: the application, and the connections of a process."""

import os
from functools import cache

import httpx
import redis
from celery import Celery

from bench.site import HEADERS, PROVIDER, REDIS, Site, celery_url
from sendmany.local.processes import Child, python, start


def new_app() -> Celery:
    """A Celery application with defaults, for the server in the environment."""
    app = Celery("bench", broker=celery_url(os.environ.get(REDIS, "")))
    app.conf.task_ignore_result = True  # tasks record outcomes themselves
    return app


@cache
def http() -> httpx.Client:
    """The provider."""
    return httpx.Client(base_url=os.environ[PROVIDER], headers=HEADERS, trust_env=False)


@cache
def store() -> redis.Redis:
    """The server."""
    return redis.Redis.from_url(os.environ[REDIS])


def start_celery(module: str, site: Site, processes: int) -> Child:
    """Start a Celery worker with defaults."""
    options = ("--pool", "prefork", "--concurrency", str(processes), "--loglevel", "WARNING")
    return start(
        python("celery", "-A", module, "worker", *options),
        site.log("worker"),
        env={**os.environ, **site.environment},
    )
