"""Portal page of the texts on the hosted pages, one language at a time. What is left empty is as shipped."""

from itertools import groupby
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

from audit import log
from audit.events import Tag
from authsignal_portal import access, clock, portal, wording
from authsignal_portal.access import Access, Right
from authsignal_portal.models import Wording
from authsignal_portal.widgets import dress
from authsignal_portal.wording import BadText, Point

LANGUAGES = dict(settings.LANGUAGES)
LONG = 80


class WordingForm(forms.Form):
    """One field for each text, named by its public id, with the shipped text beside it."""

    def __init__(self, *args: Any, language: str, texts: dict[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
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

    @property
    def texts(self) -> dict[str, str]:
        return {public_id: text for public_id, text in self.cleaned_data.items() if text}

    def screens(self) -> list[tuple[str, list[forms.BoundField], bool]]:
        """The name of a screen, its texts, and whether one of them is the tenant's or wrong."""
        found = []
        for screen, group in groupby(wording.points().values(), key=lambda point: point.screen):
            fields = [self[point.public_id] for point in group]
            found.append((_title(screen), fields, any(field.errors or field.value() for field in fields)))
        return found


def _field(point: Point, shipped: str, language: str, *, initial: str) -> forms.CharField:
    widget = forms.Textarea(attrs={"rows": 2}) if point.max_length > LONG else forms.TextInput()
    widget.attrs |= {"placeholder": shipped, "lang": language, "autocomplete": "off"}
    names = ", ".join(f"{{{name}}}" for name in sorted(point.placeholders))
    return forms.CharField(
        label=shipped,
        required=False,
        initial=initial,
        widget=widget,
        help_text=_("May use %(names)s.") % {"names": names} if names else "",
    )


def _title(screen: str) -> str:
    """errors/other-browser → Other browser."""
    return screen.rpartition("/")[2].replace("-", " ").capitalize()


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
    form = WordingForm(sent, language=language, texts=stored.texts.get(language, {}))
    if request.method == "POST" and form.is_valid():
        _save(here, language, form.texts)
        messages.success(request, _("The texts in %(language)s were saved.") % {"language": LANGUAGES[language]})
        return redirect(f"{reverse('portal:wording')}?language={language}")
    context = {
        **portal.site.each_context(request),
        "title": _("Texts of the hosted pages"),
        "form": form,
        "may": may,
        "language": language,
        "languages": [(code, name, len(stored.texts.get(code, {}))) for code, name in LANGUAGES.items()],
    }
    request.current_app = portal.site.name
    return TemplateResponse(request, "portal/wording.html", context)


@transaction.atomic
def _save(here: Access, language: str, texts: dict[str, str]) -> None:
    row, _made = Wording.objects.select_for_update().get_or_create(tenant=here.tenant)
    row.texts, row.updated_at = {**row.texts, language: texts}, clock.now()
    row.save()
    log.record(Tag.TENANT_UPDATED, tenant_id=here.tenant.pk, actor=here.actor, fields=["wording"])
