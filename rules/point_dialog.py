"""New custom data points from inside the builder: by the form in its dialog, or because a template needs them."""

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.http import HttpRequest

from audit import log
from audit.events import Tag
from authsignal_portal import access
from authsignal_portal.widgets import dress
from rules.data_point_page import DataPointForm, lock_configurations
from rules.models import CustomDataPoint
from rules.registry import CustomPoint
from rules.rule_form import custom_points_of


def point_form(request: HttpRequest, data: Any = None) -> DataPointForm:
    """The form of the data points' own page, beside another form with fields of the same names."""
    form = DataPointForm(data, auto_id="point_%s")
    form.tenant = form.instance.tenant = access.must(request).tenant
    # What goes to phones is decided on the data points' own page.
    for asked_elsewhere in ("is_public", "is_forwarded"):
        del form.fields[asked_elsewhere]
    dress(form)
    return form


@transaction.atomic
def added(request: HttpRequest, form: DataPointForm) -> CustomDataPoint | None:
    """The new data point, which every action of the tenant knows from now on; None where the form says what is wrong.

    Drafts of rules stay drafts.
    """
    here = access.must(request)
    # Before the form looks whether the name is free: two requests at once wait for each other.
    configurations = lock_configurations(here.tenant)
    if not form.is_valid():
        return None
    point: CustomDataPoint = form.save()
    log.record(Tag.DATA_POINT_CREATED, tenant_id=here.tenant.pk, actor=here.actor, row=str(point.pk))
    for configuration in configurations:
        configuration.refreshed(author_id=here.user.pk)
    return point


@transaction.atomic
def add_missing(request: HttpRequest, wanted: Iterable[CustomPoint]) -> list[str]:
    """Those of the data points that the tenant does not have by their name; returns the names of what was added.

    One that is there with another type stays as it is.
    """
    names = []
    there = {(point.model, point.name) for point in custom_points_of(access.must(request).tenant)}
    for point in wanted:
        if (point.model, point.name) in there:
            continue
        data = {"name": point.name, "data_type": point.kind.value, "model_type": point.model}
        if added(request, point_form(request, data | {"description": point.description})):
            names.append(point.name)
    return names
