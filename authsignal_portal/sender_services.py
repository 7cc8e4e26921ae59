"""The email services that messages may go by: where their API is, what they call their credentials, how they report.

django-anymail speaks to them. Of those that it knows, Amazon SES is left out, which needs AWS's own packages, and
Postal, whose address would be anybody's: both take SMTP.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

API_KEY: Final = _("API key")
SIGNING_KEY: Final = _("Signing key of the webhook")
# What reports are believed by where the service signs nothing: whoever sets the webhook up makes it up.
REPORT_USER: Final = "authsignal"
REPORT_PASSWORD_CHARS: Final = 16
REPORT_PASSWORD: Final = _("Password of the webhook")


@dataclass(frozen=True, slots=True)
class SenderService:
    """What we must know of one.

    `backend` and `reports`: a module of django-anymail's `backends` and a class of its `webhooks`; without the latter
    it tells nothing afterwards, or nothing that is believed. `credential`, `account` and `signature`: what
    django-anymail calls its secret, what it wants beside it, and the key that it signs reports with, which is empty
    where they come with HTTP's basic authentication.

    `apis`: addresses by region, the usual one first. `takes_headers`: any account may add headers. `leaves_links`: it
    can be told not to count who clicks what, for which it puts addresses of its own in place of links.
    """

    name: str
    backend: str
    apis: Mapping[str, str]
    credential: str = "api_key"
    credential_label: Any = API_KEY
    account: str = ""
    account_label: Any = ""
    account_help: Any = ""
    account_needed: bool = False
    takes_headers: bool = True
    leaves_links: bool = True
    reports: str = ""
    signature: str = ""

    @property
    def report_label(self) -> Any:
        return SIGNING_KEY if self.signature else REPORT_PASSWORD

    def api(self, region: str) -> str:
        """Raises KeyError for a region that it does not have."""
        return self.apis[region or next(iter(self.apis))]


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """Whose messages they are. `name`: what the service wants beside its secret, where it does."""

    secret: str = field(repr=False)
    name: str = ""
    region: str = ""
    sender: str = ""


REGIONS: Final[Mapping[str, Any]] = {
    "global": _("Global"),
    "us": _("United States"),
    "eu": _("European Union"),
    "go1": "go1",
    "go2": "go2",
}
SERVICES: Final[dict[str, SenderService]] = {
    "brevo": SenderService(
        name="Brevo",
        backend="brevo",
        apis={"": "https://api.brevo.com/v3/"},
        leaves_links=False,
        reports="brevo.BrevoTrackingWebhookView",
    ),
    "mailersend": SenderService(
        name="MailerSend",
        backend="mailersend",
        apis={"": "https://api.mailersend.com/v1/"},
        credential="api_token",
        credential_label=_("API token"),
        takes_headers=False,
        reports="mailersend.MailerSendTrackingWebhookView",
        signature="signing_secret",
    ),
    "mailgun": SenderService(
        name="Mailgun",
        backend="mailgun",
        apis={"us": "https://api.mailgun.net/v3/", "eu": "https://api.eu.mailgun.net/v3/"},
        account="sender_domain",
        account_label=_("Sending domain"),
        account_help=_("Only where it is not the domain of the sender."),
        reports="mailgun.MailgunTrackingWebhookView",
        signature="webhook_signing_key",
    ),
    "mailjet": SenderService(
        name="Mailjet",
        backend="mailjet",
        apis={"": "https://api.mailjet.com/v3.1/"},
        credential="secret_key",
        credential_label=_("Secret key"),
        account="api_key",
        account_label=API_KEY,
        account_needed=True,
        reports="mailjet.MailjetTrackingWebhookView",
    ),
    "mailtrap": SenderService(
        name="Mailtrap",
        backend="mailtrap",
        apis={"": "https://send.api.mailtrap.io/api/"},
        credential="api_token",
        credential_label=_("API token"),
        leaves_links=False,
        reports="mailtrap.MailtrapTrackingWebhookView",
        signature="tracking_secret",
    ),
    "mandrill": SenderService(
        name="Mandrill",
        backend="mandrill",
        apis={"": "https://mandrillapp.com/api/1.0/"},
        reports="mandrill.MandrillCombinedWebhookView",
        signature="webhook_key",
    ),
    "postmark": SenderService(
        name="Postmark",
        backend="postmark",
        apis={"": "https://api.postmarkapp.com/"},
        credential="server_token",
        credential_label=_("Server API token"),
        account="message_stream",
        account_label=_("Message stream"),
        account_help=_("Only where it is not the default transactional stream."),
        reports="postmark.PostmarkTrackingWebhookView",
    ),
    "resend": SenderService(
        name="Resend",
        backend="resend",
        apis={"": "https://api.resend.com/"},
        leaves_links=False,
        reports="resend.ResendTrackingWebhookView",
    ),
    "scaleway": SenderService(
        name="Scaleway",
        backend="scaleway",
        apis={"": "https://api.scaleway.com/transactional-email/v1alpha1/regions/fr-par/"},
        credential="secret_key",
        credential_label=_("Secret key"),
        account="project_id",
        account_label=_("Project ID"),
        account_needed=True,
        takes_headers=False,
        leaves_links=False,
    ),
    "sendgrid": SenderService(
        name="SendGrid",
        backend="sendgrid",
        apis={"global": "https://api.sendgrid.com/v3/", "eu": "https://api.eu.sendgrid.com/v3/"},
        reports="sendgrid.SendGridTrackingWebhookView",
        signature="tracking_webhook_verification_key",
    ),
    "sparkpost": SenderService(
        name="SparkPost",
        backend="sparkpost",
        apis={"us": "https://api.sparkpost.com/api/v1/", "eu": "https://api.eu.sparkpost.com/api/v1/"},
        account="subaccount",
        account_label=_("Subaccount"),
        account_help=_("Only where the key is not the subaccount's own."),
        reports="sparkpost.SparkPostTrackingWebhookView",
    ),
    # It signs its reports with MD5 and the API key: none is believed.
    "unisender-go": SenderService(
        name="Unisender Go",
        backend="unisender_go",
        apis={
            "go1": "https://go1.unisender.ru/ru/transactional/api/v1/",
            "go2": "https://go2.unisender.ru/ru/transactional/api/v1/",
        },
        takes_headers=False,
    ),
}


def service_choices() -> list[tuple[str, str]]:
    return [(key, service.name) for key, service in SERVICES.items()]
