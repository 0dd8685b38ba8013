"""sendmany as deployed: campaigns from a recipient file, a Celery worker, all guarantees."""

import json
import os
from functools import cache
from pathlib import Path

import redis

from bench.site import API_KEY, SUB_ACCOUNT, Site
from bench.workload import Work, message, number
from config.celery_app import send_wake_up
from config.settings import load_settings
from producer.campaigns.launch import Launch, check, run
from producer.messages.producer import Producer
from sendmany.local.processes import Child
from sendmany.local.stack import Local, LocalPlan
from store.client import Store, text
from store.keys import lane_keys, lanes_called
from store.lanes.lane import Priority, parse_counts, still_open
from store.reports.recount import recount


class Sendmany:
    """Limits are off, since the provider of the bench has none; nothing else is."""

    can_probe = True
    can_be_urgent = True

    def start_workers(self, site: Site, processes: int) -> Child:
        plan = LocalPlan(
            Path(site.home),
            embedded=False,
            worker_processes=processes,
            environment=tuple(self.settings(site).items()),
        )
        return Local(plan).start_worker()

    def enqueue(self, site: Site, work: Work) -> None:
        store = self._store(site)
        for name, file in zip(work.names, work.files, strict=True):
            run(store, check(self.launch(site, work, name, file)), send_wake_up)

    def launch(self, site: Site, work: Work, name: str, file: str) -> Launch:
        """The launch of one campaign."""
        return Launch(name, SUB_ACCOUNT, Path(file), Path(work.message), send_while_loading=True)

    def settings(self, site: Site) -> dict[str, str]:
        """The environment of its processes."""
        account = {
            "base_url": site.provider_url,
            "api_key": API_KEY,
            "messages_per_second": 0,
            "requests_per_second": 0,
        }
        return {
            "SENDMANY_REDIS_URL": site.redis_url,
            "SENDMANY_BROKER_URL": "",
            "SENDMANY_STATE_DIR": site.home,
            "SENDMANY_SUB_ACCOUNTS": json.dumps({SUB_ACCOUNT: account}),
        }

    def enqueue_one(self, site: Site, run: str, index: int, *, urgent: bool) -> str:
        body = message(run, index, number(index), "Ada")
        del body["clientMessageId"]  # sendmany adds its own
        priority = Priority.URGENT if urgent else Priority.NORMAL
        return self._producer(site).enqueue(body, priority=priority).id

    def recorded(self, client: redis.Redis, work: Work) -> int:
        counted = client.pipeline(transaction=False)
        for lane in lanes_of(client, work):
            counted.hgetall(lane_keys(lane).counts)
        counts = [parse_counts(reply) for reply in counted.execute()]
        return sum(sum(states.values()) - still_open(states) for states in counts)

    def balances(self, client: redis.Redis, work: Work) -> bool:
        store = Store(client)
        counts = [recount(store, lane) for lane in lanes_of(client, work)]
        everyone = sum(count.accepted_jobs for count in counts) == work.recipients
        return everyone and all(count.balanced for count in counts)

    @cache  # noqa: B019 - one object a process
    def _store(self, site: Site) -> Store:
        os.environ.update(self.settings(site))
        return Store.connect(load_settings().redis_url)

    @cache  # noqa: B019
    def _producer(self, site: Site) -> Producer:
        return Producer(self._store(site), load_settings())


def lanes_of(client: redis.Redis, work: Work) -> list[str]:
    """The lanes of a run's campaigns."""
    found = [client.hget(lanes_called(name), SUB_ACCOUNT) for name in work.names]
    return [text(lane) for lane in found if lane is not None]


SYSTEM = Sendmany()
