"""The portal's pages of identity providers: who vouches for users, and what the operator must bring for it."""

from typing import Any, Final

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _

from audit import log
from audit.events import Tag
from authenticators import challenges, id_tokens, issuers
from authenticators.identity_provider_form import IdentityProviderForm
from authenticators.models import AuthenticatorConfiguration, IdentityProvider
from authsignal_portal import access, words
from authsignal_portal.access import Access, Right
from authsignal_portal.models import Tenant
from authsignal_portal.tenant_admin import ProofForm, TenantAdmin
from authsignal_portal.vocabulary import ID_TOKENS, IDENTITY_CHECKS, VerificationMethod

PAGE: Final = "portal:authenticators_identityprovider_"
M = VerificationMethod
ADAPTER: Final = _(
    "An adapter: a small web service that you run. This server asks it for each check, and it asks the vendor. What "
    "the two say to each other is in the documentation under “Identity checks”."
)
BRINGS: Final = {
    M.APPLE_ID_TOKEN: [
        _("A membership of the Apple Developer Program, and there a Services ID or an app with Sign in with Apple."),
        _("Its client ID; for the hosted pages also a client secret, which ends after six months."),
    ],
    M.GOOGLE_ID_TOKEN: [
        _("A Google Cloud project with an OAuth client."),
        _("The client IDs of your apps and of the web client, and the web client's secret for the hosted pages."),
    ],
    M.OIDC_PROVIDER: [
        _("An OpenID Connect provider that publishes its description and signs with RS256 or ES256."),
        _("A client there that may use the authorization code flow with PKCE."),
    ],
    M.VERIFF: [_("A contract with Veriff, and its keys."), ADAPTER],
    M.IPROOV: [_("A contract with iProov, and its keys."), ADAPTER],
    M.IDVERSE: [_("A contract with IDVerse, and its keys."), ADAPTER],
    M.ONFIDO: [_("A contract with Onfido, and its keys."), ADAPTER],
    M.PALM_BIOMETRICS_RR: [
        _("A palm reader of Redrock's, its software and a contract. No terminal is connected."),
        ADAPTER,
    ],
}


def missing(tenant: Tenant) -> set[str]:
    """The methods that need a provider and have none."""
    has = IdentityProvider.objects.filter(tenant=tenant).values_list("method", flat=True)
    return {method.value for method in BRINGS} - set(has)


