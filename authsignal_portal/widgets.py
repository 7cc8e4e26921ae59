"""Form fields of our own in the theme's clothes."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, time
from typing import Any

from django import forms
from django.utils.formats import date_format
from django.utils.html import format_html
from unfold.widgets import (
    CHECKBOX_CLASSES,
    INPUT_CLASSES,
    RADIO_CLASSES,
    SELECT_CLASSES,
    TEXTAREA_CLASSES,
    UnfoldAdminCheckboxSelectMultipleWidget,
)

_CLASSES: tuple[tuple[type[forms.Widget], list[str]], ...] = (
    (forms.CheckboxSelectMultiple, CHECKBOX_CLASSES),
    (forms.CheckboxInput, CHECKBOX_CLASSES),
    (forms.RadioSelect, RADIO_CLASSES),
    (forms.Select, SELECT_CLASSES),
    (forms.Textarea, TEXTAREA_CLASSES),
    (forms.HiddenInput, []),
    (forms.Widget, INPUT_CLASSES),
)


def of_days(column: str, given: Mapping[str, Any]) -> dict[str, datetime]:
    """A filter on whole days, UTC: what a form's `since` and `until` say, both included, either left out."""
    day = {"gte": (given.get("since"), time.min), "lte": (given.get("until"), time.max)}
    return {f"{column}__{name}": datetime.combine(date, at, UTC) for name, (date, at) in day.items() if date}


def dress(form: forms.BaseForm) -> None:
    """Give every field of a plain form the classes that the theme gives a model's."""
    for field in form.fields.values():
        field.widget.attrs.setdefault("class", classes(field.widget))


def classes(widget: Any) -> str:
    return " ".join(next(names for kind, names in _CLASSES if isinstance(widget, kind)))


class LinesField(forms.CharField):
    """A list of texts, one per line. Blank lines and space around a line do not count."""

    widget = forms.Textarea

    def __init__(self, *, validators_of_line: Sequence[Callable[[str], None]] = (), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.validators_of_line = validators_of_line
        self.widget.attrs["rows"] = 4

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        return [line.strip() for line in (super().to_python(value) or "").splitlines() if line.strip()]

    def run_validators(self, value: Any) -> None:
        problems = [_problem(check, line) for line in value for check in self.validators_of_line]
        if any(problems):
            raise forms.ValidationError([problem for problem in problems if problem])

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool((initial or []) != self.to_python(data))


def _problem(check: Callable[[str], None], line: str) -> str:
    try:
        check(line)
    except forms.ValidationError as error:
        return f"{line}: {error.messages[0]}"
    return ""


class MethodsField(forms.MultipleChoiceField):
    """Some of the verification methods; none chosen is None: no restriction."""

    # Django's own puts the class of a box on the list of boxes too.
    widget = UnfoldAdminCheckboxSelectMultipleWidget

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)

    def clean(self, value: Any) -> Any:
        return super().clean(value) or None

    def has_changed(self, initial: Any, data: Any) -> bool:
        return sorted(initial or []) != sorted(data or [])


# The tone of every word that has one: what was decided, and where an action stands.
TONES = {
    "ALLOW": "good",
    "CHALLENGE": "info",
    "REVIEW": "warning",
    "BLOCK": "bad",
    "CHALLENGE_REQUIRED": "info",
    "CHALLENGE_SUCCEEDED": "good",
    "CHALLENGE_FAILED": "bad",
    "REVIEW_REQUIRED": "warning",
    "REVIEW_SUCCEEDED": "good",
    "REVIEW_FAILED": "bad",
}


def badge(text: Any, tone: str = "") -> str:
    """A word in a coloured box; `tone` is a tone, or a word of the vocabulary that has one."""
    return format_html('<span class="portal-badge {}">{}</span>', TONES.get(tone, tone), text)


def moment(at: datetime | None) -> str:
    """A time as the portal writes it, in UTC; a dash for none."""
    return date_format(at.astimezone(UTC), "j M Y H:i") if at else "–"
