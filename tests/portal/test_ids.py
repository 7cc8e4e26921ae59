"""Ids in the order of time."""

import time

from authsignal_portal.ids import uuid7


def test_an_id_tells_when_it_was_made_and_nothing_else_about_it_repeats():
    before = time.time_ns() // 1_000_000
    made = [uuid7() for _ in range(10_000)]
    after = time.time_ns() // 1_000_000
    assert {(one.version, one.variant) for one in made} == {(7, "specified in RFC 4122")}
    assert all(before <= one.int >> 80 <= after for one in made)
    assert len({one.int & (1 << 62) - 1 for one in made}) == len(made)
    assert len({one.int >> 64 & 0xFFF for one in made}) > 3000
