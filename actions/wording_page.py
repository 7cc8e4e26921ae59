"""Portal page of the texts on the hosted pages and in messages, one language at a time. Empty means: as shipped."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from actions import wording_screens
from audit import log
from audit.events import Tag
from authenticators.messaging import compose
from authsignal_portal import access, clock, message_wording, portal, wording
from authsignal_portal.access import Access, Right
from authsignal_portal.message_wording import BadMessage
from authsignal_portal.models import Wording
from authsignal_portal.sms_length import length
from authsignal_portal.widgets import dress
from authsignal_portal.wording import BadText, Point

LANGUAGES = dict(settings.LANGUAGES)
LONG = 80


@dataclass(frozen=True, slots=True)
class Screen:
    """`is_open` where one of its texts is the tenant's own, or wrong."""

    title: Any
    fields: list[forms.BoundField]
    is_open: bool


class WordingForm(forms.Form):
    """One field for each text, named by its public id, with the shipped text beside it."""

    def __init__(
        self, *args: Any, language: str, texts: dict[str, str], message_texts: dict[str, str], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        for name, of_message in message_wording.POINTS.items():
            kept = message_texts.get(name, "")
            field = _message_field(of_message, language, initial=kept)
            field.help_text = f"{field.help_text} {_length(of_message, self.data.get(name) if self.is_bound else kept)}"
            self.fields[name] = field
        with translation.override(language):
            shipped = {public_id: point.default for public_id, point in wording.points().items()}
        for public_id, point in wording.points().items():
            self.fields[public_id] = _field(point, shipped[public_id], language, initial=texts.get(public_id, ""))
        dress(self)

    def clean(self) -> None:
        for public_id in wording.points():
            if text := self.cleaned_data.get(public_id):
                try:
                    self.cleaned_data[public_id] = wording.checked(public_id, text)
                except BadText as error:
                    self.add_error(public_id, str(error))
        for public_id in message_wording.POINTS:
            if text := self.cleaned_data.get(public_id):
                try:
                    self.cleaned_data[public_id] = message_wording.checked(public_id, text)
                except BadMessage as error:
                    self.add_error(public_id, str(error))

    @property
    def texts(self) -> dict[str, str]:
        return {
            public_id: self.cleaned_data[public_id] for public_id in wording.points() if self.cleaned_data[public_id]
        }

    @property
    def message_texts(self) -> dict[str, str]:
        return {name: self.cleaned_data[name] for name in message_wording.POINTS if self.cleaned_data[name]}

    def messages(self) -> list[forms.BoundField]:
        return [self[name] for name in message_wording.POINTS]

    def groups(self) -> list[tuple[Any, list[Screen]]]:
        return [
            (title, [self._screen(name, points) for name, points in screens.items()])
            for title, screens in wording_screens.grouped(wording.points().values()).items()
        ]

    def _screen(self, name: Any, points: list[Point]) -> Screen:
        fields = [self[point.public_id] for point in points]
        return Screen(name, fields, is_open=any(field.errors or field.value() for field in fields))


def _field(point: Point, shipped: str, language: str, *, initial: str) -> forms.CharField:
    widget = forms.Textarea(attrs={"rows": 2}) if point.max_length > LONG else forms.TextInput()
    widget.attrs |= {"lang": language, "autocomplete": "off"}
    names = _names(point.placeholders)
    return forms.CharField(
        label=shipped,
        required=False,
        initial=initial,
        widget=widget,
        help_text=_("May use %(names)s.") % {"names": names} if names else "",
    )


def _message_field(point: message_wording.Point, language: str, *, initial: str) -> forms.CharField:
    shipped = compose.shipped(point.public_id, language)
    widget = forms.TextInput() if point.is_line else forms.Textarea(attrs={"rows": 3 if point.is_phone else 8})
    widget.attrs |= {"placeholder": shipped, "lang": language, "autocomplete": "off"}
    needed = _names(point.needed)
    text = _("Must have %(needed)s; may use %(allowed)s.") if needed else _("May use %(allowed)s.")
    return forms.CharField(
        label=point.label,
        required=False,
        initial=initial,
        strip=False,
        widget=widget,
        help_text=text % {"needed": needed, "allowed": _names(point.allowed)},
    )


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in sorted(names))


def _length(point: message_wording.Point, text: str | None) -> str:
    """For SMS: characters and parts as long as it may get, the last line included."""
    if not point.is_phone or not text:
        return ""
    size = length(message_wording.longest(message_wording.tidy(text)))
    told = _("With the longest values and the last line: %(units)s characters, %(parts)s SMS.")
    return told % {"units": size.units, "parts": size.parts}


def view(request: HttpRequest) -> HttpResponse:
    here = access.must(request)
    language = request.GET.get("language", settings.LANGUAGE_CODE)
    if language not in LANGUAGES:
        return redirect("portal:wording")
    may = here.may(Right.ADMINISTER)
    if request.method == "POST" and not may:
        raise PermissionDenied
    stored = Wording.objects.filter(tenant=here.tenant).first() or Wording(tenant=here.tenant)
    sent = request.POST if request.method == "POST" else None
    own = {"texts": stored.texts.get(language, {}), "message_texts": stored.messages.get(language, {})}
    form = WordingForm(sent, language=language, **own)
    if request.method == "POST" and form.is_valid():
        _save(here, language, form)
        messages.success(request, _("The texts in %(language)s were saved.") % {"language": LANGUAGES[language]})
        return redirect(f"{reverse('portal:wording')}?language={language}")
    context = {
        **portal.site.each_context(request),
        "title": _("Texts of pages and messages"),
        "form": form,
        "may": may,
        "own_messages": any(field.errors or field.value() for field in form.messages()),
        "language": language,
        "languages": [(code, name, _count(stored, code)) for code, name in LANGUAGES.items()],
    }
    request.current_app = portal.site.name
    return TemplateResponse(request, "portal/wording.html", context)


def _count(stored: Wording, language: str) -> int:
    return len(stored.texts.get(language, {})) + len(stored.messages.get(language, {}))


@transaction.atomic
def _save(here: Access, language: str, form: WordingForm) -> None:
    row, _made = Wording.objects.select_for_update().get_or_create(tenant=here.tenant)
    row.texts, row.messages = {**row.texts, language: form.texts}, {**row.messages, language: form.message_texts}
    row.updated_at = clock.now()
    row.save()
    log.record(Tag.TENANT_UPDATED, tenant_id=here.tenant.pk, actor=here.actor, fields=["wording"])
