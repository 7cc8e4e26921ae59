"""Sealing and keyed hashing: what was moved or altered does not open, and keys can be rotated."""

import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsignal_portal import crypto

PLACE = ("table", "column", "row")


@pytest.fixture
def data_key():
    return crypto.new_data_key("owner")


def seal(data_key, text="secret", owner="owner", place=PLACE):
    return crypto.seal(text, data_key=data_key, owner=owner, place=place)


def unseal(data_key, sealed, owner="owner", place=PLACE):
    return crypto.unseal(sealed, data_key=data_key, owner=owner, place=place)


@pytest.mark.parametrize("text", ["", "secret", "ü🦊", b"\x00\xff", "x" * 100_000])
def test_what_is_sealed_opens_in_its_place(data_key, text):
    raw = text if isinstance(text, bytes) else text.encode()
    assert unseal(data_key, seal(data_key, text)) == raw


def test_the_same_text_seals_differently_each_time(data_key):
    assert seal(data_key) != seal(data_key)
    assert b"secret" not in seal(data_key)


@pytest.mark.parametrize(
    "place",
    [("table", "column", "other"), ("table", "other", "row"), ("tablec", "olumn", "row"), ("table", "column"), ()],
)
def test_it_opens_nowhere_else(data_key, place):
    with pytest.raises(crypto.OpeningFailed):
        unseal(data_key, seal(data_key), place=place)
    with pytest.raises(crypto.OpeningFailed):
        unseal(data_key, seal(data_key), owner="another")
    with pytest.raises(crypto.OpeningFailed):
        unseal(crypto.new_data_key("owner"), seal(data_key))


def test_a_data_key_belongs_to_its_owner(data_key):
    with pytest.raises(crypto.OpeningFailed):
        crypto.unseal(seal(data_key), data_key=data_key, owner="thief", place=PLACE)


def test_no_byte_may_be_altered_and_none_may_be_missing(data_key):
    sealed = seal(data_key)
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises(crypto.OpeningFailed):
            unseal(data_key, bytes(changed))
    for short in (b"", sealed[:1], sealed[:5], sealed[:-1], sealed + b"\0"):
        with pytest.raises(crypto.OpeningFailed):
            unseal(data_key, short)


def test_a_new_master_key_opens_what_the_old_one_wrapped_until_it_is_withdrawn(data_key, settings):
    sealed, old = seal(data_key), settings.MASTER_KEYS
    settings.MASTER_KEYS = {"t2": secrets.token_bytes(32), **old}
    assert unseal(data_key, sealed) == b"secret"
    wrapped_anew = crypto.new_data_key("owner")
    assert b"t2" in wrapped_anew[:4]
    settings.MASTER_KEYS = {"t2": settings.MASTER_KEYS["t2"]}
    crypto._data_key.cache_clear()
    assert seal(wrapped_anew)
    with pytest.raises(crypto.OpeningFailed):
        unseal(data_key, sealed)


def test_a_new_pepper_hashes_and_the_old_one_still_checks(settings):
    stored, old = crypto.keyed_hash("purpose", "value"), settings.PEPPERS
    settings.PEPPERS = {"t2": secrets.token_bytes(32), **old}
    assert crypto.keyed_hash("purpose", "value").startswith("t2:")
    assert crypto.is_keyed_hash(stored, "purpose", "value")
    assert stored in crypto.keyed_hashes("purpose", "value")
    settings.PEPPERS = {"t2": settings.PEPPERS["t2"]}
    assert not crypto.is_keyed_hash(stored, "purpose", "value")


@pytest.mark.parametrize(
    "other",
    [("purpose", "valu", "e"), ("purpos", "evalue"), ("purpose", "value", ""), ("purpose",), ("other", "value")],
)
def test_a_hash_is_of_exactly_these_parts(other):
    assert not crypto.is_keyed_hash(crypto.keyed_hash("purpose", "value"), *other)


@pytest.mark.parametrize("stored", ["", ":", "t1", "t1:", "t1:00", "unknown:00", "nothing at all"])
def test_what_is_no_hash_matches_nothing(stored):
    assert not crypto.is_keyed_hash(stored, "purpose", "value")


@given(st.lists(st.binary(max_size=6)), st.lists(st.binary(max_size=6)))
def test_two_lists_frame_alike_only_if_they_are_alike(one, other):
    assert (crypto.framed(*one) == crypto.framed(*other)) == (one == other)
