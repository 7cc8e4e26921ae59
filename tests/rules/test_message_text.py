"""The contextual message as it is written: its placeholders, and what only looks like one."""

from hypothesis import given
from hypothesis import strategies as st

from rules import message_text
from rules.message_text import Part

PIECES = st.sampled_from(["{{action.a}}", "{{ user.b-1 }}", "{{a}}", "{{", "}}", "{", "}", "Pay ", "{{action.}}"])


@given(st.lists(PIECES).map("".join))
def test_where_nothing_is_unreadable_no_double_brace_is_left_for_a_reader(text):
    left = message_text.PLACEHOLDER.sub("…", text)
    assert bool(message_text.unreadable(text)) or ("{{" not in left and "}}" not in left)


@given(st.lists(PIECES).map("".join))
def test_a_preview_without_samples_is_the_text_itself(text):
    assert "".join(part.text for part in message_text.preview(text, {})) == text


def test_a_preview_marks_what_stands_for_a_value_and_what_for_none():
    assert message_text.preview("Pay {{ action.a }} to {{action.b}}{{c}}", {"action.a": "5"}) == [
        Part("Pay "),
        Part("5", is_value=True),
        Part(" to "),
        Part("{{action.b}}", is_value=True, is_unknown=True),
        Part("{{c}}", is_value=True, is_unknown=True),
    ]


def test_what_a_text_does_not_tell_is_told_as_it_would_be_written():
    text = "{{action.a}} {{user.b}}"
    assert message_text.names(text * 2) == [("action", "a"), ("user", "b")]
    assert message_text.untold(text, ["a", "b"]) == ["{{action.b}}"]
