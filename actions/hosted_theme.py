"""A tenant's style sheet and pictures, as the hosted pages fetch them.

Under an address that changes with the content, so that browsers may keep them. Pictures are PNG, JPEG or WebP of this
origin: an SVG could carry a script, and another's server would learn of each challenge.
"""

import hashlib
from dataclasses import dataclass
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from authsignal_portal import theme
from authsignal_portal.models import Tenant, Theme

# A page may weigh 150 kB in all.
MAX_PICTURE = 40_000
PICTURE_RULES = _("PNG, JPEG or WebP, 40 kB at most.")
KEPT_FOR = "public, max-age=31536000, immutable"
IMAGES = ("logo", "logo_dark", "favicon", "watermark", "watermark_dark", "background", "background_dark")


@dataclass(frozen=True, slots=True)
class Look:
    """Addresses for a page's head, empty where there is nothing; `classes` are for its body."""

    css: str = ""
    logo: str = ""
    logo_dark: str = ""
    favicon: str = ""
    watermark: str = ""
    watermark_dark: str = ""
    classes: str = ""


def of(tenant: Tenant | None) -> Look:
    stored = Theme.objects.filter(tenant=tenant).first() if tenant else None
    if stored is None:
        return Look()
    found = {name: _address(stored, name) for name in ("css", *IMAGES) if not name.startswith("background")}
    return Look(**found, classes=theme.classes(stored.tokens))


def _address(stored: Theme, name: str) -> str:
    content = _content(stored, name)
    if not content:
        return ""
    digest = hashlib.sha256(content).hexdigest()[:16]
    return reverse("hosted-theme", args=[stored.tenant_id, name, digest])


def _content(stored: Theme, name: str) -> bytes:
    return _sheet(stored).encode() if name == "css" else bytes(getattr(stored, name))


def _sheet(stored: Theme) -> str:
    """The tokens, and the picture behind the card; a dark device is shown none but its own."""
    light, dark = (_address(stored, name) for name in ("background", "background_dark"))
    parts = [theme.css(stored.tokens)]
    if light:
        parts.append(f':root {{ --page-image: url("{light}"); }}')
    if light or dark:
        shown = f'url("{dark}")' if dark else "none"
        parts.append(f"@media (prefers-color-scheme: dark) {{ :root {{ --page-image: {shown}; }} }}")
    return "\n".join(part for part in parts if part)


@require_safe
def part(request: HttpRequest, tenant_id: UUID, name: str, digest: str) -> HttpResponse:
    """GET /challenge/theme/<tenant>/<part>/<digest>. What the address named before is gone: 404."""
    stored = Theme.objects.filter(tenant=tenant_id).first()
    content = _content(stored, name) if stored and name in ("css", *IMAGES) else b""
    if not content or hashlib.sha256(content).hexdigest()[:16] != digest:
        raise Http404
    kind = "text/css; charset=utf-8" if name == "css" else kind_of(content)
    response = HttpResponse(content, content_type=kind)
    response.headers["Cache-Control"] = KEPT_FOR
    return response


def kind_of(content: bytes) -> str | None:
    """The media type that the first bytes tell, of those that are taken."""
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    return "image/webp" if content.startswith(b"RIFF") and content[8:12] == b"WEBP" else None


def problem_of(content: bytes) -> str | Promise:
    """What is wrong with a picture that was handed over, or nothing."""
    if len(content) > MAX_PICTURE:
        return _("The picture is too heavy: 40 kB at most, so that the page opens fast on a phone.")
    return "" if kind_of(content) else _("The file is no PNG, JPEG or WebP picture.")
