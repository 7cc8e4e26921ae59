"""The pages of end users: find one, see what they can prove themselves with, help when they are locked out."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _

from audit import log
from audit.events import Tag
from audit.words import short_id
from authenticators import contact, enrolment, message_list, serializers
from authenticators.app_attestation.evidence import REASONS, Outcome, Reason
from authenticators.models import Authenticator, AuthenticatorConfiguration, EndUser, GuessCount
from authsignal_portal import access, language, user_agent, words
from authsignal_portal.access import Access, Right
from authsignal_portal.models import Tenant
from authsignal_portal.tenant_admin import TenantAdmin
from authsignal_portal.vocabulary import WEBAUTHN

LISTED = 50
PAGE = "portal:authenticators_enduser_"


@dataclass(frozen=True, slots=True)
class Lock:
    """A guess count that keeps the user out, or is on its way there. `until` is None for one that lasts."""

    method: str
    disabled: bool
    until: Any
    consecutive: int


class UserPage(TenantAdmin):
    """Registered by `actions`, which adds the user's devices and activity."""

    right = Right.SUPPORT

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Attributes are the customer's; what support may do has pages of its own.
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("tenant")

    def get_urls(self) -> Any:
        wrap = self.admin_site.admin_view
        return [
            path(
                "<uuid:user_pk>/authenticators/<uuid:authenticator_pk>/remove/",
                wrap(self.remove_authenticator),
                name="authenticators_enduser_remove_authenticator",
            ),
            path("of/<uuid:pseudonym>/", wrap(self.by_pseudonym), name="authenticators_enduser_pseudonym"),
            path("<uuid:user_pk>/unlock/", wrap(self.unlock), name="authenticators_enduser_unlock"),
            *super().get_urls(),
        ]

    # -- the list ---------------------------------------------------------------------------------

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        here = access.must(request)
        asked, after = request.GET.get("q", "").strip(), request.GET.get("after", "")
        rows = search(here.tenant, asked) if asked else listed(here.tenant, after)
        return self.page(
            request,
            "portal/users.html",
            title=_("Users"),
            cl=True,
            asked=asked,
            users=[self._listed(here, user) for user in rows[:LISTED]],
            after=rows[LISTED - 1].user_id if len(rows) > LISTED and not asked else "",
            is_first=not after,
            cut=asked and len(rows) > LISTED,
        )

    def _listed(self, here: Access, user: EndUser) -> dict[str, Any]:
        return {
            "url": reverse(PAGE + "change", args=[user.pk]),
            "user_id": user.user_id,
            "email": shown_contact(here, user.email),
            "methods": _methods(user),
            "created_at": user.created_at,
        }

    def by_pseudonym(self, request: HttpRequest, pseudonym: Any) -> HttpResponse:
        """Where the audit log's links go: the log knows a user by a pseudonym only."""
        user = self.get_queryset(request).filter(pseudonym=pseudonym).first()
        if user is None:
            raise Http404
        return redirect(PAGE + "change", user.pk)

    # -- one user ---------------------------------------------------------------------------------

    def change_view(self, request: Any, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        user = self.get_object(request, object_id)
        if user is None:
            return super().change_view(request, object_id, form_url, extra_context)
        here = access.must(request)
        asking = AuthenticatorConfiguration.objects.filter(tenant=here.tenant, require_app_attestation=True)
        asked = set(asking.values_list("method", flat=True))
        return self.page(
            request,
            "portal/user.html",
            title=user.user_id,
            user_shown=user,
            email=shown_contact(here, user.email),
            phone_number=shown_contact(here, user.phone_number),
            language=language.name(user.locale or ""),
            default_method=words.method(user.default_verification_method or ""),
            authenticators=[
                {
                    "row": row,
                    "name": _name(row),
                    "made_with": user_agent.described(row.user_agent),
                    "method": words.method(row.method),
                    "contact": shown_contact(here, row.contact),
                    # As the log names it.
                    "short_id": short_id(row.pk),
                    "platform": words.PLATFORMS.get(row.device_platform, ""),
                    "attestation": _attestation(row, asked),
                    "is_expired": row.expires_at is not None and row.expires_at <= here.now,
                }
                for row in user.authenticators.select_related("tenant")
            ],
            codes_left=user.recovery_codes.filter(used_at=None).count(),
            codes_made=user.recovery_codes.exists(),
            locks=locks(user, here),
            messages_sent=message_list.of_user(user),
            may=here.may(self.right),
            **self.panels(here, user),
        )

    def panels(self, here: Access, user: EndUser) -> dict[str, Any]:
        """What other apps know about the user."""
        return {}

    # -- help -------------------------------------------------------------------------------------

    def remove_authenticator(self, request: HttpRequest, user_pk: Any, authenticator_pk: Any) -> HttpResponse:
        user: EndUser = self.found(request, str(user_pk))
        row = Authenticator.objects.select_related("user", "tenant").filter(pk=authenticator_pk, user=user).first()
        if row is None:
            raise Http404
        shown = [words.method(row.method), row.label, shown_contact(access.must(request), row.contact)]
        return self.confirmed(
            request,
            act=lambda here: enrolment.remove(row, actor=here.actor),
            back=reverse(PAGE + "change", args=[user.pk]),
            title=_("Remove an authenticator"),
            text=_(
                "“%(method)s” of %(user)s will no longer work. Make sure that you are talking "
                "to the person themselves: whoever can enrol the next authenticator is this user from then on."
            )
            % {"method": " · ".join(filter(None, shown)), "user": user.user_id},
            button=_("Remove the authenticator"),
            done=_("The authenticator was removed."),
            crumbs=crumbs(user),
        )

    def unlock(self, request: HttpRequest, user_pk: Any) -> HttpResponse:
        user: EndUser = self.found(request, str(user_pk))
        if not access.must(request).may(self.right):
            raise PermissionDenied
        return self.confirmed(
            request,
            act=lambda here: unlock(user, here),
            back=reverse(PAGE + "change", args=[user.pk]),
            title=_("Unlock %(user)s") % {"user": user.user_id},
            text=_("All wrong guesses of this user are forgotten, and every method can be tried again."),
            button=_("Unlock the user"),
            done=_("The user can try again."),
            tone="primary",
            crumbs=crumbs(user),
        )


def _methods(user: EndUser) -> list[str]:
    """What the user enrolled, each once, with how many of it where there are several."""
    found = Counter(words.method(row.method) for row in user.authenticators.all() if row.verified_at)
    return [f"{method} ({number})" if number > 1 else method for method, number in found.items()]


def _name(row: Authenticator) -> str:
    """Who made a passkey or a key, where it says so; its own name, a username, tells none from another."""
    if row.method not in WEBAUTHN:
        return row.name
    made = serializers.provider(row.aaguid)
    return made["name"] if made else ""


def _attestation(row: Authenticator, asked: set[str]) -> dict[str, Any]:
    """What the app that enrolled it showed; nothing where nobody asks for it and none came that could be judged."""
    was_judged = row.attestation_failure != Reason.NOT_SET_UP
    if row.attestation_outcome == Outcome.FAILED and (was_judged or row.method in asked):
        why = REASONS[Reason(row.attestation_failure)]
        return {"tone": "bad", "text": _("attestation failed"), "why": why}
    if row.attestation_outcome == Outcome.ATTESTED_WITH_KEY:
        return {"tone": "good", "text": _("attested, with its key")}
    if row.attestation_outcome == Outcome.ATTESTED:
        return {"tone": "good", "text": _("attested")}
    return {"tone": "warning", "text": _("not attested")} if row.method in asked else {}


def crumbs(user: EndUser) -> list[tuple[str, Any]]:
    return [
        (reverse(PAGE + "changelist"), _("Users")),
        (reverse(PAGE + "change", args=[user.pk]), user.user_id),
    ]


def shown_contact(here: Access, text: str | None) -> str:
    """An address in full for those who help users, masked for everybody else."""
    return "" if not text else text if here.may(Right.SUPPORT) else contact.mask(text)


# -- finding -------------------------------------------------------------------------------------


def listed(tenant: Tenant, after: str) -> list[EndUser]:
    """One page of users in the order of their ids; one more than shown tells that there is a next page."""
    rows = EndUser.objects.filter(tenant=tenant)
    if after and "\0" not in after:
        rows = rows.filter(user_id__gt=after)
    return list(_complete(rows.order_by("user_id")[: LISTED + 1]))


def search(tenant: Tenant, asked: str) -> list[EndUser]:
    """Users by the start of their id, or by their exact email address or phone number; the exact id first."""
    if "\0" in asked:
        return []
    indexes = contact.indexes(tenant.pk, asked)
    exact = Q(user_id=asked) | Q(email_index__in=indexes) | Q(phone_number_index__in=indexes)
    found = list(_complete(EndUser.objects.filter(exact, tenant=tenant).order_by("user_id")[: LISTED + 1]))
    found.sort(key=lambda user: user.user_id != asked)
    rest = EndUser.objects.filter(tenant=tenant, user_id__startswith=asked).exclude(pk__in=[one.pk for one in found])
    return found + list(_complete(rest.order_by("user_id")[: LISTED + 1 - len(found)]))


def _complete(rows: QuerySet[EndUser]) -> QuerySet[EndUser]:
    return rows.select_related("tenant").prefetch_related("authenticators")


# -- locks ---------------------------------------------------------------------------------------


def guess_counts(user: EndUser) -> QuerySet[GuessCount]:
    """The user's own counts, and those of the addresses on file from before the user was known."""
    known = [user.email, user.phone_number]
    subjects = [f"contact:{index}" for text in known if text for index in contact.limit_indexes(user.tenant_id, text)]
    return GuessCount.objects.filter(tenant=user.tenant_id, subject__in=[f"user:{user.pk}", *subjects])


def locks(user: EndUser, here: Access) -> list[Lock]:
    rows = guess_counts(user).order_by("method", "subject")
    found = [
        Lock(
            words.method(row.method),
            row.disabled_at is not None,
            row.paused_until if row.paused_until and row.paused_until > here.now else None,
            row.consecutive,
        )
        for row in rows
    ]
    return [lock for lock in found if lock.disabled or lock.until or lock.consecutive]


def unlock(user: EndUser, here: Access) -> None:
    """Forget the wrong guesses. Call inside a transaction."""
    rows = list(guess_counts(user).select_for_update().order_by("pk"))
    for method in sorted({row.method for row in rows if row.consecutive or row.disabled_at or row.paused_until}):
        log.record(
            Tag.METHOD_UNLOCKED,
            tenant_id=user.tenant_id,
            actor=here.actor,
            subject=user.pseudonym,
            method=method,
        )
    GuessCount.objects.filter(pk__in=[row.pk for row in rows]).update(
        consecutive=0, recent=[], paused_until=None, disabled_at=None
    )
