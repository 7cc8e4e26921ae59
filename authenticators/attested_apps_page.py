"""The portal's page of app attestation: which apps are the tenant's own, at Apple and at Google."""

from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from audit.events import Tag
from authenticators.attested_apps_form import AttestedAppsForm
from authenticators.models import AttestedApps
from authsignal_portal import access
from authsignal_portal.access import Right
from authsignal_portal.models import Tenant
from authsignal_portal.tenant_admin import ProofForm, TenantAdmin

PAGE: Final = "portal:authenticators_attestedapps_changelist"


class AttestedAppsPage(TenantAdmin):
    right = Right.ADMINISTER

    def audit_data(self, obj: Any) -> dict[str, Any]:
        return {"row": str(obj.pk)}

    @transaction.atomic
    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        here = access.must(request)
        sent = request.POST if request.method == "POST" else None
        if sent is not None and not here.may(self.right):
            raise PermissionDenied
        if sent is not None:
            # The row may not be there yet to be locked: of two who save, the second changes what the first made.
            list(Tenant.objects.select_for_update(no_key=True).filter(pk=here.tenant.pk))
        row = self.get_queryset(request).select_related("tenant").first() or AttestedApps(tenant=here.tenant)
        form = AttestedAppsForm(sent, instance=row)
        proof = ProofForm(request, sent)
        # The code last: a right one is spent by being checked.
        if sent is not None and form.is_valid() and proof.is_valid():
            self._save(request, form)
            messages.success(request, _("Saved. Ask for attestations under Authenticators, in each method."))
            return redirect(PAGE)
        return self.page(
            request,
            "portal/attested_apps.html",
            title=_("App attestation"),
            cl=True,
            form=form,
            proof=proof,
            may=here.may(self.right),
            intro=_(
                "Apple and Google can sign that a device key was enrolled from your own app, unchanged, on a real "
                "device. It proves which app made the key, not who holds the device. Name the apps whose word counts."
            ),
        )

    def _save(self, request: HttpRequest, form: AttestedAppsForm) -> None:
        row = form.save()
        if form.changed_data:
            self.record(request, Tag.ATTESTED_APPS_UPDATED, row, fields=form.changed_data)

    def add_view(self, request: Any, form_url: str = "", extra_context: Any = None) -> Any:
        return redirect(PAGE)

    def change_view(self, request: Any, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        return redirect(PAGE)
