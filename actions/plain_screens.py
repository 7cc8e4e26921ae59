"""What a hosted page shows without a script: one screen at a time, and the forms that carry it to the next."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import formats, translation
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from actions import hosted, hosted_state, plain_html
from actions.own_methods import Listed
from actions.plain_html import Filling
from authsignal_portal import countries
from authsignal_portal.errors import AuthsignalError
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import VerificationMethod

M = VerificationMethod
# What only a script can do: speak with an authenticator through the browser, use a key that it keeps.
NEEDS_SCRIPT = frozenset({M.PASSKEY, M.SECURITY_KEY, M.IN_APP})
# And set up our own app on a phone.
ADDED_BY_SCRIPT = NEEDS_SCRIPT | {M.PUSH, M.QR_CODE}
# Where nothing is typed and everything happens elsewhere.
WAITING = frozenset({"email_magic_link", "push", "qr_code", "identity_check"})


@dataclass(frozen=True, slots=True)
class Shown:
    """One screen. `carry` comes back with whatever is pressed on it; `leave_to`: where the browser goes by itself."""

    screen: str
    when: frozenset[str] = frozenset()
    slots: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    carry: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""
    # What a form on it sends.
    act: str = "answer"
    may_quit: bool = True
    leave_to: str = ""
    # The same, offered as a link only.
    link_to: str = ""
    status: int = 200

    @property
    def waits(self) -> bool:
        return self.screen in WAITING

    def also(self, *names: str) -> "Shown":
        return replace(self, when=self.when | set(names))


@dataclass(frozen=True, slots=True)
class Words:
    """Renders templates in the tenant's words; made once for each answer."""

    request: HttpRequest
    tenant: Tenant | None

    def render(self, name: str) -> str:
        tenant = self.tenant
        context = {
            "tenant": tenant.name if tenant else "",
            "digits": hosted.digits_of(tenant, name),
            "is_slow": name in hosted.slow_screens(tenant),
        }
        return render_to_string(template_of(name), context)

    def refusal(self, problem: AuthsignalError) -> str:
        """As `sentence` in static/challenge/troubles.js. The description itself is for developers."""
        names = (problem.reason, f"error-{problem.code}", f"error-{problem.status}", "error")
        found = self._texts()
        return next(found[name] for name in names if name in found)

    def _texts(self) -> dict[str, str]:
        return plain_html.texts(render_to_string("challenge/strings.html", {"tenant": ""}))

    def text(self, name: str, **values: object) -> str:
        found = self._texts()[name]
        for key, value in values.items():
            found = found.replace(f"{{{key}}}", str(value))
        return found


def template_of(screen: str) -> str:
    if screen in hosted.ERRORS:
        return f"challenge/errors/{screen.replace('-', '_')}.html"
    if screen in hosted.METHOD_SCREENS or screen.endswith("_card"):
        return f"challenge/methods/{screen}.html"
    return f"challenge/{screen}.html"


def drawn(words: Words, shown: Shown, hidden: Mapping[str, str]) -> SafeString:
    """The screen's HTML. `hidden` goes with every form of it, beside what the screen itself carries."""
    fields = format_html_join("", '<input type="hidden" name="{}" value="{}">', [*hidden.items(), *shown.carry.items()])
    path = reverse("hosted-plain")
    filling = Filling(
        when=shown.when | {"by-hand"},
        slots=shown.slots,
        labels=shown.labels,
        values=shown.values,
        hidden=fields,
        path=path,
        problem=shown.problem,
        act=shown.act,
        stays_open=shown.waits,
    )
    body = plain_html.filled(words.render(shown.screen), filling)
    return format_html('<form id="{}" method="post" action="{}">{}</form>{}', plain_html.FORM, path, fields, body)


# -- lists ---------------------------------------------------------------------------------------


def choices(words: Words, found: Iterable[Mapping[str, Any]], *, act: str, is_new: bool = False) -> SafeString:
    """A card for each method; `act` is what pressing it sends, before the method's name."""
    return SafeString("".join(_card(words, one, act=act, is_new=is_new) for one in found))


def _card(words: Words, choice: Mapping[str, Any], *, act: str, is_new: bool) -> str:
    known = " · ".join(choice[name] for name in ("label", "target") if choice.get(name))
    if choice.get("addedAt"):
        known += f" · {words.text('added', day=day_text(datetime.fromisoformat(choice['addedAt'])))}"
    detail = words.text("replaces") if choice.get("replaces") else known
    card = words.render(f"{choice['method'].lower()}_card")
    if "disabled" in choice or "lockedUntil" in choice:
        detail = words.text("locked")
        card = plain_html.with_icon(card, "lock")
    slots = {"detail": detail, "name": choice.get("name")}
    filling = Filling(
        when=frozenset({"new"} if is_new else ()),
        slots={name: words for name, words in slots.items() if words},
        act=":".join([act, choice["method"], *([choice["id"]] if "id" in choice else [])]),
    )
    return plain_html.filled(card, filling)


def method_rows(words: Words, rows: Iterable[Listed]) -> SafeString:
    return SafeString("".join(_method_row(words, one) for one in rows))


def _method_row(words: Words, one: Listed) -> str:
    """A method's card as a row of the settings."""
    when = {"change"} if one.may or one.is_last else set()
    card, told = words.render(f"{one.row.method.lower()}_card"), told_of(words, one)
    marks = ["default"] * one.is_default + ["expired"] * one.is_expired
    tags = format_html_join("", ' <span class="tag">{}</span>', [(words.text(mark),) for mark in marks])
    slots = told | {
        "icon": plain_html.icon_of(card),
        "name": format_html("{}{}", told["name"], tags),
        "whose": f" {told['name']} {told['detail']}",
    }
    filling = Filling(when=frozenset(when), slots=slots, act=f"manage:{one.row.pk}")
    return plain_html.filled(plain_html.row_template(words.render("settings")), filling)


def told_of(words: Words, one: Listed) -> dict[str, str]:
    """What tells a method from others. What its user called it comes first."""
    name = _name_of(words, one)
    return {
        "name": one.label or name,
        "detail": " · ".join(part for part in (one.label and name, one.detail) if part),
        "dates": " · ".join(part for part in (one.made_on, _dates(words, one)) if part),
    }


def _dates(words: Words, one: Listed) -> str:
    day = day_text(one.created_at)
    return (
        words.text("added-used", day=day, used=day_text(one.last_used_at))
        if one.last_used_at
        else words.text("added", day=day)
    )


def day_text(moment: datetime) -> str:
    """As `dayText` in static/challenge/page.js: the month in full, which Django's format of English alone has not."""
    is_english = (translation.get_language() or "").startswith("en")
    return formats.date_format(moment, "F j, Y" if is_english else "DATE_FORMAT")


def _name_of(words: Words, one: Listed) -> str:
    return card_name(words, {"method": one.row.method, "name": one.name})


def card_name(words: Words, choice: Mapping[str, Any]) -> str:
    """As the tenant calls it (an identity provider), else as the method's card does."""
    return choice.get("name") or plain_html.text_of(words.render(f"{choice['method'].lower()}_card"), "choice-name")


# -- telephone -----------------------------------------------------------------------------------


def country_options(tenant: Tenant, chosen: str) -> SafeString:
    language = translation.get_language() or ""
    served = hosted_state.countries(tenant)
    named = [(countries.name(region, language), region, code) for region, code, _trunk in served]
    named.sort(key=lambda one: countries.alphabetical(one[0]))
    return format_html_join(
        "",
        '<option value="{}"{}>{} (+{})</option>',
        [(region, SafeString(" selected") if region == chosen else "", name, code) for name, region, code in named],
    )
