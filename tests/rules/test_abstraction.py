"""The cells of every kind of data point: no value falls between them, and none of them is empty."""

import json
import math
import random
from dataclasses import replace
from ipaddress import ip_address, summarize_address_range
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.abstraction.addresses import Addresses
from rules.abstraction.choices import Choices
from rules.abstraction.cnf import TRUE, Choice, Cnf, holds
from rules.abstraction.countries import Booleans, Countries
from rules.abstraction.domain import Atom, Domain, truth_in
from rules.abstraction.numbers import Numbers
from rules.abstraction.solver import Solver, Undecided
from rules.abstraction.texts import Texts
from rules.condition_tree import Comparison, read, write
from rules.lists import NOWHERE
from rules.operators import OPERATORS, VALUE, Operator
from rules.registry import DataPoint
from rules.types import (
    BOOLEAN,
    COUNTRY,
    IP,
    MISSING,
    MULTISELECT,
    NUMBER,
    TEXT,
    Kind,
    Truth,
    comparable,
    literal,
    storable,
)
from tests.rules.cases import CUSTOM_POINTS, NETWORKS, POOLS
from tests.rules.small_world import LOOKS_LIKE

DOMAINS: dict[Kind, type[Domain]] = {
    TEXT: Texts, NUMBER: Numbers, BOOLEAN: Booleans, COUNTRY: Countries, MULTISELECT: Choices, IP: Addresses,
}  # fmt: skip
KEYS = {
    TEXT: "custom.destination", NUMBER: "custom.amount", BOOLEAN: "custom.first", COUNTRY: "ip.countryCode",
    MULTISELECT: "custom.tags", IP: "ip.address",
}  # fmt: skip


def comparison(name: str, key: str, written: Any) -> Comparison:
    tree, problems = read(write(name, key, written), custom_points=CUSTOM_POINTS)
    assert isinstance(tree, Comparison), problems
    return tree


def point_of(kind: Kind, **changes: Any) -> DataPoint:
    example = {BOOLEAN: True, COUNTRY: "NZ", IP: "10.0.0.1", MULTISELECT: "a", NUMBER: 1, TEXT: "a"}[kind]
    return replace(comparison("contains" if kind is MULTISELECT else "==", KEYS[kind], example).point, **changes)


def foreign_atom(written: str) -> Atom:
    """Of an operation of which nothing is known."""
    form = f"{LOOKS_LIKE.symbol} {LOOKS_LIKE.shape.name}"
    return Atom(form, json.dumps(written), LOOKS_LIKE, TEXT, LOOKS_LIKE.read(TEXT, written), NOWHERE)


# Literals of operations that do not take a value of the data point's own kind.
PECULIAR = {
    name: written
    for names, written in [
        (("matches", "notMatches"), ["^a", "b$", "."]),
        (("before", "after"), ["2026-01-31"]),
        (("olderThan", "newerThan"), ["30d"]),
        (("inList", "notInList"), ["a", "others"]),
        (("isEmpty", "isNotEmpty"), [None]),
    ]
    for name in names
}


words = st.text("abz", max_size=4)
numbers = (
    st.sampled_from([*POOLS["number"], 2**53, 2**53 + 1, 2.0**53, math.nextafter(2.5, 3), 10**400 + 1, -(10**400)])
    | st.integers(-3, 5)
    | st.floats(-3, 5, allow_nan=False).map(lambda number: round(number, 1))
)
countries = st.sampled_from(["NZ", "AU", "US", "GB"])
choices = st.sampled_from(["a", "ab", 1, 1.0, 2.5])
mapped = [f"::ffff:{address}" for address in ("0.0.0.0", "10.0.0.0", "255.255.255.255")]
networks = st.sampled_from(
    [*NETWORKS, "::fffe:0:0/95", "::fffe:0:0/96", "::1:0:0:0/80", "10.0.0.0/9", "10.0.0.0/31", *mapped]
)
addresses = st.sampled_from([*POOLS["ip"], *mapped, "0.0.0.0", "255.255.255.255", "::", "::1", "::fffe:ffff:ffff"])
LITERALS: dict[Kind, st.SearchStrategy[Any]] = {
    TEXT: words, NUMBER: numbers, BOOLEAN: st.booleans(), COUNTRY: countries, MULTISELECT: choices, IP: addresses,
}  # fmt: skip
VALUES = LITERALS | {
    TEXT: st.text("abzä", max_size=7),
    COUNTRY: countries | st.sampled_from(["ZZ", "nz", "X1"]),
    MULTISELECT: st.lists(choices | st.sampled_from(["other", True, 7]), max_size=4),
    IP: addresses | st.ip_addresses().map(str),
}


