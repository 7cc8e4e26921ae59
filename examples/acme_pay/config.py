"""Acme Pay's settings, all from the environment, and the headers that follow from them."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

REQUIRED = ("AUTHSIGNAL_API_URL", "AUTHSIGNAL_API_SECRET_KEY", "AUTHSIGNAL_TENANT_ID")

# The browser SDK's pop-up brings one <style> element. This is the digest of its text in version 1.16.0: the
# policy lets in that one and no other. A new version needs a new digest, which the browser's console names.
POPUP_STYLE = "'sha256-QVJFWxJvPgCwCARHlrfrlT4Rqk9ykFWr0YJIGyod9Mw='"


@dataclass(frozen=True)
class Config:
    """`public_url` is where browsers reach this server; no URL here ends in a slash."""

    api_url: str
    api_secret_key: str
    tenant_id: str
    host: str
    port: int
    public_url: str

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> "Config":
        """Raises SystemExit with a line for the operator where a setting is missing or wrong."""
        if missing := [name for name in REQUIRED if not environ.get(name)]:
            raise SystemExit(f"Acme Pay cannot start: {', '.join(missing)} not set. See examples/acme_pay/README.md.")
        port = environ.get("PORT") or "8001"
        if not (port.isascii() and port.isdigit() and int(port) <= 65535):
            raise SystemExit(f"Acme Pay cannot start: PORT is {port!r}; give a number from 0 to 65535.")
        return cls(
            api_url=environ["AUTHSIGNAL_API_URL"].rstrip("/"),
            api_secret_key=environ["AUTHSIGNAL_API_SECRET_KEY"],
            tenant_id=environ["AUTHSIGNAL_TENANT_ID"],
            host=environ.get("HOST") or "127.0.0.1",
            port=int(port),
            public_url=(environ.get("PUBLIC_URL") or f"http://localhost:{port}").rstrip("/"),
        )

    @property
    def is_https(self) -> bool:
        return self.public_url.startswith("https://")

    def headers(self) -> dict[str, str]:
        """What every answer carries: nothing but this site and Authsignal's may be part of a page."""
        parts = urlsplit(self.api_url)
        api = f"{parts.scheme}://{parts.netloc}"
        policy = {
            "default-src": "'none'",
            "script-src": "'self'",
            "style-src": f"'self' {POPUP_STYLE}",
            "img-src": "'self'",
            "connect-src": f"'self' {api}",
            "frame-src": api,
            "form-action": "'self'",
            "base-uri": "'none'",
            "frame-ancestors": "'none'",
        }
        allowed = f'(self "{api}")'
        passkeys = f"publickey-credentials-get={allowed}, publickey-credentials-create={allowed}"
        return {
            "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
            "Permissions-Policy": passkeys,
            # The window in which a challenge may be answered talks back to the page that opened it.
            "Cross-Origin-Opener-Policy": "same-origin-allow-popups",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }
