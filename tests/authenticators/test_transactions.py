"""Transactions in canonical form: the same one is written one way, and a different one never the same way."""

import json
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authenticators.transactions import Transaction, linked_challenge, plain_number

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
amounts = (
    st.integers(0, 2**53 - 1)
    | st.floats(0, 2**53 - 1, allow_nan=False)
    | st.from_regex(r"[0-9]{1,9}(\.[0-9]{1,4})?", fullmatch=True)
)
transactions = st.builds(Transaction, amount=amounts, currency=texts, payee=texts, text=texts)


@given(transactions)
def test_a_transaction_is_read_back_from_its_canonical_form(one):
    read = Transaction.read(one.canonical)
    assert read == one
    assert (read.canonical, read.hash) == (one.canonical, one.hash)


@given(transactions, transactions)
def test_two_transactions_have_one_form_exactly_where_they_are_equal(one, other):
    assert (one.canonical == other.canonical) == (one == other)


@given(transactions)
def test_the_canonical_form_is_json_with_sorted_names_and_no_spaces(one):
    assert list(json.loads(one.canonical)) == ["amount", "currency", "payee", "text"]
    texts_only = {"currency": one.currency, "payee": one.payee, "text": one.text}
    tail = json.dumps(texts_only, ensure_ascii=False, separators=(",", ":"))[1:]
    assert one.canonical.endswith("," + tail)
    assert one.hash == sha256(one.canonical.encode()).hexdigest()


@pytest.mark.parametrize(
    ("amount", "written"),
    [(1000, "1000"), (1e3, "1000"), (0, "0"), (-0.0, "0"), (0.1, "0.1"), (1e-7, "1e-7")],
)
def test_numbers_are_written_as_ecmascript_does(amount, written):
    made = Transaction(amount, "EUR", "Bob", "x")
    assert made.canonical == f'{{"amount":{written},"currency":"EUR","payee":"Bob","text":"x"}}'


def test_texts_stand_as_they_are_and_only_what_json_must_escape_is_escaped():
    made = Transaction("1", "EUR", 'é€"\\', "a\nb/")
    assert made.canonical == '{"amount":"1","currency":"EUR","payee":"é€\\"\\\\","text":"a\\nb/"}'


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"amount":1,"currency":"EUR","payee":"Bob"}',
        '{"amount": 1,"currency":"EUR","payee":"Bob","text":"x"}',
        '{"currency":"EUR","amount":1,"payee":"Bob","text":"x"}',
        '{"amount":1e0,"currency":"EUR","payee":"Bob","text":"x"}',
        '{"amount":1,"currency":"EUR","payee":"Bob","text":"x","more":1}',
        '{"amount":1,"amount":1,"currency":"EUR","payee":"Bob","text":"x"}',
    ],
)
def test_no_other_form_is_read(text):
    with pytest.raises(ValueError):
        Transaction.read(text)


@pytest.mark.parametrize(
    ("number", "plain"), [(1e3, "1000"), (1e-7, "0.0000001"), (0.30000000000000004, "0.30000000000000004"), ("5", "5")]
)
def test_a_reader_sees_no_exponent(number, plain):
    assert plain_number(number) == plain


def test_a_passkeys_challenge_depends_on_every_byte_of_both_parts():
    nonce, linked = bytes(range(32)), sha256(b"x").hexdigest()
    assert linked_challenge(nonce, linked) == sha256(nonce + bytes.fromhex(linked)).digest()
    for wrong in (nonce[:-1], nonce + b"x", b""):
        with pytest.raises(ValueError):
            linked_challenge(wrong, linked)
    with pytest.raises(ValueError):
        linked_challenge(nonce, linked[:-2])
