"""The form of an action's contextual message: its default text, one for each language, and dynamic linking."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from authsignal_portal.widgets import dress
from rules.action_name import readable
from rules.message_text import MAX_WRITTEN, Part, names, placeholder, preview, unreadable, untold
from rules.models import ActionConfiguration, CustomDataPoint
from rules.rule_form import fingerprint_of

LANGUAGES = dict(settings.LANGUAGES)
POINTS = ["amount_data_point", "currency_data_point", "payee_data_point"]
FIELDS = ["message", "dynamic_linking", *POINTS]
# What a preview shows in place of a value.
SAMPLES = {"amount_data_point": "1250.00", "currency_data_point": "EUR", "payee_data_point": "Example Ltd"}
SAMPLE_OF_KIND = {CustomDataPoint.DataType.NUMBER: "1250", CustomDataPoint.DataType.BOOLEAN: "yes"}
LINE_ENDS = re.compile(r"\s*[\r\n]+\s*")


class OneLineField(forms.CharField):
    """Typed in a large field, kept in one line."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.Textarea(attrs={"rows": 2, "dir": "auto", "autocomplete": "off"})
        super().__init__(required=False, max_length=MAX_WRITTEN, widget=widget, **kwargs)

    def to_python(self, value: Any) -> str:
        return LINE_ENDS.sub(" ", super().to_python(value) or "")


class MessageForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """Its instance has the texts of the languages once the form is valid (`localized_messages`).

    The page sends back the fingerprint of what it showed, `seen`; where that is no longer what is stored, nothing is
    saved unless the fingerprint of what is stored comes too, `over`: a box that was not ticked then undoes nothing.
    """

    message = OneLineField(
        label=_("Default text"), help_text=_("For users of every language that has no text of its own.")
    )

    class Meta:
        model = ActionConfiguration
        fields = FIELDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kept: dict[str, str] = self.instance.localized_messages
        self.now = fingerprint_of({name: getattr(self.instance, name) for name in (*FIELDS, "localized_messages")})
        self.seen = self.data.get("over", self.data.get("seen", "")) if self.is_bound else self.now
        for language, name in LANGUAGES.items():
            field = OneLineField(label=_("Text in %(language)s") % {"language": name}, initial=kept.get(language, ""))
            field.widget.attrs["lang"] = language
            self.fields[_named(language)] = field
        for name in POINTS:
            self.fields[name].help_text = _("For dynamic linking: its name where your backend sends it, under custom.")
        dress(self)
        self.points = list(CustomDataPoint.objects.filter(tenant=self.instance.tenant_id))
        # What a text held before may stay, whether or not a data point has its name.
        self.held = {one for text in (self.instance.message, *kept.values()) for one in names(text)}

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.is_overtaken:
            self.add_error(None, _("Somebody changed these messages after you opened them."))
        self._check_linking(cleaned)
        texts = {language: text for language in LANGUAGES if (text := cleaned.get(_named(language)))}
        if texts and not cleaned.get("message") and "message" not in self.errors:
            self.add_error("message", _("Write this text too: users of every other language read it."))
        for field, text, where in self._texts(cleaned):
            for problem in self._problems(text, cleaned):
                self.add_error(field, f"{where}: {problem}")
        self.instance.localized_messages = texts
        return cleaned

    def _check_linking(self, cleaned: dict[str, Any]) -> None:
        for name in POINTS if cleaned.get("dynamic_linking") else ():
            if not cleaned.get(name) and name not in self.errors:
                self.add_error(name, _("Write it: dynamic linking needs the amount, the currency and the payee."))

    def _texts(self, cleaned: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
        """(field, text, what it is called) of each text there is; with dynamic linking the default one in any case."""
        text = cleaned.get("message", "")
        if text or (cleaned.get("dynamic_linking") and "message" not in self.errors):
            yield "message", text, _("Default text")
        for language, name in LANGUAGES.items():
            if text := cleaned.get(_named(language), ""):
                yield _named(language), text, name

    def _problems(self, text: str, cleaned: dict[str, Any]) -> Iterator[Any]:
        """What is wrong with a text, whatever its language."""
        linked = [cleaned[name] for name in POINTS if cleaned.get(name)]
        for written in unreadable(text):
            yield _("“%(written)s” is no placeholder. Write {{action.name}} or {{user.name}}.") % {"written": written}
        known = self.held | {("action", key) for key in linked} | set(self._showable())
        for unknown in names(text):
            if unknown not in known:
                told = {"placeholder": placeholder(*unknown)}
                yield _("%(placeholder)s is no custom data point that a text can show. Add it first.") % told
        if cleaned.get("dynamic_linking") and len(linked) == len(POINTS) and (missing := untold(text, linked)):
            yield _("With dynamic linking the message must also hold %(wanted)s.") % {"wanted": ", ".join(missing)}

    def _showable(self) -> dict[tuple[str, str], str]:
        """Data points that a text can tell, by whose they are and their name, with a sample of each."""
        found = {}
        for point in self.points:
            if point.data_type != CustomDataPoint.DataType.MULTISELECT:
                sample = SAMPLE_OF_KIND.get(CustomDataPoint.DataType(point.data_type), readable(point.name))
                found[(point.model_type, point.name)] = sample
        return found

    # -- for the page -----------------------------------------------------------------------------

    @property
    def is_overtaken(self) -> bool:
        return bool(self.seen != self.now)

    def differing(self) -> str:
        """What is written here otherwise than it is stored."""
        return ", ".join(str(self[name].label) for name in self.changed_data)

    @property
    def samples(self) -> dict[str, str]:
        """What can stand in a text, as it is written between the braces, with what a preview shows there."""
        linked = {("action", self[name].value()): sample for name, sample in SAMPLES.items() if self[name].value()}
        held = {one: readable(one[1]) for one in sorted(self.held)}
        return {f"{whose}.{key}": sample for (whose, key), sample in (held | self._showable() | linked).items()}

    def default(self) -> "Shown":
        return self._shown("message")

    def languages(self) -> list["Shown"]:
        return [self._shown(_named(language)) for language in LANGUAGES]

    def _shown(self, name: str) -> "Shown":
        field = self[name]
        return Shown(field, preview((field.value() or "").strip(), self.samples))

    def linking(self) -> list[forms.BoundField]:
        return [self[name] for name in POINTS]


@dataclass(frozen=True, slots=True)
class Shown:
    """A text on the page."""

    field: forms.BoundField
    preview: list[Part]

    @property
    def language(self) -> str:
        """Its name; empty for the default text."""
        return str(LANGUAGES.get(self.field.name.partition("-")[2], ""))

    @property
    def is_open(self) -> bool:
        """Whether there is a text, or something is wrong with it."""
        return bool(self.field.errors or self.preview)


def _named(language: str) -> str:
    """The field of a language's text."""
    return f"message-{language}"
