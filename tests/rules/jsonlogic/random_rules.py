"""Random rules and data, small enough to meet often."""

from typing import Any

from hypothesis import strategies as st

scalars = st.sampled_from(
    [
        None,
        True,
        False,
        0,
        1,
        2,
        -1,
        2.5,
        "",
        "a",
        "b",
        "1",
        " 2.5 ",
        "-1e1",
        "abc",
        "1_0",
        "0x1",
        "Infinity",
        "NaN",
        "ä",
    ]
)
keys = st.sampled_from(["a", "b", "c", "list", "0", "1", "", "index", "iterator", "type", "accumulator", "current"])
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)
data = values | st.dictionaries(keys, values, min_size=2, max_size=6)

COMPARISONS = ("==", "!=", "===", "!==", "<", "<=", ">", ">=")
ITERATIONS = ("map", "filter", "all", "some", "none", "reduce")
LOGIC = ("and", "or", "if", "?:", "??", "!", "!!")
EAGER = ("+", "-", "*", "/", "%", "max", "min", "cat", "merge", "in")
_dotted = st.lists(keys, min_size=1, max_size=3).map(".".join)
_jumps = st.integers(-1, 5).map(lambda levels: [levels])
_paths = st.lists(keys | st.integers(-1, 2) | scalars, max_size=3)
_literals = st.lists(scalars, max_size=3) | values.map(lambda value: {"preserve": value})

leaves: st.SearchStrategy[Any] = st.one_of(
    scalars,
    _literals,
    (_dotted | scalars).map(lambda key: {"var": key}),
    st.tuples(_dotted, scalars).map(lambda pair: {"var": list(pair)}),
    _paths.map(lambda path: {"val": path}),
    keys.map(lambda key: {"val": key}),
    st.tuples(_jumps, _paths).map(lambda pair: {"val": [pair[0], *pair[1]]}),
    st.tuples(_jumps, _paths).map(lambda pair: {"exists": [pair[0], *pair[1]]}),
    _paths.map(lambda path: {"exists": path}),
    st.lists(_dotted, max_size=3).map(lambda names: {"missing": names}),
    st.sampled_from([{"val": [[1], "index"]}, {"val": [[2], "list"]}, {"var": "list"}, {"var": ""}, {}]),
    scalars.map(lambda value: {"throw": value}),
)


def _operations(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(inner, min_size=1, max_size=4)
    lists = st.one_of(st.lists(inner, max_size=3), st.lists(scalars, max_size=3), st.just({"var": "list"}))
    turns = st.tuples(lists, inner, inner).map(list)
    branches = several.map(lambda operands: [*operands[:-1], {"val": "type"}])
    return st.one_of(
        st.tuples(st.sampled_from(LOGIC), several).map(_operation),
        st.tuples(st.sampled_from(EAGER), several).map(_operation),
        st.tuples(st.sampled_from(COMPARISONS), st.lists(inner, min_size=2, max_size=3)).map(_operation),
        st.tuples(st.sampled_from(ITERATIONS), turns).map(_operation),
        st.tuples(st.just("try"), several | branches).map(_operation),
        st.tuples(st.sampled_from(["var", "val", "exists"]), st.lists(inner, min_size=1, max_size=2)).map(_operation),
        st.lists(inner, max_size=3),
        # Of a wrong shape, mostly.
        st.tuples(
            st.sampled_from([*COMPARISONS, *ITERATIONS, *LOGIC, *EAGER, "try", "throw"]),
            inner | st.lists(inner, max_size=2),
        ).map(_operation),
    )


def _operation(pair: tuple[str, Any]) -> dict[str, Any]:
    return {pair[0]: pair[1]}


rules = st.recursive(leaves, _operations, max_leaves=10)
