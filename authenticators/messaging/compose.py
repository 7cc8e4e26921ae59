"""The texts of messages, from templates/messages/<method>/."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import translation

from authenticators import lookalikes
from authenticators.models import RecoveryCode
from authenticators.transactions import Transaction
from authsignal_portal.message_wording import NAME_CHARS, filled
from authsignal_portal.vocabulary import Channel, VerificationMethod

# {language: {public id: text}}
OwnTexts: TypeAlias = Mapping[str, Mapping[str, str]]

NONE: OwnTexts = {}
LINKS = re.compile(r"\S*://\S*|\bwww\.\S*", re.IGNORECASE)
# Phones turn whatever looks like a host name into a link; every dot that browsers take for one is meant.
INNER_DOTS = re.compile(r"(?<=\w)[.\u3002](?=\w)")


@dataclass(frozen=True, slots=True)
class Text:
    """What a person gets. `subject` and `html` are empty for SMS and WhatsApp."""

    text: str = field(repr=False)
    subject: str = field(default="", repr=False)
    html: str = field(default="", repr=False)


def code_message(
    *,
    method: VerificationMethod,
    channel: Channel,
    tenant_name: str,
    code: str,
    valid_for: timedelta,
    locale: str | None,
    linked: Transaction | None = None,
    own: OwnTexts = NONE,
) -> Text:
    """A one-time code, in the user's language where we speak it. No link: there is nothing to click.

    `linked`: the transaction that the code is for; its amount and payee stand beside the code, exactly as they are.
    `own`: the tenant's texts, by language and point (message_wording).
    """
    language = supported(locale)
    texts = own.get(language, {})
    values = {
        "name": clean_name(tenant_name),
        "code": code,
        "minutes": whole_minutes(valid_for),
        "host": urlsplit(settings.PUBLIC_URL).hostname,
        "language": language,
        **_told(linked),
    }
    with translation.override(language):
        if channel not in (Channel.SMS, Channel.WHATSAPP):
            return _email(method, values, texts)
        if text := texts.get(f"{channel.value.lower()}.text"):
            return Text(render_to_string("messages/own/sms.txt", values | {"own": filled(text, values)}).strip())
        return Text(render_to_string("messages/sms/sms.txt", values).strip())


def link_message(
    *,
    method: VerificationMethod,
    tenant_name: str,
    url: str,
    valid_for: timedelta,
    locale: str | None,
    linked: Transaction | None = None,
    own: OwnTexts = NONE,
) -> Text:
    """A link to confirm, in the user's language where we speak it. `linked` and `own` as in `code_message`."""
    language = supported(locale)
    values = {
        "name": clean_name(tenant_name),
        "url": url,
        "minutes": whole_minutes(valid_for),
        "language": language,
        **_told(linked),
    }
    with translation.override(language):
        return _email(method, values, own.get(language, {}))


def notice_message(
    *,
    kind: str,
    method: str,
    channel: Channel,
    tenant_name: str,
    at: datetime,
    locale: str | None,
    codes_left: int | None = None,
) -> Text:
    """Word of what happened (`notices.Kind`), in the user's language where we speak it. No link, and nothing secret.

    `codes_left`: how many recovery codes were unused then; None where that is not told.
    """
    language = supported(locale)
    with translation.override(language):
        named = one_line(render_to_string("messages/notice/method.txt", {"method": method}))
        title = one_line(render_to_string("messages/notice/title.txt", {"kind": kind, "method": named}))
        values = {
            "name": clean_name(tenant_name),
            "title": title,
            "moment": f"{at:%Y-%m-%d %H:%M} UTC",
            "kind": kind,
            "codes_left": codes_left,
            "few_left": codes_left is not None and codes_left <= RecoveryCode.FEW,
            "language": language,
        }
        if channel == Channel.SMS:
            return Text(one_line(render_to_string("messages/notice/sms.txt", values)))
        return _shipped_email("messages/notice", values)


