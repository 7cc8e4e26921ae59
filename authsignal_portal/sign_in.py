"""Signing in to the portal: email and password, then a code; whoever has no authenticator app yet enrols one.

Nobody is signed in between the two steps: the session only remembers, for ten minutes, whose password was right.
"""

import base64
import re
import uuid
from typing import Any

import django_otp
import segno
from django import forms
from django.contrib import auth
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.crypto import constant_time_compare
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _
from django_otp.models import Device
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from audit import log
from audit.events import Tag
from authsignal_portal import access, clock, crypto, known_browsers, limits
from authsignal_portal.client_ip import client_ip
from authsignal_portal.errors import TooManyRequests, Unavailable
from authsignal_portal.widgets import dress

PENDING = "portal_pending"
PENDING_SECONDS = 10 * 60
# Authenticator apps and servers disagree by a step or two; more is no drift.
MAX_DRIFT = 2
TOTP_CODE, RECOVERY_CODE = re.compile("[0-9]{6}"), re.compile("[a-z2-7]{8,16}")

WRONG_PASSWORD = _("The email address or the password is wrong.")
WRONG_CODE = _("This code is wrong, was used before, or has run out. Wait for the next one and enter that.")


class PasswordForm(forms.Form):
    email = forms.CharField(label=_("Email address"), max_length=150)
    password = forms.CharField(label=_("Password"), max_length=1024, strip=False, widget=forms.PasswordInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        dress(self)
        self.fields["email"].widget.attrs |= {
            "type": "email",
            "autocomplete": "username",
            "autocapitalize": "none",
            "autofocus": True,
        }
        self.fields["password"].widget.attrs["autocomplete"] = "current-password"


class CodeForm(forms.Form):
    code = forms.CharField(label=_("Code"), max_length=32)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        dress(self)
        self.fields["code"].widget.attrs |= {
            "autocomplete": "one-time-code",
            "inputmode": "numeric",
            "autocapitalize": "none",
            "autofocus": True,
        }


def view(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """The sign-in page in whichever state the session is in. `context` is the site's."""
    if access.of(request):
        return HttpResponseRedirect(_next(request))
    if request.method == "POST" and "restart" in request.POST:
        request.session.flush()
        return HttpResponseRedirect(request.get_full_path())
    user = _pending(request)
    if user is not None:
        return _second_step(request, user, context)
    return _first_step(request, context)


def _first_step(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    form = PasswordForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        email = form.cleaned_data["email"].strip().lower()
        user, problem = _password(request, email, form.cleaned_data["password"])
        if user is not None:
            request.session.flush()
            request.session[PENDING] = {
                "user": user.pk,
                "hash": user.get_session_auth_hash(),
                "at": clock.now().timestamp(),
            }
            return HttpResponseRedirect(request.get_full_path())
        form.add_error(None, problem)
    lost = bool(request.user.is_authenticated)
    return _page(request, context, "password", form, member_of_nothing=lost)


def _password(request: HttpRequest, email: str, password: str) -> tuple[User | None, str]:
    known = User.objects.filter(username=email).first()
    account = known_browsers.counted_as(request, _account(email))
    problem = _limited("password", account, request)
    if problem:
        _refused(known, "limit")
        return None, problem
    # Also without an account: the hash is computed then too, so that the time tells nothing.
    user = auth.authenticate(request, username=email, password=password)
    if not isinstance(user, User) or not user.is_staff:
        _refused(known, "password")
        return None, str(WRONG_PASSWORD)
    limits.staff_passed("password", account)
    return user, ""


def _second_step(request: HttpRequest, user: User, context: dict[str, Any]) -> HttpResponse:
    enrolling = not _has_second_factor(user)
    new = _new_device(request, user) if enrolling else None
    form = CodeForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        device, problem = check_code(request, user, form.cleaned_data["code"], new=new)
        if device is not None:
            return _signed_in(request, user, device)
        form.add_error("code", problem)
    step = "enrol" if enrolling else "code"
    return _page(request, context, step, form, email=user.username, **(_shown(new) if new else {}))


def _has_second_factor(user: User) -> bool:
    app = TOTPDevice.objects.filter(user=user, confirmed=True)
    codes = StaticToken.objects.filter(device__user=user, device__confirmed=True)
    return bool(app.exists() or codes.exists())


def check_code(
    request: HttpRequest, user: User, code: str, *, new: TOTPDevice | None = None
) -> tuple[Device | None, str]:
    """The device whose code this is, or None and what to tell the reader. With `new`, that device is confirmed."""
    account = known_browsers.counted_as(request, _account(user.username))
    problem = _limited("code", account, request)
    if problem:
        _refused(user, "limit")
        return None, problem
    device = _verified(user, re.sub(r"[\s-]", "", code).lower(), new)
    if device is None:
        _refused(user, "code")
        return None, str(WRONG_CODE)
    limits.staff_passed("code", account)
    return device, ""


# A wrong code is counted on the device: the transaction must end well whatever the verdict.
@transaction.atomic
def _verified(user: User, code: str, new: TOTPDevice | None) -> Device | None:
    User.objects.select_for_update().get(pk=user.pk)
    if new is not None:
        return _confirmed(user, code, new)
    kind = TOTPDevice if TOTP_CODE.fullmatch(code) else StaticDevice if RECOVERY_CODE.fullmatch(code) else None
    if kind is None:
        return None
    for device in kind.objects.select_for_update().filter(user=user, confirmed=True):
        if device.verify_token(code):
            _cap_drift(device)
            found: Device = device
            return found
    return None


def _confirmed(user: User, code: str, new: TOTPDevice) -> TOTPDevice | None:
    if not TOTP_CODE.fullmatch(code) or TOTPDevice.objects.filter(user=user, confirmed=True).exists():
        return None
    device = TOTPDevice.objects.select_for_update().filter(pk=new.pk, user=user, confirmed=False).first()
    if device is None or not device.verify_token(code):
        return None
    device.confirmed = True
    device.save(update_fields=["confirmed"])
    record_own_change(user, "authenticator_app")
    return device


def _cap_drift(device: Device) -> None:
    if isinstance(device, TOTPDevice) and abs(device.drift) > MAX_DRIFT:
        device.drift = MAX_DRIFT if device.drift > 0 else -MAX_DRIFT
        device.save(update_fields=["drift"])


def _new_device(request: HttpRequest, user: User) -> TOTPDevice:
    """The app that this session is enrolling. Never one of another session: whoever began that knows its secret."""
    pending = request.session[PENDING]
    mine = TOTPDevice.objects.filter(pk=pending.get("device"), user=user, confirmed=False).first()
    if mine is None:
        TOTPDevice.objects.filter(user=user, confirmed=False).delete()
        mine = TOTPDevice.objects.create(user=user, name="authenticator app", confirmed=False)
        request.session[PENDING] = pending | {"device": mine.pk}
    return mine


def _shown(device: TOTPDevice) -> dict[str, str]:
    secret = base64.b32encode(device.bin_key).decode().rstrip("=")
    picture = segno.make(device.config_url, error="m", micro=False)
    return {
        "secret": " ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
        "uri": device.config_url,
        "qr": picture.svg_data_uri(scale=4, border=3, dark="#131a26", light="#ffffff"),
    }


def _signed_in(request: HttpRequest, user: User, device: Device) -> HttpResponse:
    target = _next(request)
    request.session.pop(PENDING, None)
    with transaction.atomic():
        auth.login(request, user, backend="django.contrib.auth.backends.ModelBackend")
        django_otp.login(request, device)
        access.begin(request)
        _record(Tag.STAFF_SIGNED_IN, user)
    response = HttpResponseRedirect(target)
    known_browsers.remember(request, response, _account(user.username))
    return response


def _pending(request: HttpRequest) -> User | None:
    """Whose password was right in this session, as long as that is fresh and the password still the same."""
    held = request.session.get(PENDING)
    if not held or clock.now().timestamp() - held["at"] >= PENDING_SECONDS:
        return None
    user = User.objects.filter(pk=held["user"], is_active=True, is_staff=True).first()
    if user is None or not constant_time_compare(held["hash"], user.get_session_auth_hash()):
        return None
    return user


def _account(email: str) -> str:
    """What tries are counted under: no address is kept for it."""
    return crypto.keyed_hash("staff", email)


def try_own_password(request: HttpRequest, user: User) -> str:
    """Count a try of who is signed in at their own password, which their session does not show that they know.
    Returns what is wrong, or nothing."""
    return _limited("password", known_browsers.counted_as(request, _account(user.username)), request)


def judge_own_password(request: HttpRequest, user: User, *, knew_it: bool) -> None:
    """Whoever knew it is free to try again; a guess is on record, as one at the sign-in is."""
    if knew_it:
        limits.staff_passed("password", known_browsers.counted_as(request, _account(user.username)))
    else:
        _refused(user, "password")


def _limited(step: str, account: str, request: HttpRequest) -> str:
    try:
        limits.staff_try(step, account, client_ip(request))
    except TooManyRequests as error:
        minutes = -(-error.resets_in // 60)
        return str(_("Too many tries. Try again in %(minutes)s minutes.") % {"minutes": minutes})
    except Unavailable as error:
        return error.description
    return ""


def _refused(user: User | None, reason: str) -> None:
    _record(Tag.STAFF_REFUSED, user, reason=reason)


def record_own_change(user: User, field: str) -> None:
    """What somebody changed of how they sign in, in the transaction that changes it."""
    _record(Tag.MEMBER_CHANGED, user, fields=[field])


def _record(tag: Tag, user: User | None, **data: Any) -> None:
    """In the log of every tenant that the person belongs to; of none, when there is no such person."""
    actor = log.staff(user.pk) if user else log.SYSTEM
    tenants: list[uuid.UUID | None] = list(user.memberships.values_list("tenant_id", flat=True)) if user else []
    for tenant_id in tenants or [None]:
        log.record(tag, tenant_id=tenant_id, actor=actor, **data)


def _next(request: HttpRequest) -> str:
    target = request.GET.get("next", "")
    if url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()}, require_https=request.is_secure()):
        return target
    return reverse("portal:index")


def _page(request: HttpRequest, context: dict[str, Any], step: str, form: forms.Form, **more: Any) -> TemplateResponse:
    titles = {
        "password": _("Sign in"),
        "code": _("Enter your code"),
        "enrol": _("Set up your authenticator app"),
    }
    page = {**context, "title": titles[step], "step": step, "form": form, **more}
    return TemplateResponse(request, "portal/sign_in.html", page)
