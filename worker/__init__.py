"""The worker: Celery tasks, the dispatcher, delivery of one batch, retries, recovery.

`celery -A worker worker` runs it. The life of a batch reads from top to bottom in
`worker.delivery.deliver`.
"""