@st.composite
def atoms(draw: st.DrawFn, kind: Kind) -> Atom:
    row = draw(st.sampled_from([one for one in OPERATORS.values() if kind in one.kinds]))
    if row.name in PECULIAR:
        return Atom.of(comparison(row.name, KEYS[kind], draw(st.sampled_from(PECULIAR[row.name]))))
    written = draw(networks if row.symbol == "ipInCidr" else LITERALS[kind])
    if row.symbol in ("in", "startsWith", "endsWith") and written == "":
        written = "a"
    if row.shape.name == "range":
        written = sorted([written, draw(LITERALS[kind])])
    elif row.shape.name == "list":
        written = [written] if row.symbol == "ipInCidr" else [written, *draw(st.lists(LITERALS[kind], max_size=2))]
    return Atom.of(comparison(row.name, KEYS[kind], written))


@st.composite
def asked(draw: st.DrawFn, kind: Kind) -> list[Atom]:
    found = draw(st.lists(atoms(kind), min_size=1, max_size=6))
    if kind is TEXT:
        found += draw(st.lists(st.builds(foreign_atom, st.just("a.*")), max_size=1))
    return list(dict.fromkeys(found))


def truths(kind: Kind, found: list[Atom], raw: Any) -> list[Truth]:
    value = None if raw is MISSING else comparable(kind, raw)
    return [atom.says(raw, value) for atom in found]


def solver_of(cnf: Cnf) -> Solver:
    return Solver(cnf, seconds=60)


@pytest.mark.parametrize("kind", Kind)
@given(st.data())
def test_every_value_is_in_a_cell_that_says_the_same(kind: Kind, data: st.DataObject) -> None:
    found, cnf = data.draw(asked(kind)), Cnf()
    domain = DOMAINS[kind](cnf, point_of(kind), found)
    raw = data.draw(VALUES[kind] | st.just(MISSING) | st.sampled_from([{"a": 1}, 7.5 if kind is TEXT else [None]]))
    literals = []
    for atom, truth in zip(found, truths(kind, found, raw), strict=True):
        rail = domain.rails[atom]
        literals += {True: [rail.true], False: [rail.false], None: [-rail.true, -rail.false]}[truth]
    is_known = raw is not MISSING and comparable(kind, raw) is not None
    assert solver_of(cnf).possible(*literals, domain.known if is_known else -domain.known)


@pytest.mark.parametrize("kind", Kind)
@given(st.data())
def test_every_cell_has_a_value_that_says_the_same(kind: Kind, data: st.DataObject) -> None:
    found, cnf = data.draw(asked(kind)), Cnf()
    domain = DOMAINS[kind](cnf, point_of(kind, optional=data.draw(st.booleans())), found)
    literals = [literal for rail in domain.rails.values() for literal in (*rail, -rail.true, -rail.false)]
    model = solver_of(cnf).model((), data.draw(st.permutations(literals)))
    raw = domain.value(model)
    exact = [atom for atom in found if atom not in domain.opaque]
    assert truths(kind, exact, raw) == [truth_in(model, domain.rails[atom]) for atom in exact]
    assert raw is not MISSING or domain.point.optional
    assert raw is MISSING or storable(raw) == raw


@given(st.data(), st.sampled_from([None, -1, 0, 0.5, 2]))
def test_an_integer_with_a_minimum_is_nothing_else(data: st.DataObject, minimum: float | None) -> None:
    found, cnf = data.draw(asked(NUMBER)), Cnf()
    domain = Numbers(cnf, point_of(NUMBER, integer=True, minimum=minimum, optional=False), found)
    literals = [literal for rail in domain.rails.values() for literal in rail]
    number = domain.value(solver_of(cnf).model((), data.draw(st.permutations(literals))))
    assert number == int(number)
    assert minimum is None or number >= minimum


@pytest.mark.parametrize(
    ("name", "written", "truth"),
    [("<", 0, True), (">=", 0, False), ("==", 1.5, True), ("!=", 1.5, False), ("between", [0.1, 0.9], True)],
)
def test_what_no_count_can_be_is_impossible(name: str, written: Any, truth: bool) -> None:
    cnf, atom = Cnf(), Atom.of(comparison(name, KEYS[NUMBER], written))
    rail = Numbers(cnf, point_of(NUMBER, integer=True, minimum=0), [atom]).rails[atom]
    assert not solver_of(cnf).possible(rail.true if truth else rail.false)
    assert solver_of(cnf).possible(rail.false if truth else rail.true)


