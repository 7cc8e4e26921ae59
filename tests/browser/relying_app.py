"""A customer's web app, small: pages on an origin of its own that launch the unmodified browser SDK."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.browser.chromium import ROOT

SDK = ROOT / "tests" / "sdk" / "node_modules" / "@authsignal" / "browser" / "dist" / "index.min.js"

# Keeps every message that reaches it, as a thief would.
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Relying app</title>
<h1>Relying app</h1><p>Some text.</p>
<script>
  window.messages = [];
  window.addEventListener("message", (event) => messages.push({ origin: event.origin, data: event.data }));
</script>
<script src="/sdk.js"></script>
<script>
  window.errors = [];
  window.start = ({ tenantId, baseUrl, url, mode }) => {
    const client = new authsignal.Authsignal({ tenantId, baseUrl });
    const launched = client.launch(url, { mode, onError: (error) => errors.push(error) });
    launched?.then((result) => (window.outcome = { token: result.token ?? null }));
  };
</script></html>"""


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        is_sdk = self.path == "/sdk.js"
        text, kind = (SDK.read_text(), "text/javascript") if is_sdk else (PAGE, "text/html")
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Set-Cookie", "third-party=yes; SameSite=None; Secure; Path=/")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: Any) -> None:
        """Quiet."""


@dataclass(frozen=True)
class RelyingApp:
    """Reachable under two names: `localhost`, the hosted pages' own site, and 127.0.0.1, a third party to them."""

    port: int

    @property
    def origin(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def third_party(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextlib.contextmanager
def serving() -> Iterator[RelyingApp]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield RelyingApp(server.server_address[1])
        finally:
            server.shutdown()
            thread.join()
