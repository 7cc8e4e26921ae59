"""The portal's pages of the message providers: who carries what, and a message to try one."""

import uuid
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _

from audit.events import Tag
from authenticators import contact, email_callbacks, enrolment, messaging, sending
from authenticators.messaging import Outgoing, TransportError
from authenticators.models import MessageProvider
from authenticators.provider_form import ProviderForm
from authsignal_portal import access, clock, limits, words
from authsignal_portal.access import Access, Right
from authsignal_portal.crypto import OpeningFailed
from authsignal_portal.errors import AuthsignalError
from authsignal_portal.sender_services import REPORT_USER, SERVICES
from authsignal_portal.tenant_admin import ProofForm, TenantAdmin
from authsignal_portal.vocabulary import Channel, VerificationMethod
from authsignal_portal.widgets import dress

PAGE = "portal:authenticators_messageprovider_"
Kind = MessageProvider.Kind
LIKE = {
    Channel.EMAIL: VerificationMethod.EMAIL_OTP,
    Channel.SMS: VerificationMethod.SMS,
    Channel.WHATSAPP: VerificationMethod.WHATSAPP,
}

# What is no name begins with a small letter.
ADDING: Final[Mapping[str, Any]] = {Kind.SMTP: _("Add a mail server"), Kind.WEBHOOK: _("Add a webhook")}


