"""The form of a message provider: the fields of its kind, and a secret that is written and never shown."""

import re
from collections.abc import Mapping
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator, validate_email
from django.utils.translation import gettext_lazy as _

from authenticators import messaging
from authenticators.models import MessageProvider
from authsignal_portal import outbound, words
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import Channel
from authsignal_portal.widgets import dress

Kind = MessageProvider.Kind
FIELDS: Final = {
    Kind.TWILIO: ["account", "secret", "sender", "messaging_service_sid", "content_sid"],
    Kind.WEBHOOK: ["url"],
    Kind.SMTP: ["host", "port", "security", "account", "secret", "sender"],
    Kind.WEB_PUSH: [],
}
# Who changes where the secret goes must know the secret: else it could be sent to a server of theirs.
SECRET_GOES_TO: Final = {"account", "host", "port"}
MAIL_PORTS: Final = frozenset({25, 465, 587, 2525})
SID: Final = {"account": "AC", "messaging_service_sid": "MG", "content_sid": "HX"}
LABELS: Final[Mapping[str, Mapping[str, Any]]] = {
    Kind.TWILIO: {
        "account": _("Account SID"),
        "secret": _("Auth token"),
        "sender": _("Sender's number"),
        "messaging_service_sid": _("Messaging service SID, instead of a number"),
        "content_sid": _("Content template SID"),
    },
    Kind.WEBHOOK: {"url": _("Address")},
    Kind.SMTP: {
        "host": _("Host"),
        "port": _("Port"),
        "security": _("Encryption"),
        "account": _("User name"),
        "secret": _("Password"),
        "sender": _("From"),
    },
}
HELP: Final[Mapping[str, Mapping[str, Any]]] = {
    Kind.TWILIO: {
        "sender": _("With + and country code. For WhatsApp, the number that is registered there."),
        "content_sid": _("For WhatsApp: an approved authentication template, whose {{1}} is the code."),
    },
    Kind.WEBHOOK: {
        "url": _("An https address of yours that sends each message itself. What it gets is signed with your API keys.")
    },
    Kind.SMTP: {"sender": _("Such as Acme <no-reply@acme.example>.")},
}


class ProviderForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    secret = forms.CharField(required=False, max_length=255, widget=forms.PasswordInput(render_value=False))

    class Meta:
        model = MessageProvider
        fields = [
            "channel",
            "position",
            "is_active",
            "url",
            "host",
            "port",
            "security",
            "account",
            "secret",
            "sender",
            "messaging_service_sid",
            "content_sid",
        ]

    instance: MessageProvider

    def __init__(self, *args: Any, tenant: Tenant, kind: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind = Kind(kind)
        self.instance.tenant, self.instance.kind = tenant, self.kind
        kept = ["channel", *FIELDS[self.kind], "position", "is_active"]
        self.fields = {name: self.fields[name] for name in kept}
        for name in FIELDS[self.kind]:
            self.fields[name].label = LABELS[self.kind][name]
            self.fields[name].help_text = HELP[self.kind].get(name, "")
        if "secret" in self.fields:
            self.fields["secret"].widget.attrs["autocomplete"] = "new-password"
            if self.instance.secret_sealed is not None:
                self.fields["secret"].help_text = _("Kept as it is when you leave this empty. It is never shown.")
        carried = messaging.CHANNELS[self.kind]
        self.fields["channel"].choices = [(one.value, words.CHANNELS[one]) for one in Channel if one in carried]  # type: ignore[attr-defined]
        dress(self)

    # -- what is right for each kind --------------------------------------------------------------

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        self._position_is_free(given)
        checks = {Kind.TWILIO: self._twilio, Kind.WEBHOOK: self._webhook, Kind.SMTP: self._smtp}
        if self.kind in checks:
            checks[self.kind](given)
        if "secret" in self.fields:
            self._secret(given)
        return given

    def _position_is_free(self, given: Mapping[str, Any]) -> None:
        rows = MessageProvider.objects.filter(
            tenant=self.instance.tenant, channel=given.get("channel", ""), position=given.get("position", 0)
        )
        if rows.exclude(pk=self.instance.pk).exists():
            self.add_error("position", _("There is another provider of this channel at this place."))

    def _twilio(self, given: Mapping[str, Any]) -> None:
        for name, prefix in SID.items():
            if given.get(name) and not re.fullmatch(prefix + r"[0-9a-fA-F]{32}", given[name]):
                self.add_error(name, _("It begins with %(prefix)s and has 34 characters.") % {"prefix": prefix})
        if not given.get("account"):
            self.add_error("account", _("Twilio needs it."))
        if not given.get("sender") and not given.get("messaging_service_sid"):
            self.add_error("sender", _("Give a number, or a messaging service."))

    def _webhook(self, given: Mapping[str, Any]) -> None:
        try:
            outbound.check_url(given.get("url") or "")
        except outbound.Refused as error:
            self.add_error("url", _("This address cannot be used: %(reason)s.") % {"reason": error.reason})

    def _smtp(self, given: Mapping[str, Any]) -> None:
        if given.get("port") not in MAIL_PORTS:
            self.add_error("port", _("Mail servers listen on 25, 465, 587 or 2525."))
        self._check("host", given, RegexValidator(r"^[A-Za-z0-9.:-]{1,255}\Z", _("Write a host name.")))
        address = re.search(r"<([^<>]+)>\s*\Z", given.get("sender") or "")
        self._check("sender", {"sender": address[1] if address else given.get("sender")}, validate_email)

    def _check(self, name: str, given: Mapping[str, Any], validate: Any) -> None:
        try:
            validate(given.get(name) or "")
        except ValidationError as error:
            self.add_error(name, error)

    def _secret(self, given: Mapping[str, Any]) -> None:
        if given.get("secret"):
            return
        if self.kind == Kind.TWILIO and self.instance.secret_sealed is None:
            self.add_error("secret", _("Twilio needs it."))
        elif self.instance.secret_sealed is not None and SECRET_GOES_TO & set(self.changed_data):
            self.add_error("secret", _("Enter it again, because you change where it is sent."))

    def save(self, commit: bool = True) -> MessageProvider:
        row: MessageProvider = super().save(commit=False)
        if self.cleaned_data.get("secret"):
            row.secret = self.cleaned_data["secret"]
        row.save()
        return row
