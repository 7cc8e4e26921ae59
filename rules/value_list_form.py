"""The forms of a value list and of what stands on it."""

from datetime import datetime, timedelta
from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from authsignal_portal.models import Tenant
from authsignal_portal.widgets import LinesField, dress, moment
from rules import value_list_csv, value_lists
from rules.list_items import MAX_NOTE
from rules.models import ValueList

NEVER, KEPT, ON_DAY = "never", "kept", "day"
AFTER: Final = {
    "1h": (_("After an hour"), timedelta(hours=1)),
    "1d": (_("After a day"), timedelta(days=1)),
    "7d": (_("After 7 days"), timedelta(days=7)),
    "30d": (_("After 30 days"), timedelta(days=30)),
}
HOW_TO_WRITE = _(
    "Exactly as your backend sends it: an email address with its capitals, a phone number without spaces, a country "
    "as two letters. An address may be a range, such as 203.0.113.0/24."
)
HOW_TO_WRITE_NUMBERS = _("With digits and at most a point, such as 2000 or 0.5.")


class ListForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """A list itself. What it holds is chosen once; its alias, once made, is what rules name it by."""

    class Meta:
        model = ValueList
        fields = ["name", "item_type", "description", "is_active"]

    tenant: Tenant

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Who may only read it is shown it without fields.
        if not self.instance._state.adding and "name" in self.fields:
            self.fields["name"].help_text = _("The alias stays %(alias)s: rules name the list by it.") % {
                "alias": self.instance.alias
            }
        dress(self)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.instance._state.adding and not self.errors:
            value_lists.free_alias(self.tenant, cleaned["name"])
        return cleaned


class ItemForm(forms.Form):
    """Note and expiry of values. `cleaned_data["expires_at"]` is when they expire; None: never."""

    note = forms.CharField(
        label=_("Note"), required=False, max_length=MAX_NOTE, help_text=_("Why it is on the list, for your colleagues.")
    )
    expires = forms.ChoiceField(label=_("Expires"))
    until = forms.DateField(
        label=_("Last day"),
        required=False,
        # Shown by the script only with that choice.
        widget=forms.DateInput(attrs={"type": "date", "data-only-with": f"expires={ON_DAY}"}),
        help_text=_("Only with “At the end of a day”. Days end at midnight UTC."),
    )

    def __init__(self, *args: Any, now: datetime, kept: datetime | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.now, self.kept = now, kept
        keep = [(KEPT, _("As it is: %(moment)s UTC") % {"moment": moment(kept)})] if kept else []
        after = [(name, label) for name, (label, _span) in AFTER.items()]
        self.fields["expires"].choices = [*keep, (NEVER, _("Never")), *after, (ON_DAY, _("At the end of a day"))]  # type: ignore[attr-defined]
        dress(self)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if "expires" in cleaned:
            cleaned["expires_at"] = self._expiry(cleaned["expires"], cleaned.get("until"))
        return cleaned

    def _expiry(self, expires: str, until: Any) -> datetime | None:
        if expires in AFTER:
            return self.now + AFTER[expires][1]
        if expires == ON_DAY:
            return self._end_of(until)
        return self.kept if expires == KEPT else None

    def _end_of(self, day: Any) -> datetime | None:
        if day is None:
            if "until" not in self.errors:
                self.add_error("until", _("Choose the last day on which it counts."))
            return None
        try:
            end = value_list_csv.end_of(day)
        except OverflowError:
            end = None
        if end is None or end <= self.now:
            self.add_error("until", _("Choose a day that is not over yet."))
        return end


class ValuesForm(ItemForm):
    """One value or many, with one note and one expiry."""

    values = LinesField(label=_("Values, one per line"), help_text=HOW_TO_WRITE)
    field_order = ("values", "note", "expires", "until")

    def __init__(self, *args: Any, item_type: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["values"].widget.attrs |= {"rows": 6, "spellcheck": "false"}
        if item_type == ValueList.ItemType.NUMBER:
            self.fields["values"].help_text = HOW_TO_WRITE_NUMBERS

    def items(self) -> list[value_lists.NewItem]:
        given = self.cleaned_data
        return [value_lists.NewItem(value, given["note"], given["expires_at"]) for value in given["values"]]


class OneValueForm(ItemForm):
    """A value that was seen, to be put on one of the lists that hold its type."""

    value_list = forms.ModelChoiceField(label=_("List"), queryset=ValueList.objects.none(), empty_label=None)
    field_order = ("value_list", "note", "expires", "until")

    def __init__(self, *args: Any, tenant: Tenant, item_type: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        lists = ValueList.objects.filter(tenant=tenant, item_type=item_type)
        self.fields["value_list"].queryset = lists  # type: ignore[attr-defined]


class FileForm(forms.Form):
    file = forms.FileField(
        label=_("CSV file"),
        widget=forms.FileInput(attrs={"accept": ".csv,text/csv"}),
        error_messages={"required": _("Choose a file."), "empty": _("The file is empty.")},
        help_text=_(
            "The columns value, note and expires_at, in UTF-8, at most 2 MB. Note and expires_at may be left out; a "
            "first line with the names of the columns says their order. expires_at is a time such as "
            "2027-01-31T12:00Z, or a day, at whose end (UTC) the value expires."
        ),
    )

    def __init__(self, *args: Any, is_too_large: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if is_too_large:
            self.fields["file"].error_messages["required"] = _("The file is larger than 2 MB. Import it in parts.")
        dress(self)
