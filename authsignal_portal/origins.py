"""Web origins and redirect targets: what may embed us, call us, and be returned to.

Security: open redirects and token theft by look-alike URLs. A URL is parsed once, judged, and used in the form in
which it was judged.
"""

import re
from urllib.parse import SplitResult, urlsplit

MAX_URL = 2048
LOOPBACK = {"localhost", "127.0.0.1", "[::1]"}
FORBIDDEN = re.compile(r"[\x00-\x20\x7f\\\"<>^`{|}]")
HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]*[a-z0-9])?|\[[0-9a-f:]+\]", re.I)


def parse_origin(text: str) -> str:
    """`scheme://host[:port]` in lower case without default port. Raises ValueError with a reason for the reader."""
    url = _split(text)
    if url.path not in ("", "/") or url.query or url.fragment or "?" in text or "#" in text:
        raise ValueError(f"{text!r} is not an origin: give scheme, host and port only, such as https://app.example.com")
    return _origin(url)


def origin_of(text: str) -> str:
    """The origin of a URL. Raises ValueError."""
    return _origin(_split(text))


def check_redirect(text: str, *, allowed: list[str], development: bool) -> str:
    """Return `text` if it may be redirected to. Raises ValueError.

    With registered origins the target must lie on one of them (or on a registered native scheme, see `allowed`).
    With none, any https URL is accepted, and http on loopback in development.
    """
    url = _split(text)
    origin = _origin(url)
    if allowed:
        if origin in allowed:
            return text
        raise ValueError(f"redirectUrl is not on one of the tenant's app origins: {origin}")
    if url.scheme == "https" or (development and url.hostname and _host(url) in LOOPBACK):
        return text
    raise ValueError("redirectUrl must be an https URL")


def _split(text: str) -> SplitResult:
    if not isinstance(text, str) or not text or len(text) > MAX_URL or FORBIDDEN.search(text) or not text.isascii():
        raise ValueError(f"{str(text)[:80]!r} is not a usable URL")
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError as error:
        raise ValueError(f"{text[:80]!r} is not a usable URL: {error}") from error
    if url.scheme not in ("http", "https"):
        raise ValueError(f"{text[:80]!r}: only http and https URLs are accepted")
    if not text.lower().startswith(f"{url.scheme}://") or "@" in url.netloc or not url.hostname:
        raise ValueError(f"{text[:80]!r} is not a usable URL: give scheme://host, without user name")
    if not HOST.fullmatch(_host(url)) or port == 0 or url.netloc.endswith(":"):
        raise ValueError(f"{text[:80]!r}: the host name or port is not valid")
    return url


def _host(url: SplitResult) -> str:
    host = (url.hostname or "").lower()
    return f"[{host}]" if ":" in host else host


def _origin(url: SplitResult) -> str:
    default = {"http": 80, "https": 443}[url.scheme]
    port = "" if url.port in (None, default) else f":{url.port}"
    return f"{url.scheme}://{_host(url)}{port}"
