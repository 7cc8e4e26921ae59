"""Changes to value lists at once: none is lost, and each is effective, once acknowledged, with the next track anywhere.

The server's processes keep what they read of the lists until the version moves; here they are made to read it in the
middle of a change.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction

from rules import value_lists
from rules.models import ValueList, ValueListItem
from rules.value_lists import NewItem
from tests import make
from tests.conftest import SLOTS, Live
from tests.races.volley import ROUNDS, WAITING, Shot, fire

ON_LIST = {"in": [{"var": "device.id"}, {"var": "lists.blocked"}]}


@pytest.fixture
def blocked(live: Live) -> ValueList:
    made = value_lists.create(live.tenant, "Blocked")
    make.make_rule(make.make_action(live.tenant, "pay"), ON_LIST, "BLOCK")
    return made


def put(value_list: ValueList, *values: str) -> Callable[[], object]:
    return lambda: value_lists.put(ValueList.objects.get(pk=value_list.pk), [NewItem(value) for value in values])


def remove(value_list: ValueList, *values: str) -> Callable[[], object]:
    return lambda: value_lists.remove(ValueList.objects.get(pk=value_list.pk), values)


def seen(live: Live, *devices: str) -> set[str]:
    """Those that are on the list to every one of many simultaneous tracks, which are more than one process answers."""
    shots = [Shot("/v1/users/u/actions/pay", {"deviceId": device}) for device in devices for _ in range(SLOTS)]
    volley = fire(live, shots)
    assert set(volley.statuses) == {200}
    states = [answer.body["state"] for answer in volley.answers]
    found = {device: set(states[n * SLOTS : (n + 1) * SLOTS]) for n, device in enumerate(devices)}
    assert all(len(told) == 1 for told in found.values()), found
    return {device for device, told in found.items() if told == {"BLOCK"}}


class Change:
    """A change in a thread of its own. One that is `held` keeps its transaction open until it is told to end."""

    def __init__(self, change: Callable[[], object], *, held: bool = False) -> None:
        self.made, self.may_end = threading.Event(), threading.Event()
        if not held:
            self.may_end.set()
        self.executor = ThreadPoolExecutor(max_workers=1)
        self.outcome = self.executor.submit(self.run, change)

    def run(self, change: Callable[[], object]) -> None:
        try:
            with transaction.atomic():
                change()
                self.made.set()
                assert self.may_end.wait(30)
        finally:
            connection.close()

    def settle(self) -> None:
        """Until it is made, or waits for another change."""
        deadline = time.monotonic() + 10
        while not (self.made.is_set() or self.outcome.done()):
            with connection.cursor() as cursor:
                cursor.execute(WAITING)
                if cursor.fetchone()[0]:
                    return
            assert time.monotonic() < deadline
            time.sleep(0.005)

    def end(self) -> None:
        self.may_end.set()
        self.executor.shutdown()
        self.outcome.result()


def test_two_additions_at_once_are_both_known_to_the_next_track(live, blocked):
    for number in range(ROUNDS):
        first, second = f"first-{number}", f"second-{number}"
        one = Change(put(blocked, first), held=True)
        one.settle()
        other = Change(put(blocked, second), held=True)
        other.settle()
        # Whatever there is to see by now is seen, and kept; and again with one of them acknowledged.
        assert seen(live, first, second) == set()
        one.end()
        assert other.made.wait(10)
        assert seen(live, first, second) == {first}
        other.end()
        assert seen(live, first, second) == {first, second}
    versions = list(ValueListItem.objects.values_list("added_version", flat=True))
    assert len(set(versions)) == len(versions) == 2 * ROUNDS


def test_what_is_read_in_the_middle_of_a_change_is_read_again_after_it(live, blocked):
    for number in range(ROUNDS):
        value = f"value-{number}"
        for change, before, after in [(put, set(), {value}), (remove, {value}, set())]:
            held = Change(change(blocked, value), held=True)
            held.settle()
            assert seen(live, value) == before
            held.end()
            assert seen(live, value) == after


def test_many_changes_at_once_all_count(live, blocked):
    for number in range(ROUNDS):
        put(blocked, *(f"old-{number}-{n}" for n in range(4)))()
        devices = [f"new-{number}-{n}" for n in range(4)] + [f"old-{number}-{n}" for n in range(4)]
        seen(live, *devices)
        changes = [Change((put if "new" in device else remove)(blocked, device)) for device in devices]
        for change in changes:
            change.end()
        assert seen(live, *devices) == set(devices[:4])


def test_one_value_put_on_a_list_many_times_at_once_is_there_once(live, blocked):
    changes = [Change(put(blocked, "same", f"own-{n}")) for n in range(SLOTS)]
    for change in changes:
        change.end()
    assert value_lists.current(blocked).filter(value="same").count() == 1
    assert seen(live, "same", *(f"own-{n}" for n in range(3))) == {"same", "own-0", "own-1", "own-2"}


def test_a_list_that_is_deleted_while_values_are_put_on_it_is_gone(live, blocked):
    deleting = Change(lambda: value_lists.delete(ValueList.objects.get(pk=blocked.pk)), held=True)
    deleting.settle()
    refused: list[str] = []

    def late() -> None:
        try:
            value_lists.put(blocked, [NewItem("late")])
        except ValidationError as error:
            refused.extend(error.messages)

    adding = Change(late)
    adding.settle()
    deleting.end()
    adding.end()
    assert refused == ["This list was deleted."]
    assert not ValueListItem.objects.exists()
