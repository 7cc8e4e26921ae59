"""HTTP without a framework: reading a request safely, and answering with the right headers."""

import json
import logging
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

STATIC = Path(__file__).parent / "static"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
MAX_BODY = 16_384

log = logging.getLogger("acme_pay")


class Problem(Exception):
    """A request that cannot be served: a status, and one sentence for the reader."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class Site(ThreadingHTTPServer):
    """A server that knows its own origin and the headers that every answer carries."""

    daemon_threads = True
    public_url: str
    always: dict[str, str]


class Exchange(BaseHTTPRequestHandler):
    """One connection's requests and answers; what they mean is the subclass's matter."""

    server: Site
    protocol_version = "HTTP/1.1"
    server_version = "AcmePay"
    sys_version = ""
    timeout = 20  # seconds that a client may take over its request

    @property
    def path_only(self) -> str:
        return urlsplit(self.path).path

    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.path).query))

    def cookies(self) -> dict[str, str]:
        try:
            return {name: morsel.value for name, morsel in SimpleCookie(self.headers.get("Cookie", "")).items()}
        except CookieError:
            return {}

    def read_form(self) -> dict[str, Any]:
        """The body, if this site's own page sent it; whatever another origin sends is refused."""
        if self.headers.get("Origin") != self.server.public_url:
            raise Problem(HTTPStatus.FORBIDDEN, f"Open the bank at {self.server.public_url} and try again.")
        if self.headers.get_content_type() != "application/json":
            raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send JSON.")
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()) or int(length) > MAX_BODY:
            raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"Send at most {MAX_BODY} bytes, and say how many.")
        try:
            form = json.loads(self.rfile.read(int(length)))
        except ValueError:
            raise Problem(HTTPStatus.BAD_REQUEST, "The body is not JSON.") from None
        if not isinstance(form, dict):
            raise Problem(HTTPStatus.BAD_REQUEST, "The body is not a JSON object.")
        return form

    def send_page(self, page: str, *, status: HTTPStatus = HTTPStatus.OK) -> None:
        self.send(status, page.encode(), "text/html; charset=utf-8")

    def send_json(self, value: dict[str, Any], *, status: HTTPStatus = HTTPStatus.OK, cookie: str = "") -> None:
        extra = {"Set-Cookie": cookie} if cookie else {}
        self.send(status, json.dumps(value).encode(), "application/json", extra)

    def redirect(self, location: str) -> None:
        self.send(HTTPStatus.SEE_OTHER, b"", TYPES[".txt"], {"Location": location})

    def send_static(self, name: str) -> None:
        known = {path.name: path for path in STATIC.iterdir() if path.suffix in TYPES}
        if path := known.get(name):
            return self.send(HTTPStatus.OK, path.read_bytes(), TYPES[path.suffix], {"Cache-Control": "no-cache"})
        return self.send(HTTPStatus.NOT_FOUND, b"No such file.\n", TYPES[".txt"])

    def send(self, status: HTTPStatus, body: bytes, kind: str, extra: dict[str, str] | None = None) -> None:
        headers = {"Content-Type": kind, "Content-Length": str(len(body)), "Cache-Control": "no-store"}
        if self.close_connection:
            # Else a client might send its next request on it.
            headers["Connection"] = "close"
        self.send_response(status)
        for name, value in (headers | self.server.always | (extra or {})).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        # Without the query, which may hold a token.
        log.info("%s %s %s", self.command, self.path_only, int(code))

    def log_message(self, text: str, *args: Any) -> None:
        log.info(text, *args)
