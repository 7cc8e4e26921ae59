"""Portal page of an action's contextual message: what its users read while they prove themselves, in each language."""

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext as _

from rules.message_form import FIELDS, MessageForm
from rules.models import ActionConfiguration
from rules.versions_page import PAGE, VersionsPage, crumbs


class MessagePage(VersionsPage):
    """The part of an action's pages that is about its message. It is no part of a draft."""

    def get_urls(self) -> Any:
        route, name = "<path:object_id>/messages/", "rules_actionconfiguration_messages"
        return [path(route, self.admin_site.admin_view(self.message), name=name), *super().get_urls()]

    @transaction.atomic
    def message(self, request: HttpRequest, object_id: str) -> HttpResponse:
        configuration: ActionConfiguration = self.found(request, object_id)
        sent = request.POST if request.method == "POST" else None
        if sent is not None:
            self._must_change(request)
            # Of two who save, the second is judged by what the first made.
            configuration = ActionConfiguration.objects.select_for_update(no_key=True).get(pk=configuration.pk)
        form = MessageForm(sent, instance=configuration)
        if sent is not None and form.is_valid():
            self._save_messages(request, form)
            messages.success(request, _("The messages were saved. Actions that are tracked from now on have them."))
            return redirect(PAGE + "messages", configuration.pk)
        return self.page(
            request,
            "portal/messages.html",
            title=_("Messages of %(code)s") % {"code": configuration.action_code},
            crumbs=crumbs(configuration),
            form=form,
            may=self.has_change_permission(request),
        )

    def _save_messages(self, request: HttpRequest, form: MessageForm) -> None:
        if form.changed_data:
            form.instance.save(update_fields=[*FIELDS, "localized_messages"])
            self.record(request, self.changed, form.instance, fields=form.changed_data)