@pytest.mark.parametrize(
    ("low", "high", "is_possible"),
    [
        (1, 2, True),
        (0.1, math.nextafter(0.1, 1), False),
        (0.1, math.nextafter(math.nextafter(0.1, 1), 1), True),
        (2**53, 2**53 + 1, False),
        (2**53, 2**53 + 2, True),
        (1e308, math.nextafter(1e308, math.inf), True),
        (2**14_000 - 1, None, False),
    ],
)
def test_between_two_numbers_lies_one_or_none(low: Any, high: Any, is_possible: bool) -> None:
    written = [(">", low), *([("<", high)] if high is not None else [])]
    cnf, found = Cnf(), [Atom.of(comparison(name, KEYS[NUMBER], number)) for name, number in written]
    domain = Numbers(cnf, point_of(NUMBER), found)
    assert solver_of(cnf).possible(*(rail.true for rail in domain.rails.values())) is is_possible


def test_a_mapped_address_is_in_no_ipv6_range() -> None:
    found = [
        Atom.of(comparison("ipInCidr", KEYS[IP], [network])) for network in ("::fffe:0:0/95", "::fffe:0:0/96", "::/0")
    ]
    cnf = Cnf()
    wide, narrow, all_of_6 = Addresses(cnf, point_of(IP), found).rails.values()
    assert not solver_of(cnf).possible(wide.true, narrow.false)
    assert solver_of(cnf).possible(all_of_6.true, wide.false)


_LAST_4, _LAST_6 = "255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"


@pytest.mark.parametrize(
    ("ranges", "left"),
    [
        ([("::", _LAST_6), ("1.0.0.0", _LAST_4)], "0.0.0.0"),
        ([("::", _LAST_6), ("0.0.0.0", "255.255.255.254")], _LAST_4),
        ([("0.0.0.0", _LAST_4), ("::1", _LAST_6)], "::"),
        ([("0.0.0.0", _LAST_4), ("::", "::fffe:ffff:ffff"), ("::2:0:0:0", _LAST_6)], "::1:0:0:0"),
    ],
)
def test_the_ends_of_all_addresses_are_not_forgotten(ranges: list[tuple[str, str]], left: str) -> None:
    networks = [str(network) for ends in ranges for network in summarize_address_range(*map(ip_address, ends))]
    cnf, atom = Cnf(), Atom.of(comparison("ipInCidr", KEYS[IP], networks))
    domain = Addresses(cnf, point_of(IP), [atom])
    assert domain.value(solver_of(cnf).model([domain.rails[atom].false])) == left


def test_the_filler_of_a_text_is_in_no_literal() -> None:
    written = ["zyx", "wvu", "tsr", "qpo", "nml", "kji", "hgf", "edc", "ba", "0123456789", "¡"]
    cnf, found = Cnf(), [Atom.of(comparison("contains", KEYS[TEXT], text)) for text in written]
    domain = Texts(cnf, point_of(TEXT), found)
    text = domain.value(solver_of(cnf).model([domain.known, *(rail.false for rail in domain.rails.values())]))
    assert text == "¢"


def test_of_an_opaque_atom_either_is_possible_and_a_value_is_sought_among_the_literals() -> None:
    form, listed = foreign_atom("a.c"), Atom.of(comparison("in", KEYS[TEXT], ["x", "abc"]))
    cnf = Cnf()
    domain = Texts(cnf, point_of(TEXT), [form, listed])
    true, false = domain.rails[form]
    solver = solver_of(cnf)
    assert domain.opaque == {form}
    assert not solver.possible(true, false)
    assert not solver.possible(true, -domain.known)
    assert domain.value(solver.model([true, domain.rails[listed].true])) == "abc"
    assert domain.value(solver.model([false, domain.rails[listed].true])) == "x"


def test_of_what_may_be_unknown_neither_is_possible_too() -> None:
    """A value list may be gone, and a text may be no date."""
    for name, written in (("inList", "a"), ("before", "2026-01-31"), ("olderThan", "30d")):
        atom, cnf = Atom.of(comparison(name, KEYS[TEXT], written)), Cnf()
        domain = Texts(cnf, point_of(TEXT), [atom])
        true, false = domain.rails[atom]
        solver = solver_of(cnf)
        assert solver.possible(true)
        assert solver.possible(false)
        assert solver.possible(-true, -false, domain.known), name
        assert not solver.possible(true, false)


def test_a_text_and_a_list_of_that_name_are_two_things() -> None:
    contains, on_list = (Atom.of(comparison(name, KEYS[TEXT], "a")) for name in ("contains", "inList"))
    assert contains != on_list


def test_a_number_can_change_although_all_that_is_asked_of_it_is_opaque() -> None:
    is_odd = Operator("isOdd", "isOdd", "", (NUMBER,), VALUE, literal, lambda number, _: number % 2 == 1)
    cnf, atom = Cnf(), Atom("isOdd value", "true", is_odd, NUMBER, True, NOWHERE)
    domain = Numbers(cnf, point_of(NUMBER), [atom], actual=5)
    solver = solver_of(cnf)
    assert not solver.possible(-domain.changed, domain.rails[atom].false)
    assert domain.value(solver.model([domain.changed, domain.rails[atom].false])) == 4


