"""Throughput of one web process, with the load from a second process.

`python -m bench.web --seconds 10 [--json] [--scenes single,batch,…]` starts the embedded server and a
web process, and measures:

    single      POST /v1/messages, one message per request
    keyed       the same with idempotency keys
    batch       POST /v1/messages/batch, 1,000 messages per request
    receipts    POST /webhooks, without a worker
    applied     a worker applies stored receipts, three for each message
    sustained   both at once: receipts are posted, and a worker applies them
    campaign    a worker sends a campaign, then the provider posts three receipts for each message, of
                version 9, `delivered` with the content; a second is what two cores would do, by CPU
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from bench.enqueue import message
from bench.errors import BenchError
from bench.meter import check_machine
from bench.web_load import MARK, SHORT_MARK, Answered
from bench.web_stage import SECRET, WebStage, wait_until
from bench.workload import NUMBER_STARTS, content
from sendmany.errors import ProcessError

BATCH: Final = 1000
TOLD: Final = ("sent", "delivered", "read")
PATIENCE: Final = 300.0
Figures = dict[str, Any]


def single(stage: WebStage, seconds: float, people: int) -> Figures:
    """One message per request."""
    bodies = [json.dumps({"message": message(i)}) for i in range(BATCH)]
    return _call(stage, "/v1/messages", bodies, seconds, connections=32)


def keyed(stage: WebStage, seconds: float, people: int) -> Figures:
    """One message per request, each with a new key."""
    key = f"order-{MARK.decode()}"
    bodies = [json.dumps({"message": message(i), "key": key}) for i in range(BATCH)]
    return _call(stage, "/v1/messages", bodies, seconds, connections=32)


def batch(stage: WebStage, seconds: float, people: int) -> Figures:
    """A thousand messages per request."""
    body = json.dumps({"messages": [{"message": message(i)} for i in range(BATCH)]})
    path = "/v1/messages/batch"
    return _call(stage, path, [body], seconds, connections=4, messages=BATCH)


def receipts(stage: WebStage, seconds: float, people: int) -> Figures:
    """One receipt per request, as the provider posts them."""
    bodies = [receipt("nowhere", MARK.decode(), told) for told in TOLD]
    return _call(stage, "/webhooks", bodies, seconds, connections=32, authorization=SECRET)


def applied(stage: WebStage, seconds: float, people: int) -> Figures:
    """A worker with a backlog of receipts."""
    lane = stage.accepted_campaign(people)
    stage.fill_inbox(_all_receipts(lane, people))
    all_ = stage.inbox.waiting
    stage.start_worker()
    begin, cpu = _last_look_before(stage, all_)
    wait_until(lambda: stage.inbox.waiting == 0, PATIENCE)
    took = time.monotonic() - begin
    return {"per_s": round(all_ / took), "cpu_us": _per(all_, cpu, stage.cpu())}


def sustained(stage: WebStage, seconds: float, people: int) -> Figures:
    """Receipts are posted while a worker applies them."""
    lane = stage.accepted_campaign(people)
    stage.fill_inbox(iter([receipt(lane, "0" * 10, "sent").encode()]))
    stage.start_worker()
    wait_until(lambda: stage.inbox.waiting == 0, PATIENCE)  # it has started
    bodies = [receipt(lane, MARK.decode(), told) for told in TOLD]
    cpu, begin = stage.cpu(), time.monotonic()
    caller = stage.begin("/webhooks", SECRET, bodies, connections=32, seconds=seconds, every=3)
    answered = stage.finish(caller, seconds)
    stands, ended = stage.inbox, time.monotonic()
    wait_until(lambda: stage.inbox.waiting == 0, PATIENCE)
    all_applied = time.monotonic()
    return {
        **_figures(answered),
        "cpu_us": _per(answered.total, cpu, stage.cpu()),
        "applied_per_s": round(answered.total / (all_applied - begin)),
        "waiting_at_the_end": stands.waiting,
        "oldest_at_the_end_s": round(stands.oldest_age, 1),
        "all_applied_after_s": round(all_applied - ended, 1),
    }


def campaign(stage: WebStage, seconds: float, people: int) -> Figures:
    """Cost of a message with all its receipts, by process; the load is excluded."""
    stage.start_sender()
    stage.send_campaign("warm-up", BATCH)
    start, begin = stage.cpu(), time.monotonic()
    lane = stage.send_campaign("campaign", people)
    sent = stage.cpu()
    bodies = [receipt_9(lane, MARK.decode(), told) for told in TOLD]
    all_ = people * len(TOLD)
    caller = stage.begin(
        "/webhooks", SECRET, bodies, connections=32, seconds=PATIENCE, every=len(TOLD), most=all_
    )
    answered = stage.finish(caller, PATIENCE)
    wait_until(lambda: stage.inbox.waiting == 0, PATIENCE)
    took, end = time.monotonic() - begin, stage.cpu()
    if stage.inbox.applied != all_:
        raise BenchError(f"Of {all_} receipts {stage.inbox.applied} were applied.")
    a_message, a_receipt = _per(people, start, sent), _per(all_, sent, end)
    whole = sum(a_message.values()) + len(TOLD) * sum(a_receipt.values())
    return {
        **_figures(answered),
        "per_s": round(2e6 / whole),
        "by_the_clock_per_s": round(people / took),
        "cpu_us": a_receipt,
        "cpu_us_a_message": a_message,
        "cpu_us_a_receipt": round(sum(a_receipt.values()), 1),
    }


SCENES: Final[dict[str, Callable[[WebStage, float, int], Figures]]] = {
    scene.__name__: scene
    for scene in (single, keyed, batch, receipts, applied, sustained, campaign)
}


def receipt(lane: str, index: str, told: str) -> str:
    """A receipt of the provider (provider docs, delivery receipts)."""
    status = {"state": told, "timestamp": "2026-11-22T10:00:00.00Z"}
    user = {"msisdn": f"+44{index}", "channelUserId": f"44{index}"}
    payload = {
        "umid": "5c1a7a4c-0000-4000-8000-000000000001",
        "batchId": "5c1a7a4c-0000-4000-8000-000000000002",
        "clientMessageId": f"{lane}.{index}.1",
        "clientBatchId": f"{lane}.000000000000",
        "subAccountId": "bench",
        "channel": "WhatsApp",
        "user": user,
        "status": status,
    }
    envelope = {"namespace": "ChatApps", "eventType": "outbound_message_status_changed"}
    return json.dumps({**envelope, "description": "bench", "payload": payload})


def receipt_9(lane: str, index: str, told: str) -> str:
    """A receipt of version 9 for a message of `bench.workload`; `delivered` repeats what was sent."""
    whole = json.loads(receipt(lane, index, told))
    payload = whole["payload"]
    number = f"{NUMBER_STARTS[0]}{SHORT_MARK.decode()}"
    payload["user"] = {"msisdn": number, "channelUserId": f"GB.{index}"}
    payload["whatsapp"] = {"pricingCategory": "marketing"}
    if told == "delivered":
        payload["status"]["detail"] = "delivered_to_recipient"
        template = content("Ada")["content"]["template"]
        (body,) = template["components"]
        payload["outboundContent"] = {
            "channel": "WhatsApp",
            "contentType": "template",
            "template": {"name": template["name"], "language": template["language"]},
            "body": {"text": " ".join(part["text"] for part in body["parameters"] * 2)},
            "actions": [{"type": "quickReply", "text": "Stop promotions"}],
        }
    return json.dumps({**whole, "version": 9})


def _last_look_before(stage: WebStage, waiting: int) -> tuple[float, dict[str, float]]:
    """The last time at which so many were waiting, none applied yet (s, monotonic clock), and the CPU
    time by then: so that even a few are not applied before the measurement begins."""
    look = time.monotonic(), stage.cpu()

    def has_begun() -> bool:
        nonlocal look
        now = time.monotonic(), stage.cpu()
        if stage.inbox.waiting < waiting:
            return True
        look = now
        return False

    wait_until(has_begun, PATIENCE)
    return look


def _all_receipts(lane: str, people: int) -> Iterator[bytes]:
    for told in TOLD:
        body = receipt(lane, MARK.decode(), told).encode()
        for index in range(people):
            yield body.replace(MARK, b"%010d" % index)


def _call(
    stage: WebStage, path: str, bodies: Sequence[str], seconds: float, *,
    connections: int, messages: int = 1, authorization: str | None = None,
) -> Figures:  # fmt: skip
    cpu = stage.cpu()
    caller = stage.begin(
        path,
        stage.bearer if authorization is None else authorization,
        bodies,
        connections=connections,
        seconds=seconds,
    )
    answered = stage.finish(caller, seconds)
    return {
        **_figures(answered, messages),
        "cpu_us": _per(answered.total * messages, cpu, stage.cpu()),
    }


def _figures(answered: Answered, messages: int = 1) -> Figures:
    bad = {status for status in answered.statuses if not status.startswith("2")}
    if bad:
        raise BenchError(f"Not all was taken: {answered.statuses}")
    requests = answered.counted / answered.seconds
    figures: Figures = {"per_s": round(requests * messages)}
    if messages > 1:
        figures["requests_per_s"] = round(requests, 1)
    load = round(answered.cpu_seconds / answered.total / messages * 1e6, 1)
    return {**figures, "p50_ms": answered.p50_ms, "p99_ms": answered.p99_ms, "load_cpu_us": load}


def _per(n: int, before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    """CPU time of each in µs, by process."""
    return {name: round((after[name] - before.get(name, 0)) / n * 1e6, 1) for name in after}


def main() -> int:
    """Measure and print; returns the exit code."""
    chosen = _parse()
    home = Path(tempfile.mkdtemp(prefix="bench-web-"))
    found: dict[str, Figures] = {}
    try:
        for name in chosen.scenes:
            machine = check_machine()
            with WebStage(home / name) as stage:
                found[name] = {
                    **SCENES[name](stage, chosen.seconds, chosen.people),
                    "machine": asdict(machine),
                }
            print(f"{name}: {found[name]['per_s']:,}/s", file=sys.stderr, flush=True)
    except (BenchError, ProcessError) as error:
        print(f"bench: {error} (logs: {home})", file=sys.stderr)
        return 1
    shutil.rmtree(home)
    if chosen.json:
        print(json.dumps(found, indent=2))
    else:
        _show(found)
    return 0


def _show(found: dict[str, Figures]) -> None:
    table = Table("", "a second", "ms p50", "p99", "µs web", "redis", "worker", "busy elsewhere")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, of in found.items():
        cpu = of["cpu_us"]
        times = (str(of.get("p50_ms", "")), str(of.get("p99_ms", "")))
        costs = (str(cpu.get(process, "")) for process in ("web", "redis", "worker"))
        busy = f"{of['machine']['busy_elsewhere']:g} cores"
        table.add_row(name, f"{of['per_s']:,}", *times, *costs, busy)
    Console(width=100).print(table)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.web", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--people", type=int, default=50_000, help="whose receipts are applied")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--scenes", type=_names, default=list(SCENES), help="with commas between")
    return parser.parse_args()


def _names(text: str) -> list[str]:
    names = text.split(",")
    for name in names:
        if name not in SCENES:
            raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(SCENES)}")
    return names


if __name__ == "__main__":
    sys.exit(main())
