"""The Celery side of a worker: tasks, the engine of a process, its consumer."""
