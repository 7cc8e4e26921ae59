"""CSV of value lists: what is read, which lines are wrong, and that no cell is a formula."""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules import value_list_csv
from rules.list_items import NewItem
from rules.value_list_csv import MAX_FILE, Sheet, UnreadableFile, expiry, guarded, read, unguarded, written

NOON = datetime(2027, 1, 31, 12, tzinfo=UTC)


def sheet(text: str, item_type: str = "string") -> Sheet:
    return read(text.encode(), item_type)


def items(text: str, item_type: str = "string") -> list[NewItem]:
    found = sheet(text, item_type)
    assert not found.faults
    return list(found.items)


def faults(text: str, item_type: str = "string") -> list[tuple[int, str]]:
    return [(fault.line, fault.message) for fault in sheet(text, item_type).faults]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\nb\n", [NewItem("a"), NewItem("b")]),
        ("a,why,2027-01-31T12:00Z", [NewItem("a", "why", NOON)]),
        ("value\na", [NewItem("a")]),
        ("value,note,expires_at\r\na,,\r\nb,x,2027-01-31 12:00\r\n", [NewItem("a"), NewItem("b", "x", NOON)]),
        ('"expires_at","value"\n"2027-01-31T12:00+00:00","a"', [NewItem("a", "", NOON)]),
        ("Value;Note\na,b;c", [NewItem("a,b", "c")]),
        ("value\tnote\na;b\tc", [NewItem("a;b", "c")]),
        ("\ufeffvalue\nü🦊", [NewItem("ü🦊")]),
        ("a\rb\r", [NewItem("a"), NewItem("b")]),
        ("\n a \n\n,,\n", [NewItem("a")]),
        ('"a ""quoted"" one","a, b"', [NewItem('a "quoted" one', "a, b")]),
        ("a,,,,", [NewItem("a")]),
        ("a;b", [NewItem("a;b")]),
        ("'+64270000000\n'=x,'@y\n'plain", [NewItem("+64270000000"), NewItem("=x", "@y"), NewItem("'plain")]),
        ("note\n", [NewItem("note")]),
        ("", []),
        ("value,note,expires_at\n", []),
    ],
)
def test_these_files_are_read(text, expected):
    assert items(text) == expected


def test_numbers_have_one_writing():
    assert items("007\n2.50\n-0\n-3.0\n'-1", "number") == [NewItem(text) for text in ("7", "2.5", "0", "-3", "-1")]
    assert faults("7\n7.0,other", "number") == [(2, "Line 1 has the same value, and says otherwise.")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\n,note\nb", [(2, "Write 1 to 512 printable characters, not “”.")]),
        (f"{'x' * 513}", [(1, f"Write 1 to 512 printable characters, not “{'x' * 60}”.")]),
        (f"a,{'x' * 201}", [(1, "Write a note of at most 200 printable characters.")]),
        ("a,,tomorrow", [(1, "Write “tomorrow” as a day or a time, such as 2027-01-31 or 2027-01-31T12:00Z.")]),
        ("a,,2027-02-30", [(1, "Write “2027-02-30” as a day or a time, such as 2027-01-31 or 2027-01-31T12:00Z.")]),
        ("a,b,,c", [(1, "There are 4 cells; write at most value, note, expires_at.")]),
        ("value\n\n\na\0b", [(4, "Write 1 to 512 printable characters, not “a\0b”.")]),
        ('a\n"b\nc"\n10.0.0.1/8', [
            (2, "Write 1 to 512 printable characters, not “b\nc”."),
            (4, 'Write "10.0.0.0/8": the text "10.0.0.1/8" has bits set after its prefix.'),
        ]),
        ('a\n"b', [(2, "A quotation mark is missing, or stands alone. What follows was not read.")]),
        ('a\n"b"c\nd', [(2, "A quotation mark is missing, or stands alone. What follows was not read.")]),
        ("a,x\nb\na,y\na,x", [(3, "Line 1 has the same value, and says otherwise.")]),
    ],
)  # fmt: skip
def test_every_wrong_line_is_named(text, expected):
    assert faults(text) == expected


