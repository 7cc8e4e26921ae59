"""Ids in the order of time."""

import time
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsignal_portal.ids import reference, referred, uuid7


def test_an_id_tells_when_it_was_made_and_nothing_else_about_it_repeats():
    before = time.time_ns() // 1_000_000
    made = [uuid7() for _ in range(10_000)]
    after = time.time_ns() // 1_000_000
    assert {(one.version, one.variant) for one in made} == {(7, "specified in RFC 4122")}
    assert all(before <= one.int >> 80 <= after for one in made)
    assert len({one.int & (1 << 62) - 1 for one in made}) == len(made)
    assert len({one.int >> 64 & 0xFFF for one in made}) > 3000


@given(st.integers(0, 2**48 - 1), st.integers(0, 2**12 - 1), st.integers(0, 2**62 - 1))
def test_a_reference_leads_back_to_the_id_however_it_is_read_out(moment, high, low):
    ident = UUID(int=moment << 80 | 7 << 76 | high << 64 | 2 << 62 | low)
    said = reference(ident)
    first, last = referred(f" {said.lower().replace('1', 'l').replace('0', 'o').replace('-', ' ')} ")
    assert first <= ident <= last
    assert last.int - first.int < 1 << 64
    assert reference(first) == reference(last) == said


@pytest.mark.parametrize("text", ["", "06JH", "06JH-4A0T-ZK8U", "06JH-4A0T-ZK8M-1", "0" * 13, "é" * 12])
def test_what_is_no_reference_is_told(text):
    with pytest.raises(ValueError, match="12 letters and digits"):
        referred(text)
