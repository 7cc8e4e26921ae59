"""Portal page on which a tenant's hosted pages get their look, with a preview that follows each change.

A theme that somebody could not read is refused, with the nearest colour that would do.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from csp.constants import NONE, SELF
from csp.decorators import csp_replace, csp_update
from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_POST

from actions import hosted_theme
from audit import log
from audit.events import Tag
from authsignal_portal import access, clock, portal, theme
from authsignal_portal.access import Right
from authsignal_portal.form_limits import takes_large_forms
from authsignal_portal.models import Theme
from authsignal_portal.theme import MODES, BadTheme, Mode
from authsignal_portal.widgets import dress

COLOR_LABELS = {
    "buttonPrimaryText": _("Main button: text"),
    "buttonPrimaryBorder": _("Main button: border"),
    "buttonSecondaryText": _("Second button: text"),
    "buttonSecondaryBackground": _("Second button: background"),
    "buttonSecondaryBorder": _("Second button: border"),
    "cardBackground": _("Choice: background"),
    "cardBorder": _("Choice: border"),
    "inputBackground": _("Field: background"),
    "inputBorder": _("Field: border"),
    "link": _("Links"),
    "headingText": _("Headings"),
    "bodyText": _("Text"),
    "containerBackground": _("Card: background"),
    "containerBorder": _("Card: border"),
    "divider": _("Dividing lines"),
    "icon": _("Icons"),
    "loader": _("Spinner"),
    "positive": _("Good news"),
    "critical": _("Problems"),
    "information": _("Notices"),
    "hover": _("Under the pointer"),
    "focus": _("Frame around what has the focus"),
}
BORDER_LABELS = {
    "buttonBorderRadius": _("Buttons: roundness"),
    "buttonBorderWidth": _("Buttons: width of the border"),
    "cardBorderRadius": _("Choices: roundness"),
    "cardBorderWidth": _("Choices: width of the border"),
    "inputBorderRadius": _("Fields: roundness"),
    "inputBorderWidth": _("Fields: width of the border"),
    "containerBorderRadius": _("Card: roundness"),
}
CHOICE_LABELS = {
    "contentAlignment": (_("Place of the text"), {"left": _("To the left"), "center": _("Centred")}),
    "logoAlignment": (
        _("Place of the logo"),
        {"left": _("To the left"), "center": _("Centred"), "right": _("To the right")},
    ),
    "logoPosition": (_("Logo and name"), {"inside": _("In the card"), "outside": _("Apart, without a line")}),
    "exitPosition": (_("Place of Cancel"), {"top": _("At the top"), "bottom": _("At the bottom")}),
}
SIZE_LABELS = {
    "padding": _("Space inside the card, px"),
    "paddingHorizontal": _("Space at the sides, px"),
    "paddingVertical": _("Space above and below, px"),
    "logoHeight": _("Height of the logo, px"),
}
FONT_LABELS = {
    "system": _("The device's own"),
    "serif": _("With serifs"),
    "rounded": _("Rounded"),
    "monospace": _("Fixed width"),
}
PICTURES = {
    "logo": _("Logo"),
    "logo_dark": _("Logo on a dark page"),
    "favicon": _("Icon of the browser tab"),
    "watermark": _("Watermark below the card's content"),
    "watermark_dark": _("Watermark on a dark page"),
    "background": _("Picture behind the card, on screens wider than a phone"),
    "background_dark": _("Picture behind the card on a dark page"),
}
AS_SHIPPED = ("", _("As shipped"))


class ThemeForm(forms.Form):
    """One field for each token, named by its path: `darkMode.colors.link`. Empty means: as shipped."""

    def __init__(self, *args: Any, tokens: theme.Theme, stored: Theme | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stored = stored
        for mode in MODES:
            self.fields |= _fields(mode)
        self.fields["typography.font"] = forms.ChoiceField(
            label=_("Font"), required=False, choices=[AS_SHIPPED, *FONT_LABELS.items()]
        )
        self.fields["links.underline"] = _switch(_("Underline links"))
        self.fields["shadows.enabled"] = _switch(_("Shadow below the card"))
        for name, label in PICTURES.items():
            self.fields[name] = forms.FileField(label=label, required=False, help_text=hosted_theme.PICTURE_RULES)
            self.fields[f"no-{name}"] = forms.BooleanField(label=_("Remove it"), required=False)
        for name, field in self.fields.items():
            field.initial = _told(tokens, name)
        dress(self)

    @property
    def tokens(self) -> dict[str, Any]:
        """What the fields say, as a theme. Raises BadTheme."""
        given: dict[str, Any] = {}
        for name in self.fields:
            value = self.cleaned_data.get(name)
            if name in PICTURES or name.startswith("no-") or value in (None, ""):
                continue
            *path, last = name.split(".")
            part = given
            for step in path:
                part = part.setdefault(step, {})
            part[last] = value == "yes" if isinstance(self.fields[name], _Switch) else value
        return theme.checked(given)

    def clean(self) -> None:
        for name in PICTURES:
            sent = self.cleaned_data.get(name)
            if sent is None:
                continue
            if wrong := hosted_theme.problem_of(sent.read(hosted_theme.MAX_PICTURE + 1)):
                self.add_error(name, str(wrong))
            sent.seek(0)
        try:
            tokens = self.tokens
        except BadTheme as error:
            self.add_error(error.where, str(error.text))
            return
        for problem in theme.problems(tokens):
            self.add_error(_field_of(problem), _told_problem(problem))

    # -- for the template ---------------------------------------------------------------------------

    def first(self) -> Iterator[forms.BoundField]:
        for name in ("primaryColor", "darkMode.primaryColor", "typography.font", "links.underline", "shadows.enabled"):
            yield self[name]

    def pictures(self) -> Iterator[tuple[forms.BoundField, forms.BoundField, bool]]:
        """The field, the one that removes the picture, and whether there is one."""
        for name in PICTURES:
            yield self[name], self[f"no-{name}"], bool(self.stored and getattr(self.stored, name))

    def sections(self) -> Iterator[tuple[Any, list[forms.BoundField], bool]]:
        """Title, fields, and whether something in it is wrong or set."""
        titles: dict[Mode, tuple[Any, Any]] = {
            "light": (_("Colours on a light page"), _("Shapes and places")),
            "dark": (_("Colours on a dark page"), _("Shapes on a dark page")),
        }
        for mode, (colors, shapes) in titles.items():
            at = _at(mode)
            parts = (
                (colors, [f"{at}colors.{name}" for name in theme.COLORS] + [f"{at}pageBackground.backgroundColor"]),
                (shapes, [name for name in self.fields if name.startswith((f"{at}borders.", f"{at}container."))]),
            )
            for title, names in parts:
                fields = [self[name] for name in names]
                yield title, fields, any(field.errors or field.value() not in (None, "") for field in fields)


class _Switch(forms.ChoiceField):
    """On, off, or as shipped."""


def _switch(label: Any) -> forms.ChoiceField:
    return _Switch(label=label, required=False, choices=[AS_SHIPPED, ("yes", _("Yes")), ("no", _("No"))])


def _at(mode: Mode) -> str:
    return "" if mode == "light" else "darkMode."


def _fields(mode: Mode) -> dict[str, forms.Field]:
    at = _at(mode)
    fields: dict[str, forms.Field] = {
        f"{at}primaryColor": _color(
            _("Main colour") if mode == "light" else _("Main colour on a dark page"), mode, "--accent"
        )
    }
    for name, css_name in theme.COLORS.items():
        fields[f"{at}colors.{name}"] = _color(COLOR_LABELS[name], mode, css_name)
    fields[f"{at}pageBackground.backgroundColor"] = _color(_("Page behind the card"), mode, "--page")
    for name, (_css_name, most) in theme.BORDERS.items():
        fields[f"{at}borders.{name}"] = _pixels(BORDER_LABELS[name], 0, most)
    for name, (label, choices) in CHOICE_LABELS.items():
        if mode == "light":  # one layout for both
            fields[f"container.{name}"] = forms.ChoiceField(
                label=label, required=False, choices=[AS_SHIPPED, *choices.items()]
            )
    for name, (_css_name, least, most) in theme.CONTAINER_SIZES.items():
        fields[f"{at}container.{name}"] = _pixels(SIZE_LABELS[name], least, most)
    return fields


def _color(label: Any, mode: Mode, css_name: str) -> forms.CharField:
    shipped = theme.shipped(css_name, mode)
    widget = forms.TextInput(
        attrs={"placeholder": shipped, "data-color": shipped, "spellcheck": "false", "autocomplete": "off"}
    )
    return forms.CharField(label=label, required=False, max_length=7, widget=widget)


def _pixels(label: Any, least: int, most: int) -> forms.IntegerField:
    return forms.IntegerField(label=label, required=False, min_value=least, max_value=most)


def _told(tokens: theme.Theme, name: str) -> Any:
    value: Any = tokens
    for step in name.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else value


def _field_of(problem: theme.Contrast) -> str:
    return _at(problem.mode) + problem.token


def _told_problem(problem: theme.Contrast) -> str:
    values = {
        "what": problem.what,
        "ratio": problem.ratio,
        "needed": problem.needed,
        "color": problem.suggestion,
    }
    text = _("Hard to read (%(what)s): the contrast is %(ratio)s to 1, %(needed)s is needed. %(color)s would do.")
    return str(text % values)


# -- the pages -------------------------------------------------------------------------------------


@takes_large_forms
@csp_update({"frame-src": [SELF]})
def view(request: HttpRequest) -> HttpResponse:
    here = access.must(request)
    stored = Theme.objects.filter(tenant=here.tenant).first() or Theme(tenant=here.tenant)
    may = here.may(Right.ADMINISTER)
    if request.method == "POST" and not may:
        raise PermissionDenied
    sent = (request.POST, request.FILES) if request.method == "POST" else ()
    form = ThemeForm(*sent, tokens=stored.tokens, stored=stored)
    if request.method == "POST" and form.is_valid():
        _save(here, form)
        messages.success(request, _("The look was saved. Pages that are open keep theirs until they are loaded again."))
        return redirect("portal:theme")
    context = {
        **portal.site.each_context(request),
        "title": _("Look of hosted pages"),
        "form": form,
        "may": may,
        "stored": stored,
        "preview": reverse("portal:theme_preview"),
        "sheet": reverse("portal:theme_sheet"),
    }
    request.current_app = portal.site.name
    return TemplateResponse(request, "portal/theme.html", context)


@transaction.atomic
def _save(here: access.Access, form: ThemeForm) -> None:
    row, _made = Theme.objects.select_for_update().get_or_create(tenant=here.tenant)
    row.tokens, row.updated_at = form.tokens, clock.now()
    for name in PICTURES:
        if sent := form.cleaned_data[name]:
            setattr(row, name, sent.read())
        elif form.cleaned_data[f"no-{name}"]:
            setattr(row, name, b"")
    row.save()
    log.record(Tag.TENANT_UPDATED, tenant_id=here.tenant.pk, actor=here.actor, fields=["theme"])


@xframe_options_sameorigin
@csp_replace(
    {
        "default-src": [NONE],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "frame-ancestors": [SELF],
        "script-src": [NONE],
    }
)
def preview(request: HttpRequest) -> HttpResponse:
    """A hosted page with a bit of everything, for a frame of the page above: `?mode=dark` as on a dark device."""
    tenant = access.must(request).tenant
    mode: Mode = "dark" if request.GET.get("mode") == "dark" else "light"
    return TemplateResponse(
        request, "portal/theme_preview.html", {"tenant": tenant.name, "mode": mode, "theme": hosted_theme.of(tenant)}
    )


@require_POST
def sheet(request: HttpRequest) -> JsonResponse:
    """What the form as it stands would make of the preview, and what is wrong with it; keeps nothing."""
    form = ThemeForm(request.POST, tokens={})
    form.is_valid()
    errors = {name: [str(text) for text in texts] for name, texts in form.errors.items()}
    try:
        tokens = form.tokens
    except BadTheme:
        return JsonResponse({"errors": errors})
    sheets = {mode: theme.whole_css(tokens, mode) for mode in MODES}
    return JsonResponse({"errors": errors, "sheets": sheets, "classes": theme.classes(tokens)})


def stored_sheet(request: HttpRequest) -> HttpResponse:
    """The stored theme for a preview, every token of one mode."""
    stored = Theme.objects.filter(tenant=access.must(request).tenant).first()
    mode: Mode = "dark" if request.GET.get("mode") == "dark" else "light"
    return HttpResponse(theme.whole_css(stored.tokens if stored else {}, mode), content_type="text/css")