class IdentityProviderPage(TenantAdmin):
    right = Right.ADMINISTER

    def audit_data(self, obj: Any) -> dict[str, Any]:
        return {"row": str(obj.pk), "method": obj.method}

    def get_urls(self) -> Any:
        wrap = self.admin_site.admin_view
        name = "authenticators_identityprovider_"
        return [
            path("set-up/<str:method>/", wrap(self.set_up), name=f"{name}set_up"),
            path("set-up/<str:method>/remove/", wrap(self.remove), name=f"{name}remove"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        here = access.must(request)
        rows = {row.method: row for row in self.get_queryset(request)}
        active = AuthenticatorConfiguration.objects.filter(tenant=here.tenant, is_active=True)
        on = set(active.values_list("method", flat=True))
        groups = [(_("Accounts"), ID_TOKENS), (_("Identity checks"), IDENTITY_CHECKS)]
        return self.page(
            request,
            "portal/identity_providers.html",
            title=_("Identity providers"),
            cl=True,
            may=here.may(self.right),
            groups=[(title, [_shown(method, rows.get(method), on) for method in methods]) for title, methods in groups],
        )

    def add_view(self, request: Any, form_url: str = "", extra_context: Any = None) -> Any:
        return redirect(PAGE + "changelist")

    def change_view(self, request: Any, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        row: IdentityProvider = self.found(request, object_id)
        return redirect(PAGE + "set_up", row.method)

    def set_up(self, request: HttpRequest, method: str) -> HttpResponse:
        here, row = self._here(request, method)
        sent = request.POST if request.method == "POST" else None
        form = IdentityProviderForm(sent, instance=row, tenant=here.tenant, method=M(method))
        proof = ProofForm(request, sent)
        # The code last: a right one is spent by being checked.
        if sent is not None and form.is_valid() and proof.is_valid():
            self._save(request, form, is_new=row is None)
            _tell(request, form.instance)
            return redirect(PAGE + "changelist")
        return self.page(
            request,
            "portal/identity_provider.html",
            title=words.METHODS[method],
            crumbs=_crumbs(),
            form=form,
            proof=proof,
            row=row,
            brings=BRINGS[M(method)],
            redirect_uri="" if form.is_check else id_tokens.redirect_uri(form.instance),
            result_url=f"{settings.PUBLIC_URL}/callbacks/identity/" if form.is_check else "",
        )

    def _here(self, request: HttpRequest, method: str) -> tuple[Access, IdentityProvider | None]:
        here = access.must(request)
        if not here.may(self.right):
            raise PermissionDenied
        if method not in BRINGS:
            raise Http404
        return here, self.get_queryset(request).select_related("tenant").filter(method=method).first()

    @transaction.atomic
    def _save(self, request: HttpRequest, form: IdentityProviderForm, *, is_new: bool) -> None:
        row = form.save()
        if is_new:
            self.record(request, Tag.IDENTITY_PROVIDER_CREATED, row)
        elif form.changed_data:
            self.record(request, Tag.IDENTITY_PROVIDER_UPDATED, row, fields=form.changed_data)

    def remove(self, request: HttpRequest, method: str) -> HttpResponse:
        _here, row = self._here(request, method)
        if row is None:
            raise Http404

        def act(here: Access) -> None:
            self.record(request, Tag.IDENTITY_PROVIDER_DELETED, row)
            _switch_off(here, row.method)
            row.delete()

        return self.confirmed(
            request,
            act=act,
            back=reverse(PAGE + "changelist"),
            title=_("Remove %(provider)s") % {"provider": words.method(method)},
            text=_("The method is switched off, and its secret is deleted. Users keep what they have set up."),
            button=_("Remove the provider"),
            done=_("The provider was removed."),
            crumbs=_crumbs(),
        )


def _switch_off(here: Access, method: str) -> None:
    rows = AuthenticatorConfiguration.objects.filter(tenant=here.tenant, method=method, is_active=True)
    if rows.update(is_active=False):
        challenges.end_open(here.tenant, method)
        log.record(
            Tag.AUTHENTICATOR_CONFIGURATION_UPDATED,
            tenant_id=here.tenant.pk,
            actor=here.actor,
            method=method,
            fields=["is_active"],
        )


def _tell(request: HttpRequest, row: IdentityProvider) -> None:
    """Saved in any case; an issuer is asked at once, so that a slip is seen now and not by a user."""
    if row.issuer:
        try:
            issuer = issuers.fetch(row.issuer)
        except issuers.IssuerUnavailable as error:
            told = _("The provider was saved, but it cannot be used yet: %(reason)s.") % {"reason": error.reason}
            messages.warning(request, told)
            return
        if id_tokens.asks_anew(row) and not issuer.tells_when:
            messages.warning(
                request,
                _("The provider does not list auth_time among its claims. If its tokens lack it, no sign-in counts."),
            )
    messages.success(request, _("The provider was saved. Switch the method on under Authenticators."))


def _shown(method: M, row: IdentityProvider | None, on: set[str]) -> dict[str, Any]:
    return {
        "method": method.value,
        "name": words.METHODS[method],
        "brings": BRINGS[method],
        "row": row,
        "to": (row.url or row.issuer) if row else "",
        "is_on": method in on,
    }


def _crumbs() -> list[tuple[str, Any]]:
    return [(reverse(PAGE + "changelist"), _("Identity providers"))]
