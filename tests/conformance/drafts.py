"""Drafts in the store: whole or not at all, within their limits, gone when they are not touched."""

import threading
import zlib
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from store.client import Store
from store.errors import LaneMismatch, StoreRefused, UnknownLane
from store.keys import DRAFTS, kept_bytes, lane_keys
from store.lanes import drafts
from store.lanes.drafts import (
    Draft,
    begin_launch,
    create_draft,
    delete_draft,
    edit_draft,
    forget_draft,
    new_draft,
    open_text,
    write_file,
)
from store.lanes.lane import LaneStatus, find_lane, list_lanes
from store.lanes.open import open_campaign
from tests.conformance import given

TEXT = b"phone,name\n" + b"".join(b"+44770090%04d,Bo\n" % n for n in range(200))


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drafts, "PART_BYTES", 100)


@pytest.mark.usefixtures("small_parts")
class TestText:
    def test_it_reads_like_a_file(self, store: Store) -> None:
        lane = given.draft(store, TEXT)
        with open_text(store, lane) as text:
            assert text.read() == TEXT
            for at in (0, 99, 100, 101, len(TEXT) - 1, len(TEXT), len(TEXT) + 5):
                assert text.seek(at) == at
                assert text.read(150) == TEXT[at : at + 150]
            text.seek(95)
            assert text.readline() == TEXT[95 : TEXT.index(b"\n", 95) + 1]
            assert text.seek(0, 2) == len(TEXT)

    def test_several_files_read_as_one(self, store: Store) -> None:
        lane = given.draft(store, TEXT)
        more = write_file(store, lane.id, "shop", [b"more" * 60])
        lane = edit_draft(store, lane, replace(Draft.of(lane), files=(*Draft.of(lane).files, more)))
        with open_text(store, lane) as text:
            assert text.read() == TEXT + b"more" * 60

    def test_a_text_that_is_gone_is_told(self, store: Store) -> None:
        lane = given.draft(store, TEXT)
        store.client.delete(f"{lane_keys(lane.id).cells}{Draft.of(lane).files[0].id}")
        with (
            open_text(store, lane) as text,
            pytest.raises(StoreRefused, match="give the file again"),
        ):
            text.read()
        with pytest.raises(StoreRefused, match="give the file again"):
            edit_draft(store, lane, Draft({"rate": 5}, Draft.of(lane).files))