@pytest.mark.parametrize("text", ["x", "1e3", "1,5", "١", "1.", ".5", "+1", "0x1", "1_000", "1" * 16, "NaN", "--1"])
def test_what_is_no_number_is_wrong_on_a_list_of_numbers(text):
    assert [line for line, _message in faults(f'"{text}"', "number")] == [1]


def test_a_line_that_says_the_same_again_is_no_fault():
    assert sheet("a,x\nb\na,x") == Sheet((NewItem("a", "x"), NewItem("b")), (), 1)


def test_a_file_that_is_not_utf_8_says_where():
    with pytest.raises(UnreadableFile, match="Line 3 is not UTF-8"):
        read("value\na\nü\n".encode("latin-1"), "string")
    with pytest.raises(UnreadableFile, match="Line 1 is not UTF-8"):
        read("value\na".encode("utf-16"), "string")


def test_the_largest_file_is_read_and_a_larger_one_is_not():
    line = b"x" * 511 + b"\n"
    largest = b"".join(str(number).encode().rjust(511, b"x") + b"\n" for number in range(MAX_FILE // len(line)))
    assert len(largest) == MAX_FILE
    assert len(read(largest, "string").items) == MAX_FILE // 512
    with pytest.raises(UnreadableFile, match="larger than 2 MB"):
        read(largest + b"\n", "string")


def test_no_more_values_are_read_than_a_list_holds(monkeypatch):
    monkeypatch.setattr(value_list_csv, "MAX_ITEMS", 100)
    text = "".join(f"{number}\n" for number in range(100))
    assert len(sheet(text, "number").items) == 100
    with pytest.raises(UnreadableFile, match="more than 100 values"):
        sheet(text + "100\n", "number")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("", None),
        ("2027-01-31", datetime(2027, 2, 1, tzinfo=UTC)),
        ("2027-12-31", datetime(2028, 1, 1, tzinfo=UTC)),
        ("2027-01-31T12:00", NOON),
        ("2027-01-31T13:00+01:00", NOON),
        ("2027-01-31 12:00:00.000001Z", NOON + timedelta(microseconds=1)),
    ],
)
def test_a_day_is_over_at_its_end_and_a_time_without_a_zone_is_utc(text, moment):
    assert expiry(text) == moment


# -- there and back ------------------------------------------------------------------------------

# Without the slash: a range of addresses that matches nothing never stood on a list.
printable = st.text(
    st.characters(exclude_categories=["C", "Z"], include_characters=" =+-@'", exclude_characters="/"), max_size=20
)
cells = printable.map(str.strip).filter(bool)
moments = st.none() | st.datetimes(datetime(2000, 1, 1), datetime(9000, 1, 1)).map(lambda one: one.replace(tzinfo=UTC))


@given(st.dictionaries(cells, st.tuples(st.just("") | cells, moments), max_size=5))
def test_what_was_exported_comes_back_as_it_was(kept):
    text = "".join(written((value, note, expires) for value, (note, expires) in kept.items()))
    found = read(text.encode(), "string")
    assert not found.faults
    assert {one.value: (one.note, one.expires_at) for one in found.items} == kept


@given(st.text(max_size=8) | st.text("'=+-@\t\r ab", max_size=8))
def test_no_text_is_a_formula_and_none_is_lost(text):
    assert not guarded(text).startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert unguarded(guarded(text)) == text


@pytest.mark.parametrize("text", ["=1+1", "+64", "-2", "@SUM(A1)", "\tx", "'=1"])
def test_a_formula_is_a_text_in_the_file(text):
    [_names, [cell, *_rest]] = csv.reader(io.StringIO("".join(written([(text, "", None)]))))
    assert cell == "'" + text


def test_every_cell_is_quoted_for_spreadsheets_that_divide_elsewhere():
    assert "".join(written([("a;=1", "b", NOON)])) == (
        '\ufeff"value","note","expires_at"\r\n"a;=1","b","2027-01-31T12:00:00+00:00"\r\n'
    )
