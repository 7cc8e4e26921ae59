"""The form of a message provider: the fields of its kind, and secrets that are written and never shown."""

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
from authsignal_portal.sender_services import REGIONS, SERVICES, SenderService
from authsignal_portal.vocabulary import Channel
from authsignal_portal.widgets import dress

Kind = MessageProvider.Kind
FIELDS: Final = {
    Kind.TWILIO: ["account", "secret", "sender", "messaging_service_sid", "content_sid"],
    Kind.WEBHOOK: ["url"],
    Kind.SMTP: ["host", "port", "security", "account", "secret", "sender"],
    Kind.ANYMAIL: ["region", "account", "secret", "sender", "report_secret"],
    Kind.WEB_PUSH: [],
}
SECRETS: Final = {"secret": "secret_sealed", "report_secret": "report_secret_sealed"}
# Who changes where the secret goes must know the secret: else it could be sent to a server of theirs.
SECRET_GOES_TO: Final = {"account", "host", "port", "region"}
MAIL_PORTS: Final = frozenset({25, 465, 587, 2525})
# Of a sender service: they stand in headers and addresses. The password is typed into the address of a webhook.
KEY: Final = RegexValidator(r"^[!-~]+\Z", _("Use letters, digits and signs of English only, without spaces."))
ACCOUNT: Final = RegexValidator(r"^[A-Za-z0-9._-]+\Z", _("Use letters, digits, dots, hyphens and underscores only."))
PASSWORD: Final = RegexValidator(
    r"^[A-Za-z0-9_-]{16,}\Z", _("Make up at least 16 letters, digits, hyphens or underscores.")
)
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
SENDER_HELP: Final = _("Such as Acme <no-reply@acme.example>.")
HELP: Final[Mapping[str, Mapping[str, Any]]] = {
    Kind.TWILIO: {
        "sender": _("With + and country code. For WhatsApp, the number that is registered there."),
        "content_sid": _("For WhatsApp: an approved authentication template, whose {{1}} is the code."),
    },
    Kind.WEBHOOK: {
        "url": _("An https address of yours that sends each message itself. What it gets is signed with your API keys.")
    },
    Kind.SMTP: {"sender": SENDER_HELP},
}
KEPT: Final = _("Kept as it is when you leave this empty. It is never shown.")


def fields_of(kind: str, service: SenderService | None) -> list[str]:
    """The fields of a kind; of a sender service those that it has a use for."""
    if service is None:
        return FIELDS[Kind(kind)]
    has = {"region": len(service.apis) > 1, "account": service.account, "report_secret": service.reports}
    return [name for name in FIELDS[Kind.ANYMAIL] if has.get(name, True)]


