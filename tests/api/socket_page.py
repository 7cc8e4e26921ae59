"""A page's side of the QR code socket, and the ASGI server's: the socket itself runs as it is, in a loop of its own."""

import asyncio
import json
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from actions import qr_socket
from actions.qr_watch import Watch
from authsignal_portal.models import Tenant

WAITS = 10
ADDRESS = "198.51.100.7"


class Page:
    """One socket that a page opened. `opened` is the subprotocol that was selected; else `status` says why not."""

    def __init__(self, line: "Line", scope: dict[str, Any]) -> None:
        self._line = line
        self._said: queue.Queue[Any] = queue.Queue()
        self._heard: asyncio.Queue[Any] = asyncio.Queue()
        self._heard.put_nowait({"type": "websocket.connect"})
        self.running = line.run(qr_socket.serve(line.watch, scope, self._heard.get, self._send))
        first = self._said.get(timeout=WAITS)
        self.opened = first.get("subprotocol", "") if first["type"] == "websocket.accept" else None
        self.status = first.get("status")

    async def _send(self, event: Any) -> None:
        self._said.put(event)

    def hear(self, **event: Any) -> None:
        """What the page sends, as the server passes it on."""
        self._line.loop.call_soon_threadsafe(self._heard.put_nowait, {"type": "websocket.receive", **event})

    def send(self, message: Any) -> None:
        self.hear(text=message if isinstance(message, str) else json.dumps(message))

    def told(self, *, pings: bool = False) -> tuple[str, Any]:
        """The next message: its type and data; of a close, `close` and its code."""
        deadline = time.monotonic() + WAITS
        while time.monotonic() < deadline:
            event = self._said.get(timeout=WAITS)
            if event["type"] == "websocket.close":
                return "close", event["code"]
            message = json.loads(event["text"])
            if pings or message["type"] != "PING":
                return message["type"], message.get("data")
        raise AssertionError("nothing but pings")

    def show(self, action: str = "login", **data: Any) -> Any:
        """A new code, as the SDK asks for one."""
        sent = {"challengeType": "QR_CODE", "actionCode": action, **data}
        self.send({"type": "CREATE_CHALLENGE", "data": sent})
        kind, shown = self.told()
        assert kind == "CHALLENGE_CREATED", (kind, shown)
        return shown

    def state(self) -> tuple[str, str]:
        """The next change: of which code, and to what."""
        kind, data = self.told()
        assert kind == "STATE_CHANGE", (kind, data)
        return data["challengeId"], data["state"]

    def leave(self) -> None:
        self._line.loop.call_soon_threadsafe(self._heard.put_nowait, {"type": "websocket.disconnect", "code": 1001})
        self.running.result(WAITS)


class Line:
    """A server process: its loop and its watch."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant, self.watch, self.loop = tenant, Watch(), asyncio.new_event_loop()
        self.pages: list[Page] = []

    def run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def open(
        self,
        token: str = "",
        *,
        offered: Sequence[str] | None = None,
        address: str = ADDRESS,
        **headers: str,
    ) -> Page:
        credential = f"x.authsignal.token.{token}" if token else f"x.authsignal.tenant.{self.tenant.pk}"
        scope = {
            "type": "websocket",
            "client": (address, 1),
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
            "subprotocols": ["authsignal-ws", credential] if offered is None else list(offered),
            "extensions": {"websocket.http.response": {}},
        }
        page = Page(self, scope)
        self.pages.append(page)
        return page


@contextmanager
def line_of(tenant: Tenant) -> Iterator[Line]:
    line = Line(tenant)
    thread = threading.Thread(target=line.loop.run_forever, daemon=True)
    thread.start()

    async def started() -> None:
        line.watch.start()

    try:
        line.run(started()).result(WAITS)
        yield line
    finally:
        for page in line.pages:
            if not page.running.done():
                page.leave()
        line.run(line.watch.stop()).result(WAITS)
        line.loop.call_soon_threadsafe(line.loop.stop)
        thread.join(WAITS)
        line.loop.close()
