"""The installable web app: each tenant's under an address of its own, which is also as far as its worker reaches.

The documents hold nothing of any user: what the app knows it keeps in the browser, and its key cannot be taken out.
"""

import hashlib
import json
from typing import Any
from uuid import UUID

from csp.constants import NONCE, NONE, SELF, STRICT_DYNAMIC
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from actions import hosted_theme
from authenticators import available, web_push
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import DEVICE_METHODS

# The shield on the colours of the pages (static/challenge/tokens.css), which a manifest cannot ask for.
ACCENT, PAPER = "#1f55d6", "#ffffff"
ICONS = (
    ("icon-192.png", "192x192", "any"),
    ("icon-512.png", "512x512", "any"),
    ("icon-mask.png", "512x512", "maskable"),
)
# What the page without a network needs.
KEPT = ("challenge/tokens.css", "challenge/challenge.css", "app/icon-192.png")
SHORT_NAME = 12
POLICY = "app-worker"


def _tenant(tenant_id: UUID) -> Tenant:
    found = Tenant.objects.filter(pk=tenant_id).first()
    if found is None:
        raise Http404
    return found


@require_safe
def page(request: HttpRequest, tenant_id: UUID) -> HttpResponse:
    """GET /app/<tenant>/. A code or a challenge comes in the fragment, which no server sees."""
    tenant = _tenant(tenant_id)
    scope = reverse("web-app", args=[tenant.pk])
    active = available.active_methods(tenant)
    if available.web_app_methods(tenant):
        # Once: whoever is about to subscribe needs it.
        web_push.make_key(tenant)
    config = {
        "tenant": tenant.name,
        "tenantId": str(tenant.pk),
        "methods": [method.value for method in DEVICE_METHODS if method in active],
        "pushKey": web_push.public_key(tenant),
        "worker": reverse("web-app-worker", args=[tenant.pk]),
        "scope": scope,
        "policy": POLICY,
        "origins": [],
        "mode": "",
    }
    context = {"tenant": tenant.name, "tenant_id": tenant.pk, "theme": hosted_theme.of(tenant), "config": config}
    response = TemplateResponse(request, "app/page.html", context | {"accent": ACCENT}).render()
    _protect(response, {"script-src": [NONCE, STRICT_DYNAMIC], "style-src": [NONCE], "trusted-types": [POLICY]})
    response.headers["Permissions-Policy"] = (
        "camera=(self), microphone=(), geolocation=(), payment=(), usb=(), publickey-credentials-get=()"
    )
    return response


@require_safe
def offline(request: HttpRequest, tenant_id: UUID) -> HttpResponse:
    """What the worker shows where there is no network. It runs no script."""
    tenant = _tenant(tenant_id)
    response = TemplateResponse(request, "app/offline.html", {"tenant": tenant.name, "tenant_id": tenant.pk}).render()
    _protect(response, {"script-src": [NONE], "style-src": [SELF], "trusted-types": [NONE]})
    return response


def _protect(response: HttpResponse, policy: dict[str, list[Any]]) -> None:
    response._csp_config = {  # type: ignore[attr-defined]
        "default-src": [NONE],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "worker-src": [SELF],
        "form-action": [NONE],
        "base-uri": [NONE],
        "object-src": [NONE],
        "frame-src": [NONE],
        "frame-ancestors": [NONE],
        "require-trusted-types-for": ["'script'"],
        **policy,
    }
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-cache"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"


@require_safe
def manifest(request: HttpRequest, tenant_id: UUID) -> HttpResponse:
    """The Web App Manifest (W3C): what installing it takes."""
    tenant = _tenant(tenant_id)
    scope = reverse("web-app", args=[tenant.pk])
    told = {
        "id": scope,
        "name": tenant.name,
        "short_name": tenant.name[:SHORT_NAME].strip(),
        "lang": get_language(),
        "start_url": scope,
        "scope": scope,
        "display": "standalone",
        "background_color": PAPER,
        "theme_color": ACCENT,
        "icons": [
            {"src": static(f"app/{name}"), "sizes": sizes, "type": "image/png", "purpose": purpose}
            for name, sizes, purpose in ICONS
        ],
    }
    response = HttpResponse(json.dumps(told), content_type="application/manifest+json")
    response.headers["Cache-Control"] = "no-cache"
    return response


@require_safe
def worker(request: HttpRequest, tenant_id: UUID) -> HttpResponse:
    """The service worker. It lies in the app's own folder, so that it reaches that and nothing else."""
    tenant = _tenant(tenant_id)
    kept = [reverse("web-app-offline", args=[tenant.pk]), *(static(name) for name in KEPT)]
    told: dict[str, Any] = {
        "scope": reverse("web-app", args=[tenant.pk]),
        "kept": kept,
        "icon": static("app/icon-192.png"),
        "title": tenant.name,
        "body": _("A request waits for your answer."),
    }
    told["cache"] = f"app:{tenant.pk}:{hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]}"
    response = TemplateResponse(
        request, "app/worker.js", {"told": json.dumps(told)}, content_type="text/javascript; charset=utf-8"
    ).render()
    # Of the worker itself: what it may fetch.
    response._csp_config = {"default-src": [NONE], "connect-src": [SELF]}  # type: ignore[attr-defined]
    response.headers["Cache-Control"] = "no-cache"
    return response