class TestForm(forms.Form):
    __test__ = False
    to = forms.CharField(label=_("Address or number"), max_length=254)

    def __init__(self, *args: Any, row: MessageProvider, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.row = row
        self.fields["to"].label = _("Email address") if row.channel == Channel.EMAIL else _("Phone number")
        dress(self)

    def clean_to(self) -> str:
        channel = Channel(self.row.channel)
        try:
            to = enrolment.clean_contact(LIKE[channel], self.cleaned_data["to"])
            if channel != Channel.EMAIL:
                sending.check_number(self.row.tenant, to, channel)
        except AuthsignalError as error:
            raise forms.ValidationError(_in_words(error.description)) from error
        return to


def _in_words(description: str) -> str:
    """As the API says it, with the name of its field: here nobody wrote one."""
    start, _space, rest = description.partition(" ")
    names = {"phoneNumber": _("The number"), "email": _("The address")}
    return f"{names[start]} {rest}" if start in names else description


class ProviderPage(TenantAdmin):
    right = Right.ADMINISTER

    def audit_data(self, obj: Any) -> dict[str, Any]:
        return {"row": str(obj.pk), "kind": obj.kind, "channel": obj.channel}

    def get_urls(self) -> Any:
        wrap = self.admin_site.admin_view
        name = "authenticators_messageprovider_"
        return [
            path("add/<str:kind>/", wrap(self.add), name=f"{name}add_kind"),
            path("add/anymail/<str:service>/", wrap(self.add_service), name=f"{name}add_service"),
            path("<uuid:row_pk>/remove/", wrap(self.remove), name=f"{name}remove"),
            path("<uuid:row_pk>/test/", wrap(self.test), name=f"{name}test"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        here = access.must(request)
        rows = list(self.get_queryset(request))
        return self.page(
            request,
            "portal/providers.html",
            title=_("Message providers"),
            cl=True,
            may=here.may(self.right),
            kinds=Kind.choices,
            channels=[_channel(channel, rows) for channel in Channel if channel != Channel.ALARM],
        )

    def add(self, request: HttpRequest, kind: str) -> HttpResponse:
        if kind not in Kind.values:
            raise Http404
        if kind == Kind.ANYMAIL:
            return self._services(request)
        return self._edited(request, None, kind)

    def _services(self, request: HttpRequest) -> HttpResponse:
        if not access.must(request).may(self.right):
            raise PermissionDenied
        return self.page(
            request,
            "portal/sender_services.html",
            title=_("Add a sender service"),
            crumbs=_crumbs(),
            services=SERVICES.items(),
        )

    def add_service(self, request: HttpRequest, service: str) -> HttpResponse:
        if service not in SERVICES:
            raise Http404
        return self._edited(request, None, Kind.ANYMAIL, service)

    def add_view(self, request: Any, form_url: str = "", extra_context: Any = None) -> Any:
        return redirect(PAGE + "changelist")

    def change_view(self, request: Any, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        row: MessageProvider = self.found(request, object_id)
        return self._edited(request, row, row.kind, row.service)

    def _edited(self, request: HttpRequest, row: MessageProvider | None, kind: str, service: str = "") -> HttpResponse:
        here = access.must(request)
        if not here.may(self.right):
            raise PermissionDenied
        sent = request.POST if request.method == "POST" else None
        form = ProviderForm(sent, instance=row, tenant=here.tenant, kind=kind, service=service)
        proof = ProofForm(request, sent)
        # The code last: a right one is spent by being checked.
        if sent is not None and form.is_valid() and proof.is_valid():
            self._save(request, form, is_new=row is None)
            messages.success(request, _("The provider was saved. Send a test to see that it works."))
            return redirect(PAGE + "changelist")
        label = SERVICES[service].name if service else Kind(kind).label
        return self.page(
            request,
            "portal/provider.html",
            title=ADDING.get(kind, _("Add %(kind)s") % {"kind": label}) if row is None else label,
            crumbs=_crumbs(),
            form=form,
            proof=proof,
            row=row,
            service=SERVICES.get(service),
            reports=_reports(row),
        )

    @transaction.atomic
    def _save(self, request: HttpRequest, form: ProviderForm, *, is_new: bool) -> None:
        row = form.save()
        if is_new:
            self.record(request, Tag.MESSAGE_PROVIDER_CREATED, row)
        elif form.changed_data:
            self.record(request, Tag.MESSAGE_PROVIDER_UPDATED, row, fields=form.changed_data)

    def remove(self, request: HttpRequest, row_pk: uuid.UUID) -> HttpResponse:
        row: MessageProvider = self.found(request, str(row_pk))

        def act(_here: Access) -> None:
            self.record(request, Tag.MESSAGE_PROVIDER_DELETED, row)
            row.delete()

        return self.confirmed(
            request,
            act=act,
            back=reverse(PAGE + "changelist"),
            title=_("Remove %(provider)s") % {"provider": row},
            text=_("Messages go to the provider after it, or to this server's own. Its secret is deleted."),
            button=_("Remove the provider"),
            done=_("The provider was removed."),
            crumbs=_crumbs(),
        )

    # -- trying one -------------------------------------------------------------------------------

    def test(self, request: HttpRequest, row_pk: uuid.UUID) -> HttpResponse:
        row: MessageProvider = self.found(request, str(row_pk))
        here = access.must(request)
        if not here.may(self.right):
            raise PermissionDenied
        if row.channel not in LIKE:
            raise Http404
        form = TestForm(request.POST if request.method == "POST" else None, row=row)
        outcome = ""
        if request.method == "POST" and form.is_valid():
            try:
                limits.provider_test(here.tenant.pk)
                self.record(request, Tag.MESSAGE_PROVIDER_TESTED, row)
                outcome = try_out(row, form.cleaned_data["to"])
            except AuthsignalError as error:
                form.add_error("to", error.description)
            else:
                if not outcome:
                    messages.success(request, _("The provider took the message."))
                    return redirect(PAGE + "changelist")
        return self.page(
            request,
            "portal/provider_test.html",
            title=_("Send a test by %(provider)s") % {"provider": row},
            crumbs=_crumbs(),
            form=form,
            outcome=outcome,
            back=reverse(PAGE + "changelist"),
        )


def try_out(row: MessageProvider, to: str) -> str:
    """Hand a test message to this very provider. Returns why it did not take it, or nothing."""
    name = row.tenant.name
    message = Outgoing(
        ident=str(uuid.uuid4()),
        channel=Channel(row.channel),
        at=clock.now(),
        to=to,
        text=str(_("000000 is a test message of %(name)s. It is not a code.") % {"name": name}),
        subject=str(_("Test message")),
        code="000000",
        about={"actionCode": "test", "verificationMethod": LIKE[Channel(row.channel)].value},
    )
    try:
        messaging.provider_of(row).send(message)
    except TransportError as error:
        return error.reason
    except OpeningFailed:
        return str(_("The stored secret cannot be opened."))
    return ""


def _crumbs() -> list[tuple[str, Any]]:
    return [(reverse(PAGE + "changelist"), _("Message providers"))]


def _reports(row: MessageProvider | None) -> dict[str, str] | None:
    """Where a sender service is told to report, and by which name and password where it signs nothing."""
    service = SERVICES[row.service] if row and row.service else None
    if row is None or service is None or not service.reports:
        return None
    return {"address": email_callbacks.address(row.pk), "user": "" if service.signature else REPORT_USER}


def _channel(channel: Channel, rows: list[MessageProvider]) -> dict[str, Any]:
    return {
        "name": words.CHANNELS[channel],
        "rows": [{"row": row, "to": _shown(row), "test": channel in LIKE} for row in rows if row.channel == channel],
        "is_carried": messaging.carries(channel),
    }


def _shown(row: MessageProvider) -> str:
    """Where it leads, without what is secret."""
    if row.kind == Kind.TWILIO:
        return row.messaging_service_sid or contact.mask(row.sender)
    if row.kind == Kind.WEB_PUSH:
        return str(_("the web app on users' phones"))
    if row.kind == Kind.ANYMAIL:
        return urlsplit(SERVICES[row.service].api(row.region)).hostname or ""
    return row.url or f"{row.host}:{row.port}"