class TestWhole:
    def test_a_process_that_dies_while_it_writes_keeps_neither_name_nor_list(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lane = new_draft(store, "Draft", "shop")
        file = write_file(store, lane, "shop", [TEXT])  # and nothing after that
        assert list_lanes(store) == []
        with pytest.raises(UnknownLane):
            find_lane(store, "Draft")
        assert 0 < store.client.ttl(f"{lane_keys(lane).cells}{file.id}") <= drafts.WRITING_SECONDS
        launched, resumed = open_campaign(store, given.plan("Draft"))
        assert not resumed
        assert find_lane(store, launched).name == "Draft"

    @pytest.mark.parametrize("at", range(12))
    def test_wherever_a_process_dies_there_is_a_whole_draft_or_none(
        self, store: Store, monkeypatch: pytest.MonkeyPatch, at: int
    ) -> None:
        original, calls = store.run, 0

        def dying(call: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls > at:
                raise KeyboardInterrupt
            return original(call)

        monkeypatch.setattr(store, "run", dying)
        with suppress(KeyboardInterrupt):
            given.draft(store, TEXT)
        monkeypatch.setattr(store, "run", original)
        found = [lane for lane in list_lanes(store) if lane.name == "Draft"]
        for lane in found:
            with open_text(store, lane) as text:
                assert text.read() == TEXT
        again = given.draft(store, TEXT)
        assert find_lane(store, "Draft").id == again.id
        assert [lane.id for lane in list_lanes(store)] == [again.id]
        delete_draft(store, again)
        given.campaign(store, "Draft")

    def test_text_that_cannot_be_read_to_its_end_is_not_kept(self, store: Store) -> None:
        def blocks() -> Any:
            yield TEXT
            raise EOFError

        lane = new_draft(store, "Draft", "shop")
        with pytest.raises(EOFError):
            write_file(store, lane, "shop", blocks())
        assert not list(store.client.scan_iter("*:c:*"))
        assert not store.client.exists(kept_bytes("shop"))

    def test_of_two_that_take_a_name_at_once_one_gets_it(self, store: Store) -> None:
        ids = [new_draft(store, "Draft", "shop") for _ in range(2)]
        files = [write_file(store, lane, "shop", [TEXT, b"%d" % n]) for n, lane in enumerate(ids)]
        create_draft(store, ids[0], "Draft", "shop", Draft({}, (files[0],)))
        with pytest.raises(LaneMismatch):
            create_draft(store, ids[1], "Draft", "shop", Draft({}, (files[1],)))
        assert len(list(store.client.scan_iter("*:c:*"))) == 1
        assert store.client.hlen(kept_bytes("shop")) == 1


class TestChanges:
    def test_a_change_of_what_was_changed_meanwhile_is_refused(self, store: Store) -> None:
        lane = given.draft(store, TEXT)
        files = Draft.of(lane).files
        edit_draft(store, lane, Draft({"rate": 5}, files))
        mine = write_file(store, lane.id, "shop", [b"mine"])
        with pytest.raises(StoreRefused, match="changed meanwhile"):
            edit_draft(store, lane, Draft({"rate": 6}, (mine,)), "Other")
        assert Draft.of(find_lane(store, "Draft")).options == {"rate": 5}
        assert len(list(store.client.scan_iter("*:c:*"))) == 1
        assert given.campaign(store, "Other")  # the name is free

    def test_what_was_launched_is_neither_changed_nor_launched_again_nor_deleted(
        self, store: Store
    ) -> None:
        lane = given.draft(store, TEXT)
        begin_launch(store, lane, given.plan("Draft"))
        begun = find_lane(store, lane.id)
        assert (begun.status, begun.content, begun.loaded) == (
            LaneStatus.LOADING,
            b"content",
            False,
        )
        assert open_campaign(store, given.plan("Draft")) == (lane.id, True)
        for stale in (lane, begun):
            with pytest.raises(StoreRefused):
                begin_launch(store, stale, replace(given.plan("Draft"), rate=3))
            with pytest.raises(StoreRefused):
                edit_draft(store, stale, Draft({"rate": 5}, Draft.of(lane).files))
            with pytest.raises(StoreRefused):
                delete_draft(store, stale)
        forget_draft(store, begun)
        left = [key for key in store.client.scan_iter() if b":c:" in key or b"sm:drafts" in key]
        assert left == []
        assert find_lane(store, lane.id).draft == ""

    def test_many_who_launch_begin_it_once(self, store: Store) -> None:
        lane = given.draft(store, TEXT)
        outcomes: list[str] = []
        shared = Store(store.client, store._scripts)  # that of the fixture changes its user

        def launch(n: int) -> None:
            try:
                begin_launch(shared, lane, replace(given.plan("Draft"), rate=n))
                outcomes.append("begun")
            except StoreRefused:
                outcomes.append("refused")

        threads = [threading.Thread(target=launch, args=(n,)) for n in range(8)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        assert sorted(outcomes) == ["begun", *["refused"] * 7]


class TestLimits:
    def test_a_draft_and_all_of_a_sub_account_hold_so_many_bytes(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        size = len(zlib.compress(TEXT, 1))
        monkeypatch.setattr(drafts, "MOST_BYTES", 2 * size)
        given.draft(store, TEXT)
        given.draft(store, TEXT, "Second")
        with pytest.raises(StoreRefused, match="GiB"):
            given.draft(store, TEXT, "Third")
        delete_draft(store, find_lane(store, "Second"))
        given.draft(store, TEXT, "Third")
        monkeypatch.setattr(drafts, "MOST_DRAFT_BYTES", size - 1)
        with pytest.raises(StoreRefused, match="MiB"):
            given.draft(store, TEXT, "Fourth")

    def test_a_sub_account_has_so_many_drafts(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(drafts, "MOST_DRAFTS", 1)
        lane = given.draft(store, TEXT)
        edit_draft(store, lane, Draft({"rate": 5}, Draft.of(lane).files))
        with pytest.raises(StoreRefused, match="drafts"):
            given.draft(store, TEXT, "Second")

    def test_files_that_were_never_taken_in_count_until_they_vanish(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(drafts, "MOST_DRAFTS", 1)
        write_file(store, new_draft(store, "Dead", "shop"), "shop", [TEXT])
        with pytest.raises(StoreRefused):
            given.draft(store, TEXT)
        (file,) = store.client.hkeys(kept_bytes("shop"))
        store.client.hset(kept_bytes("shop"), file, "dead-1 900 1000")  # lapsed in 1970
        given.draft(store, TEXT)
        assert store.client.hlen(kept_bytes("shop")) == 1

    def test_a_draft_is_in_the_index_until_it_is_launched(self, store: Store) -> None:
        lane = given.draft(store, TEXT)
        touched = store.client.zscore(DRAFTS, lane.id)
        assert touched == lane.touched_at
        assert (
            store.client.ttl(f"{lane_keys(lane.id).cells}{Draft.of(lane).files[0].id}") > 7 * 86400
        )
