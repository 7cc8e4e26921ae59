"""The settings page without a script: methods to name, prefer and remove, devices to forget."""

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from actions import devices, own_methods, plain_html, plain_screens
from actions.models import Device
from actions.plain_screens import Shown
from actions.plain_visit import NEXT, Answer, Visit, may_add
from audit import log

# Of a number that the database's key can be.
MAX_DIGITS = 18


def settings_page(visit: Visit) -> Shown:
    state, codes = visit.state, visit.state["recoveryCodes"]
    rows = own_methods.listed(visit.context)
    has_codes = codes["enabled"] and "remaining" in codes
    when = {
        "some": len(rows) > 1,
        "none": not rows,
        "recovery": has_codes,
        "add": may_add(visit),
        "low": codes["isLow"],
        "codes": codes["mayMake"],
        "devices": state["seesDevices"],
    }
    slots = {
        "rows": plain_screens.method_rows(visit.words, rows),
        "remaining": str(codes.get("remaining", "")),
    }
    return Shown("settings", frozenset(name for name, holds in when.items() if holds), slots)


def manage(visit: Visit, authenticator_id: str) -> Answer:
    one = _named(visit, authenticator_id)
    if one is None:
        return NEXT
    when = one.may | ({"last"} if one.is_last else set()) | ({"default"} if one.is_default else set())
    return Shown("manage", when, plain_screens.told_of(visit.words, one), carry={"authenticator": str(one.row.pk)})


def _named(visit: Visit, authenticator_id: str) -> own_methods.Listed | None:
    return next((one for one in own_methods.listed(visit.context) if str(one.row.pk) == authenticator_id), None)


def rename(visit: Visit, _argument: str) -> Answer:
    one = _named(visit, visit.given.get("authenticator", ""))
    if one is None:
        return NEXT
    values, carry = {"label": one.label}, {"authenticator": str(one.row.pk)}
    return Shown("rename", values=values, carry=carry, act="name")


def save_name(visit: Visit, _argument: str) -> Answer:
    own_methods.rename(visit.context, visit.given.get("authenticator", ""), visit.given.get("label", ""))
    return NEXT


def remove(visit: Visit, _argument: str) -> Answer:
    own_methods.remove(visit.context, visit.given.get("authenticator", ""))
    visit.forget()
    return NEXT


def prefer(visit: Visit, _argument: str) -> Answer:
    own_methods.prefer(visit.context, visit.given.get("authenticator", ""))
    visit.forget()
    return NEXT


def devices_page(visit: Visit, _argument: str = "") -> Shown:
    context = visit.context
    own_methods.check_devices(context)
    found = devices.listed(context.user, this=context.facts.device_id, now=context.now)
    template = plain_html.row_template(visit.words.render("devices"))
    rows = SafeString("".join(_device_row(visit, one, template) for one in found))
    return Shown("devices", frozenset({"some" if found else "none"}), {"rows": rows})


def _device_row(visit: Visit, one: devices.Listed, template: str) -> str:
    name = one.name or visit.text("unknown-device")
    marks = [visit.text("this-device")] * one.is_this + [visit.text("remembered")] * one.is_remembered
    tags = format_html_join("", ' <span class="tag">{}</span>', [(mark,) for mark in marks])
    proved_at = one.device.authenticated_at
    day = plain_screens.day_text(proved_at or one.device.created_at)
    detail = visit.text("last-verified" if proved_at else "first-seen", day=day)
    slots = {"name": format_html("{}{}", name, tags), "detail": detail, "whose": f" {name}"}
    row = plain_html.with_icon(template, "phone") if one.is_phone else template
    return plain_html.filled(row, plain_html.Filling(slots=slots, act=f"forget:{one.device.pk}"))


def forget(visit: Visit, device_id: str) -> Shown:
    own_methods.check_devices(visit.context)
    user = visit.context.user
    rows = Device.objects.filter(user=user, invalidated_at=None)
    is_number = device_id.isascii() and device_id.isdigit() and len(device_id) <= MAX_DIGITS
    device = rows.filter(pk=device_id).first() if is_number else None
    if device is not None:
        devices.invalidate(device, user, actor=log.user(user.pseudonym))
    return devices_page(visit)
