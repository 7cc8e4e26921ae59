"""Portal page of sending: what was sent and refused where, the day's budget, pauses, and the tenant's limits."""

from decimal import Decimal
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.formats import number_format
from django.utils.translation import gettext_lazy as _

from audit import log
from audit.events import Tag
from authenticators import sending, sending_pauses, sending_shown
from authenticators.models import SendingPause, SendingPolicy
from authsignal_portal import access, countries, outbound
from authsignal_portal.access import Access, Right
from authsignal_portal.models import Tenant
from authsignal_portal.tenant_admin import ProofForm, TenantAdmin
from authsignal_portal.widgets import LinesField, dress

PAGE = "portal:authenticators_sendingpause_changelist"
DEAREST = 100


class PolicyForm(forms.Form):
    """Within what the operator allows (SMS_PER_DAY_AT_MOST, SMS_COST_PER_DAY_AT_MOST)."""

    messages_per_day = forms.IntegerField(label=_("Text messages a day, at most"), min_value=0, required=False)
    cost_per_day = forms.DecimalField(
        label=_("Cost of a day, at most"),
        min_value=0,
        max_digits=12,
        decimal_places=2,
        required=False,
    )
    prices = LinesField(
        label=_("Prices of your contract"),
        required=False,
        help_text=_(
            "One per line: the country and the price of one message, such as NZ 0.085. Else ours, in US dollars."
        ),
    )
    alarm_url = forms.CharField(
        label=_("Address for alarms"),
        required=False,
        max_length=2048,
        help_text=_(
            "Optional, an https address of yours. A pause that begins and a budget that is used up are told there by a "
            "POST, signed with your secret keys. Your administrators get an email in any case."
        ),
    )
    refuses_voip = forms.BooleanField(label=_("No codes to internet telephone numbers"), required=False)

    def __init__(self, policy: SendingPolicy, data: Any) -> None:
        cost = None if policy.cost_per_day is None else Decimal(policy.cost_per_day) / sending.MONEY
        super().__init__(
            data,
            initial={
                "messages_per_day": policy.messages_per_day,
                "cost_per_day": cost,
                "prices": [f"{country} {Decimal(price) / sending.MONEY}" for country, price in policy.prices.items()],
                "refuses_voip": policy.refuses_voip,
                "alarm_url": policy.alarm_url,
            },
        )
        self._bound("messages_per_day", settings.SMS_PER_DAY, settings.SMS_PER_DAY_AT_MOST)
        self._bound("cost_per_day", settings.SMS_COST_PER_DAY, settings.SMS_COST_PER_DAY_AT_MOST)
        dress(self)

    def _bound(self, name: str, usual: int, most: int) -> None:
        field = self.fields[name]
        field.help_text = _("Empty: %(usual)s. At most %(most)s; days begin at midnight UTC.") % {
            "usual": number_format(usual, force_grouping=True),
            "most": number_format(most, force_grouping=True),
        }
        field.validators.append(_at_most(most))

    def clean_cost_per_day(self) -> int | None:
        cost = self.cleaned_data["cost_per_day"]
        return None if cost is None else int(cost * sending.MONEY)

    def clean_alarm_url(self) -> str:
        url = str(self.cleaned_data["alarm_url"])
        try:
            if url:
                outbound.check_url(url)
        except outbound.Refused as error:
            told = _("This address cannot be used: %(reason)s.") % {"reason": error.reason}
            raise ValidationError(told) from error
        return url

    def clean_prices(self) -> dict[str, int]:
        return dict(_price(line) for line in self.cleaned_data["prices"])


def _at_most(most: int) -> Any:
    def check(value: Any) -> None:
        if value > most:
            told = number_format(most, force_grouping=True)
            raise ValidationError(_("At most %(most)s can be allowed here.") % {"most": told})

    return check


def _price(line: str) -> tuple[str, int]:
    """`NZ 0.085` in ten-thousandths. Raises ValidationError."""
    country, _space, text = line.partition(" ")
    try:
        price = float(text)
    except ValueError:
        price = -1
    if not (len(country) == 2 and country.isascii() and country.isupper() and 0 <= price <= DEAREST):
        raise ValidationError(
            _("“%(line)s”: write two capital letters and a price, such as NZ 0.085.") % {"line": line}
        )
    return country, round(price * sending.MONEY)


class SendingPage(TenantAdmin):
    right = Right.ADMINISTER

    def get_urls(self) -> Any:
        end = self.admin_site.admin_view(self.end_pause)
        return [path("<int:pause_pk>/end/", end, name="authenticators_sendingpause_end"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        here = access.must(request)
        sent = request.POST if request.method == "POST" else None
        if sent is not None and not here.may(self.right):
            raise PermissionDenied
        policy = sending.policy_of(here.tenant)
        form, proof = PolicyForm(policy, sent), ProofForm(request, sent)
        # A right code is spent by being checked: last.
        if sent is not None and form.is_valid() and proof.is_valid():
            _save(here, form)
            messages.success(request, _("The settings were saved."))
            return redirect(PAGE)
        return self.page(
            request,
            "portal/sending.html",
            title=_("Sending"),
            cl=True,
            destinations=sending_shown.destinations(here.tenant, here.now),
            budget=sending_shown.budget(here.tenant, here.now),
            pauses=[_shown(pause) for pause in sending_pauses.running(here.tenant, here.now)],
            form=form,
            proof=proof,
            may=here.may(self.right),
        )

    def change_view(self, request: Any, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        return redirect(PAGE)

    def end_pause(self, request: HttpRequest, pause_pk: int) -> HttpResponse:
        here = access.must(request)
        pause = sending_pauses.running(here.tenant, here.now).filter(pk=pause_pk).first()
        if pause is None:
            raise Http404
        return self.confirmed(
            request,
            act=lambda here: sending_pauses.end(here.tenant, pause_pk, actor=here.actor),
            back=reverse(PAGE),
            title=_("End a pause"),
            text=_(
                "Text messages to %(where)s are sent again, at once. Only %(proven)s of the last %(settled)s numbers "
                "there entered their code: make sure that these are people."
            )
            % {
                "where": f"{pause.prefix}•••• ({countries.name(pause.country)})"
                if pause.prefix
                else countries.name(pause.country),
                "proven": pause.proven,
                "settled": pause.settled,
            },
            button=_("End the pause"),
            done=_("The pause was ended."),
            crumbs=[(reverse(PAGE), _("Sending"))],
        )


def _shown(pause: SendingPause) -> dict[str, Any]:
    return {"row": pause, "country_name": countries.name(pause.country)}


@transaction.atomic
def _save(here: Access, form: PolicyForm) -> None:
    Tenant.objects.select_for_update(no_key=True).get(pk=here.tenant.pk)
    policy = sending.policy_of(here.tenant)
    changed = [name for name, value in form.cleaned_data.items() if getattr(policy, name) != value]
    if not changed:
        return
    for name in changed:
        setattr(policy, name, form.cleaned_data[name])
    policy.save()
    log.record(Tag.SENDING_POLICY_UPDATED, tenant_id=here.tenant.pk, actor=here.actor, fields=changed)