def words_of(kind: str, service: SenderService | None) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Labels and help of these fields."""
    if service is None:
        return LABELS.get(kind, {}), HELP.get(kind, {})
    labels = {
        "region": _("Region"),
        "account": service.account_label,
        "secret": service.credential_label,
        "sender": _("From"),
        "report_secret": service.report_label,
    }
    reports = _(
        "With it the service proves that its reports of what became of messages are its own. The address for its "
        "webhook is shown here once this is saved."
    )
    return labels, {"account": service.account_help, "sender": SENDER_HELP, "report_secret": reports}


class ProviderForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    secret = forms.CharField(required=False, max_length=255, widget=forms.PasswordInput(render_value=False))
    report_secret = forms.CharField(required=False, max_length=255, widget=forms.PasswordInput(render_value=False))
    believes_none = forms.BooleanField(label=_("Believe no reports"), required=False)
    region = forms.ChoiceField()

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
            "region",
            "report_secret",
        ]

    instance: MessageProvider

    def __init__(self, *args: Any, tenant: Tenant, kind: str, service: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind = Kind(kind)
        self.instance.tenant, self.instance.kind, self.instance.service = tenant, self.kind, service
        self.service = SERVICES[service] if self.kind == Kind.ANYMAIL else None
        own = fields_of(self.kind, self.service)
        taken_away = ["believes_none"] if "report_secret" in own and self._has("report_secret") else []
        self.fields = {name: self.fields[name] for name in ["channel", *own, *taken_away, "position", "is_active"]}
        labels, help_texts = words_of(self.kind, self.service)
        for name in own:
            self.fields[name].label = labels[name]
            self.fields[name].help_text = help_texts.get(name, "")
        for name in SECRETS.keys() & set(own):
            self.fields[name].widget.attrs["autocomplete"] = "new-password"
            if self._has(name):
                self.fields[name].help_text = KEPT
        if self.service and "region" in own:
            self.fields["region"].choices = [(key, REGIONS[key]) for key in self.service.apis]  # type: ignore[attr-defined]
        carried = messaging.CHANNELS[self.kind]
        self.fields["channel"].choices = [(one.value, words.CHANNELS[one]) for one in Channel if one in carried]  # type: ignore[attr-defined]
        if self.instance._state.adding:
            self.initial["position"] = self._free_position(next(one for one in Channel if one in carried))
        dress(self)

    def _free_position(self, channel: Channel) -> int:
        """The first place that no other provider of the channel has; the first where both are taken."""
        rows = MessageProvider.objects.filter(tenant=self.instance.tenant, channel=channel)
        taken = set(rows.values_list("position", flat=True))
        return 2 if taken == {1} else 1

    def _has(self, secret: str) -> bool:
        return getattr(self.instance, SECRETS[secret]) is not None

    # -- what is right for each kind --------------------------------------------------------------

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        self._position_is_free(given)
        checks = {Kind.TWILIO: self._twilio, Kind.WEBHOOK: self._webhook, Kind.SMTP: self._smtp}
        if self.kind in checks:
            checks[self.kind](given)
        if self.service:
            self._sender_service(self.service, given)
        if "secret" in self.fields:
            self._secret(given)
        return given

    def _position_is_free(self, given: Mapping[str, Any]) -> None:
        rows = MessageProvider.objects.filter(tenant=self.instance.tenant, channel=given.get("channel", ""))
        taken = set(rows.exclude(pk=self.instance.pk).values_list("position", flat=True))
        if given.get("position", 0) not in taken:
            return
        if len(taken) > 1:
            told = _("Both places of this channel are taken. Remove one of its providers first.")
        else:
            told = _("This place is taken by another provider of this channel. Choose the other place.")
        self.add_error("position", told)

    def _twilio(self, given: Mapping[str, Any]) -> None:
        for name, prefix in SID.items():
            if given.get(name) and not re.fullmatch(prefix + r"[0-9a-fA-F]{32}", given[name]):
                self.add_error(name, _("It begins with %(prefix)s and has 34 characters.") % {"prefix": prefix})
        if not given.get("account"):
            self.add_error("account", _("Enter it: Twilio needs it."))
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
        self._sender(given)

    def _sender(self, given: Mapping[str, Any]) -> None:
        address = re.search(r"<([^<>]+)>\s*\Z", given.get("sender") or "")
        self._check("sender", {"sender": address[1] if address else given.get("sender")}, validate_email)

    def _sender_service(self, service: SenderService, given: Mapping[str, Any]) -> None:
        self._sender(given)
        if given.get("account"):
            self._check("account", given, ACCOUNT)
        elif service.account_needed:
            self.add_error("account", _("Enter it: %(service)s needs it.") % {"service": service.name})
        if given.get("secret"):
            self._check("secret", given, KEY)
        if given.get("report_secret"):
            self._report_secret(service, given)

    def _report_secret(self, service: SenderService, given: Mapping[str, Any]) -> None:
        self._check("report_secret", given, KEY if service.signature else PASSWORD)
        if "report_secret" not in self.errors and not messaging.may_be_report_secret(service, given["report_secret"]):
            self.add_error("report_secret", _("This is no key of %(service)s.") % {"service": service.name})

    def _check(self, name: str, given: Mapping[str, Any], validate: Any) -> None:
        try:
            validate(given.get(name) or "")
        except ValidationError as error:
            self.add_error(name, error)

    def _secret(self, given: Mapping[str, Any]) -> None:
        if given.get("secret"):
            return
        if self.kind == Kind.TWILIO and self.instance.secret_sealed is None:
            self.add_error("secret", _("Enter it: Twilio needs it."))
        elif self.service and self.instance.secret_sealed is None:
            self.add_error("secret", _("Enter it: %(service)s needs it.") % {"service": self.service.name})
        elif self.instance.secret_sealed is not None and SECRET_GOES_TO & set(self.changed_data):
            self.add_error("secret", _("Enter it again, because you change where it is sent."))

    def save(self, commit: bool = True) -> MessageProvider:
        row: MessageProvider = super().save(commit=False)
        for name in SECRETS:
            if self.cleaned_data.get(name):
                setattr(row, name, self.cleaned_data[name])
        if self.cleaned_data.get("believes_none"):
            row.report_secret_sealed = None
        row.save()
        return row
