"""The canary of a campaign: chosen by a hash of the number, whatever the order of the file."""

import random
from collections.abc import Sequence
from typing import Any

import pytest

from config.sections import Campaigns, Webhooks
from config.settings import Settings
from producer.campaigns.canary import canary_size, choose_canary, read_canary, warmed_up
from producer.campaigns.load import end_of_file
from producer.campaigns.schedule import see_that_it_may_start
from producer.errors import InputError
from store.client import Call, Store
from store.lanes.lane import WARM_UP, Canary, Lane, find_lane
from store.lanes.open import CampaignPlan, open_campaign
from store.purposes import Purpose
from store.queue.enqueue import Place, enqueue_rows
from store.reports.lane_report import waiting_jobs
from store.reports.recount import recount
from store.states import State
from store.templates import keep_quality

RECEIVED = Settings(webhooks=Webhooks(received=True))


def begun(store: Store, people: Sequence[bytes], canary: str, *, chunk: int = 1000) -> Lane:
    """A campaign with a canary whose rows are in, and whose file has not ended."""
    plan = CampaignPlan("Spring", "shop", b"content", "digest", "source", canary=canary)
    lane, _ = open_campaign(store, plan)
    for first in range(0, len(people), chunk):
        part = [b"%b\tBen" % who for who in people[first : first + chunk]]
        end = first + len(part)
        store.run(enqueue_rows(lane, Place(first), Place(end, end, end), part, 0))
    return find_lane(store, lane)


def first_ones(store: Store, lane: Lane) -> set[bytes]:
    return {job.recipient for state, job in waiting_jobs(store, lane.id) if state is State.QUEUED}


def numbers(n: int) -> list[bytes]:
    return [b"%d" % (447700900000 + i) for i in range(n)]


class Interrupted(Exception):
    """Stands for a kill -9 between two calls."""


class TestChoice:
    @pytest.mark.parametrize(("canary", "size"), [("40", 40), ("5%", 125), ("9000", 2500)])
    def test_so_many_are_queued_and_the_others_wait(
        self, store: Store, canary: str, size: int
    ) -> None:
        lane = begun(store, numbers(2500), canary)
        assert first_ones(store, lane) == set()
        lane = end_of_file(store, lane, lambda: None)
        assert (lane.canary_state, lane.canary_size) == (Canary.SENDING, size)
        assert len(first_ones(store, lane)) == size
        assert recount(store, lane.id).balanced

    def test_the_order_of_the_file_does_not_matter(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("store.lanes.open.secrets.token_hex", lambda _: "abcdef")
        people = [*numbers(1800), b"GB.user-one", b"GB.user-two"]
        chosen = []
        for chunk in (1000, 70):
            random.Random(chunk).shuffle(people)
            store.client.flushall()
            lane = end_of_file(store, begun(store, people, "30", chunk=chunk), lambda: None)
            chosen.append(first_ones(store, lane))
        assert len(chosen[0]) == 30
        assert chosen[0] == chosen[1]

    def test_another_campaign_has_other_people_in_front(self, store: Store) -> None:
        chosen = []
        for _ in range(2):
            store.client.flushall()
            lane = end_of_file(store, begun(store, numbers(1000), "100"), lambda: None)
            chosen.append(first_ones(store, lane))
        assert chosen[0] != chosen[1]

    def test_a_choice_that_was_killed_goes_on_and_ends_with_the_same_people(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lane, real, left = begun(store, numbers(2000), "60", chunk=100), store.run, [7]

        def run_call(call: Call[Any]) -> Any:
            if call.script == "choose_canary":
                left[0] -= 1
                if left[0] < 0:
                    raise Interrupted
            return real(call)

        monkeypatch.setattr(store, "run", run_call)
        with pytest.raises(Interrupted):
            choose_canary(store, lane)
        some = first_ones(store, lane)
        assert 0 < len(some) < 60
        monkeypatch.setattr(store, "run", real)
        lane = end_of_file(store, lane, lambda: None)
        assert lane.canary_size == len(first_ones(store, lane)) == 60
        assert some < first_ones(store, lane)
        assert recount(store, lane.id).balanced


class TestOption:
    @pytest.mark.parametrize(("said", "canary"), [("500", "500"), (" 5 %", "5%"), ("0.5%", "0.5%")])
    def test_a_number_or_a_share_is_read(self, said: str, canary: str) -> None:
        assert read_canary(RECEIVED, said, early=False) == canary

    @pytest.mark.parametrize("said", ["", "few", "0", "0%", "100%", "-5", "5.5"])
    def test_what_is_neither_is_refused_with_the_form(self, said: str) -> None:
        with pytest.raises(InputError, match="as 500 or 5%"):
            read_canary(RECEIVED, said, early=False)

    def test_it_is_refused_without_receipts_or_while_loading(self) -> None:
        with pytest.raises(InputError, match="none are received"):
            read_canary(Settings(), "5%", early=False)
        with pytest.raises(InputError, match="send-while-loading"):
            read_canary(RECEIVED, "5%", early=True)

    def test_a_warm_up_is_asked_for_or_set_and_never_in_the_way(self) -> None:
        assert read_canary(RECEIVED, "warm-up", early=False) == WARM_UP
        with pytest.raises(InputError, match="none are received"):
            read_canary(Settings(), "warm-up", early=False)
        always = {"campaigns": Campaigns(warm_up=True)}
        received = RECEIVED.model_copy(update=always)
        assert read_canary(received, None, early=False) == WARM_UP
        assert read_canary(received, "5%", early=False) == "5%"
        assert read_canary(received, None, early=True) == ""
        assert read_canary(Settings().model_copy(update=always), None, early=False) == ""
        assert read_canary(RECEIVED, None, early=False) == ""

    @pytest.mark.parametrize(
        ("template", "purpose", "quality", "found"),
        [
            ("sale:en", None, "", WARM_UP),
            ("sale:en", Purpose.MARKETING, "YELLOW", WARM_UP),
            ("sale:en", Purpose.MARKETING, "GREEN", ""),
            ("sale:en", Purpose.UTILITY, "", ""),
            ("", Purpose.MARKETING, "", ""),
        ],
    )
    def test_marketing_templates_are_warmed_up_that_are_not_known_to_be_good(
        self, store: Store, template: str, purpose: Purpose | None, quality: str, found: str
    ) -> None:
        if quality:
            store.run(keep_quality("shop", template, quality))
        assert warmed_up(store, "shop", WARM_UP, template, purpose) == found
        assert warmed_up(store, "shop", "5%", template, purpose) == "5%"

    @pytest.mark.parametrize(("people", "first"), [(5000, 5000), (5001, 500), (10**6, 500)])
    def test_few_people_need_no_warm_up(self, people: int, first: int) -> None:
        assert canary_size(WARM_UP, people) == first

    def test_a_share_is_rounded_up(self) -> None:
        assert (canary_size("5%", 21), canary_size("5%", 0)) == (2, 0)

    def test_a_launch_that_is_repeated_with_another_canary_is_refused(self, store: Store) -> None:
        lane = begun(store, numbers(10), "5")
        see_that_it_may_start(store, lane.name, "shop", None, "5")
        with pytest.raises(InputError, match="another canary"):
            see_that_it_may_start(store, lane.name, "shop", None, "6")
        # the template may have become good meanwhile, or the setting is new
        see_that_it_may_start(store, lane.name, "shop", None, WARM_UP)