def alarm_message(*, tenant_name: str, url: str, until: datetime, values: Mapping[str, Any]) -> Text:
    """Word to a tenant's administrators that the guard stopped something (`alarms`), with a link to the portal."""
    language = settings.LANGUAGE_CODE
    with translation.override(language):
        title, why = (
            one_line(render_to_string(f"messages/alarm/{part}.txt", dict(values))) for part in ("title", "why")
        )
        told = {"name": clean_name(tenant_name), "title": title, "why": why, "url": url, "language": language}
        return _shipped_email("messages/alarm", told | {"until": f"{until:%Y-%m-%d %H:%M} UTC"})


def shipped(public_id: str, language: str) -> str:
    """The text at a point of `message_wording` as it is sent without a tenant's own, placeholders in braces."""
    kind, _dot, part = public_id.partition(".")
    values = {"name": "{name}", "code": "{code}", "url": "{url}", "minutes": 10, "sum": "", "language": language}
    with translation.override(language):
        if part == "text":
            return render_to_string("messages/sms/sms.txt", values).rpartition("\n\n")[0].strip()
        return render_to_string(f"messages/{kind.replace('-', '_')}/{part}.txt", values).strip()


def _told(linked: Transaction | None) -> dict[str, str]:
    return {"sum": linked.sum, "payee": lookalikes.shown(linked.payee)} if linked else {"sum": "", "payee": ""}


def _email(method: VerificationMethod, values: dict[str, Any], own: Mapping[str, str]) -> Text:
    """As shipped, but for what the tenant wrote; each of subject and text may be either."""
    point, folder = method.value.lower().replace("_", "-"), f"messages/{method.value.lower()}"
    made = _shipped_email(folder, values)
    if subject := own.get(f"{point}.subject"):
        made = replace(made, subject=one_line(filled(subject, values)))
    if body := own.get(f"{point}.body"):
        told = values | {"own": filled(body, values), "parts": _parts(body, values), "title": made.subject}
        text = render_to_string("messages/own/body.txt", told).strip() + "\n"
        made = replace(made, text=text, html=render_to_string("messages/own/body.html", told))
    return made


def _parts(body: str, values: Mapping[str, Any]) -> list[dict[str, str]]:
    """Paragraphs; a code or a link that stands alone on its line is shown as one."""
    spaced = re.sub(r"^\{(code|url)\}$", r"\n{\1}\n", body, flags=re.MULTILINE)
    paragraphs = [paragraph.strip() for paragraph in re.split(r"\n{2,}", spaced) if paragraph.strip()]
    return [
        {"kind": one[1:-1] if one in ("{code}", "{url}") else "text", "text": filled(one, values)} for one in paragraphs
    ]


def _shipped_email(folder: str, values: dict[str, Any]) -> Text:
    return Text(
        text=render_to_string(f"{folder}/body.txt", values).strip() + "\n",
        subject=one_line(render_to_string(f"{folder}/subject.txt", values)),
        html=render_to_string(f"{folder}/body.html", values),
    )


def supported(locale: str | None) -> str:
    """The closest language we speak; the default one for none, an unknown or a malformed locale."""
    return spoken(locale) or settings.LANGUAGE_CODE


def spoken(locale: str | None) -> str:
    """The closest language we speak, or nothing."""
    try:
        return translation.get_supported_language_variant((locale or "").replace("_", "-").lower())
    except LookupError:
        return ""


def clean_name(name: str) -> str:
    """A name as it may stand in a message: one line, no link, nothing invisible, 64 characters at most."""
    visible = "".join(" " if char.isspace() else char for char in unicodedata.normalize("NFKC", name))
    visible = "".join(char for char in visible if unicodedata.category(char)[0] != "C")
    return one_line(INNER_DOTS.sub(" ", LINKS.sub("", visible)))[:NAME_CHARS].strip()


def one_line(text: str) -> str:
    return " ".join(text.split())


def whole_minutes(span: timedelta) -> int:
    """Rounded down, but for the seconds that passed since the code was made."""
    return max(1, int(span.total_seconds() + 15) // 60)