def test_a_data_point_with_too_much_to_look_up_becomes_opaque() -> None:
    lists = [Atom.of(comparison("in", KEYS[NUMBER], list(range(place, 9_000 + place)))) for place in range(120)]
    cnf = Cnf()
    domain = Numbers(cnf, point_of(NUMBER), lists)
    assert domain.opaque == set(lists)
    assert solver_of(cnf).possible(domain.rails[lists[0]].true, domain.rails[lists[1]].false)


@given(st.sets(st.integers(0, 5)), st.sets(st.integers(0, 5)))
def test_a_choice_is_one_cell(one: set[int], other: set[int]) -> None:
    cnf = Cnf()
    choice = Choice(cnf, 6)
    solver = solver_of(cnf)
    assert choice.among(set(range(6)) - one) == -choice.among(one)
    assert solver.possible(choice.among(one), choice.among(other)) is bool(one & other)
    if one:
        assert choice.cell(solver.model([choice.among(one)])) in one


def test_what_was_possible_before_a_clause_is_asked_anew() -> None:
    cnf = Cnf()
    a, b = cnf.variable(), cnf.variable()
    cnf.never(a, -b)
    solver = solver_of(cnf)
    assert solver.possible(a)
    assert solver.possible(a, b)
    cnf.never(a, b)
    assert not solver.possible(a)
    assert not solver.possible(a, b)


def test_there_is_no_model_of_the_impossible() -> None:
    cnf = Cnf()
    a, b = cnf.variable(), cnf.variable()
    cnf.never(a, b)
    with pytest.raises(Undecided):
        solver_of(cnf).model([a, b], wishes=[-a])


def test_a_clash_has_nothing_that_could_be_left_out() -> None:
    cnf = Cnf()
    a, b, c, d = (cnf.variable() for _ in range(4))
    cnf.never(a, c)
    cnf.never(b, c, d)
    assert solver_of(cnf).clash((), (a, b, c, d)) == (a, c)
    assert set(solver_of(cnf).clash((d,), (b, c))) == {b, c}


def test_a_question_that_takes_too_long_stays_open() -> None:
    """Eleven pigeons in ten holes: no solver of this sort sees it soon."""
    cnf, holes, pigeons = Cnf(), range(10), range(11)
    sits = {(pigeon, hole): cnf.variable() for pigeon in pigeons for hole in holes}
    for pigeon in pigeons:
        cnf.clauses.append([sits[pigeon, hole] for hole in holes])
    for hole in holes:
        for pigeon in pigeons:
            for other in range(pigeon):
                cnf.never(sits[pigeon, hole], sits[other, hole])
    solver = solver_of(cnf)
    assert not solver.is_late
    with pytest.raises(Undecided):
        solver.possible(TRUE)
    assert solver.is_late


def test_without_time_not_even_what_was_seen_is_told() -> None:
    solver = solver_of(Cnf())
    assert solver.possible(TRUE)
    solver._until = 0
    with pytest.raises(Undecided):
        solver.possible(TRUE)
    assert solver.is_late


@given(st.data())
def test_what_can_hold_together_is_found_as_by_asking_for_each(data: st.DataObject) -> None:
    cnf = Cnf()
    variables = [cnf.variable() for _ in range(8)]
    literals = [sign * one for one in variables for sign in (1, -1)]
    for clause in data.draw(st.lists(st.lists(st.sampled_from(literals), min_size=1, max_size=3), max_size=12)):
        cnf.clauses.append(clause)
    fixed = data.draw(st.lists(st.sampled_from(literals), max_size=2))
    hoped = data.draw(st.lists(st.sampled_from(literals), max_size=16))
    solver, one_by_one = solver_of(cnf), list(fixed)
    for one in hoped:
        if solver.possible(*one_by_one, one):
            one_by_one.append(one)
    assert fixed + solver_of(cnf).agreeing(fixed, hoped) == one_by_one


@given(st.randoms(use_true_random=False))
def test_a_model_grants_what_is_hoped_for_in_order_and_wishes_that_are_in_nobodys_way(dice: random.Random) -> None:
    cnf = Cnf()
    literals = [cnf.variable() for _ in range(6)]
    for _ in range(dice.randint(0, 6)):
        cnf.never(*dice.sample(literals, 2))
    hoped, wishes = literals[:3], [cnf.variable(), *literals[3:]]
    cnf.never(-TRUE, wishes[0])
    solver = solver_of(cnf)
    model = solver.model((), hoped, wishes)
    granted: list[int] = []
    for hope in hoped:
        assert holds(model, hope) is solver.possible(*granted, hope)
        granted += [hope] if holds(model, hope) else []
    assert holds(model, wishes[0])
    if solver.possible(*granted, *wishes):
        assert all(holds(model, wish) for wish in wishes)
