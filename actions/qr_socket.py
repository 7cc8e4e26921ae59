"""The one WebSocket: a page shows a QR code and is told what becomes of it, as the browser SDK's `qrCode` expects.

    client  {type: "CREATE_CHALLENGE", data: {challengeType: "QR_CODE", actionCode?, custom?}}
    server  {type: "CHALLENGE_CREATED", data: {challengeId, challengeType, expiresAt, state: "unclaimed"}}
    server  {type: "STATE_CHANGE", data: {challengeId, state: "claimed" | "approved" | "rejected", accessToken?}}
    server  {type: "PING"}, which the SDK passes over: an ASGI server offers no pings of the protocol's own

The SDK knows no error message: who may not open a socket is refused in the handshake (`socket_handshake`), and a
request that is refused closes it (RFC 6455 §7.4). What a code is and what becomes of it is `device_waiting`'s, as over
REST.
"""

import asyncio
import json
import secrets
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import structlog
from django.conf import settings

from actions import device_inputs, device_waiting, socket_places
from actions.client_auth import check_browser, read_context
from actions.client_views import seen
from actions.device_waiting import Stage
from actions.qr_watch import UNAVAILABLE, Code, Watch, in_database
from actions.socket_handshake import PROTOCOL, Caller, Scope, admit, deny, request_of
from authenticators.models import Challenge
from authsignal_portal import limits
from authsignal_portal.api import checked
from authsignal_portal.client_ip import client_ip
from authsignal_portal.errors import AuthsignalError, InvalidRequest, TooManyRequests, Unavailable
from authsignal_portal.json_body import MAX_BODY, parse_object
from authsignal_portal.wire import iso, present

log = structlog.get_logger(__name__)

PATHS = frozenset({"/ws-v1-challenge", "/api-ws/ws-v1-challenge"})
# RFC 6455 §7.4.1.
NORMAL, NO_TEXT, REFUSED, TOO_BIG, BROKEN = 1000, 1003, 1008, 1009, 1011
MAX_REASON = 123
SEND_SECONDS = 10


class Closing(Exception):
    """The socket is to be closed, and why."""

    def __init__(self, code: int, reason: str) -> None:
        self.code, self.reason = code, reason
        super().__init__(reason)


class Gone(Exception):
    """The page has closed the socket, or is away."""


async def serve(watch: Watch, scope: Scope, receive: Any, send: Any) -> None:
    """One socket, from its handshake to its end."""
    await receive()
    name = secrets.token_hex(16)
    try:
        with watch.socket():
            caller = await in_database(admit, name, request_of(scope), list(scope.get("subprotocols") or []))
            await send({"type": "websocket.accept", "subprotocol": PROTOCOL})
            await Socket(name, caller, watch, receive, send).run()
    except AuthsignalError as error:
        await deny(scope, send, error)
    except UNAVAILABLE as error:
        log.error("database unavailable", reason=type(error).__name__)
        await deny(scope, send, Unavailable())


# -- the open socket -----------------------------------------------------------------------------


class Socket:
    """An open socket and the codes that its page shows: one, and those before it that somebody is deciding on."""

    def __init__(self, name: str, caller: Caller, watch: Watch, receive: Any, send: Any) -> None:
        self._name, self._caller, self._watch = name, caller, watch
        self._receive, self._send_event = receive, send
        self._codes: list[Code] = []
        self._changed = asyncio.Event()
        self._asked: deque[float] = deque()
        self._now = asyncio.get_running_loop().time
        self._used_at = self._beaten_at = self._now()

    async def run(self) -> None:
        """Serve until either side ends it. Never raises what the handshake does."""
        incoming = asyncio.ensure_future(self._receive())
        try:
            while True:
                await self._wait(incoming)
                if incoming.done():
                    await self._create(_text_of(incoming.result()))
                    incoming = asyncio.ensure_future(self._receive())
                if self._changed.is_set():
                    self._changed.clear()
                    await self._report()
                await self._keep()
        except Closing as closing:
            with suppress(Gone):
                await self._event({"type": "websocket.close", "code": closing.code, "reason": _short(closing.reason)})
        except Gone:
            pass
        finally:
            incoming.cancel()
            await self._leave()

    async def _wait(self, incoming: asyncio.Future[Any]) -> None:
        until = self._beaten_at + settings.SOCKET_BEAT_SECONDS
        if not self._codes:
            until = min(until, self._used_at + settings.SOCKET_IDLE_SECONDS)
        changed: asyncio.Future[Any] = asyncio.ensure_future(self._changed.wait())
        seconds = max(0.0, until - self._now())
        await asyncio.wait({incoming, changed}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        changed.cancel()

    # -- asking for a code

    async def _create(self, text: str) -> None:
        """Show a new code; the one before is over, unless somebody has scanned it."""
        self._used_at = self._now()
        try:
            self._count()
            given = _read(text)
            challenge, device_code = await in_database(self._begin, given)
        except AuthsignalError as error:
            raise Closing(BROKEN if error.status >= 500 else REFUSED, error.description) from error
        except UNAVAILABLE as error:
            log.error("database unavailable", reason=type(error).__name__)
            raise Closing(BROKEN, Unavailable.default_description) from error
        code = Code(challenge, device_code, self._changed)
        shown = {"challengeType": challenge.method, "expiresAt": iso(challenge.expires_at), "state": code.stage}
        self._codes.append(code)
        self._watch.add(code)
        # What came before the watch began; and what became of the code before this one.
        self._changed.set()
        await self._tell("CHALLENGE_CREATED", {"challengeId": code.id, **shown})

    def _count(self) -> None:
        while self._asked and self._asked[0] < self._used_at - 60:
            self._asked.popleft()
        if len(self._asked) >= settings.SOCKET_CODES_PER_MINUTE:
            raise TooManyRequests("Too many codes were asked for.")
        self._asked.append(self._used_at)

    def _begin(self, given: Mapping[str, Any]) -> tuple[Challenge, str]:
        context = read_context(self._caller.token) if self._caller.token else None
        if context:
            check_browser(self._caller.request, context)
        else:
            limits.without_token(self._caller.tenant.pk, client_ip(self._caller.request))
        device_waiting.withdraw_unscanned([code.id for code in self._codes])
        return device_waiting.start_qr(
            self._caller.tenant,
            context,
            action=given.get("actionCode", ""),
            custom=given.get("custom", {}),
            seen=seen(self._caller.request),
            lifetime_seconds=settings.QR_CHALLENGE_SECONDS,
        )

    # -- telling what becomes of it

    async def _report(self) -> None:
        try:
            stages = await in_database(device_waiting.qr_stages, [code.id for code in self._codes])
            for code in list(self._codes):
                stage, token = await in_database(self._change, code, stages.get(code.id))
                await self._follow(code, stage, token)
        except UNAVAILABLE as error:
            # What is not told yet is found again at the next look.
            log.error("database unavailable", reason=type(error).__name__)

    async def _follow(self, code: Code, stage: Stage, token: str | None) -> None:
        if stage == code.stage:
            return
        code.stage = stage
        if stage != Stage.CLAIMED:
            self._forget(code)
        if stage != Stage.OVER:
            await self._tell("STATE_CHANGE", present({"challengeId": code.id, "state": stage, "accessToken": token}))

    def _change(self, code: Code, stage: Stage | None) -> tuple[Stage, str | None]:
        """How far the code has come, and the token where it was approved."""
        if stage in (code.stage, Stage.OVER):
            return stage, None
        try:
            outcome = device_waiting.qr_outcome(self._caller.tenant, code.id, code.device_code)
        except InvalidRequest:
            # Gone with its user.
            return Stage.REJECTED if code.stage == Stage.CLAIMED else Stage.OVER, None
        return outcome.stage, outcome.access_token

    def _forget(self, code: Code) -> None:
        self._used_at = self._now()
        self._watch.remove(code)
        self._codes.remove(code)

    async def _tell(self, kind: str, data: Mapping[str, Any] | None = None) -> None:
        message = {"type": kind} | ({"data": data} if data else {})
        await self._event({"type": "websocket.send", "text": json.dumps(message)})

    async def _event(self, event: Mapping[str, Any]) -> None:
        """Raises Gone where the page does not take it."""
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._send_event(event)
        except (OSError, RuntimeError) as error:
            raise Gone from error

    # -- staying and leaving

    async def _keep(self) -> None:
        now = self._now()
        if not self._codes and now >= self._used_at + settings.SOCKET_IDLE_SECONDS:
            raise Closing(NORMAL, "Nothing is waited for.")
        if now < self._beaten_at + settings.SOCKET_BEAT_SECONDS:
            return
        self._beaten_at = now
        try:
            await in_database(socket_places.take, self._name, self._caller.bounds)
        except TooManyRequests as error:
            raise Closing(REFUSED, error.description) from error
        await self._tell("PING")

    async def _leave(self) -> None:
        """Nobody can be told any more: what nobody has scanned is over."""
        for code in self._codes:
            self._watch.remove(code)
        try:
            await in_database(device_waiting.withdraw_unscanned, [code.id for code in self._codes])
        except UNAVAILABLE as error:
            log.warning("unscanned codes run out by themselves", reason=type(error).__name__)
        await in_database(socket_places.give_back, self._name, self._caller.bounds)


def _text_of(event: Mapping[str, Any]) -> str:
    """What the page sent. Raises Gone, Closing."""
    if event["type"] == "websocket.disconnect":
        raise Gone
    text: str | None = event.get("text")
    if text is None:
        raise Closing(NO_TEXT, "Send messages as text.")
    return text


def _short(reason: str) -> str:
    """At most the 123 bytes that a close frame holds."""
    return reason.encode()[:MAX_REASON].decode(errors="ignore")


def _read(text: str) -> dict[str, Any]:
    """The checked data of a CREATE_CHALLENGE. Raises Closing, InvalidRequest."""
    raw = text.encode(errors="surrogatepass")
    if len(raw) > MAX_BODY:
        raise Closing(TOO_BIG, f"A message has at most {MAX_BODY} bytes.")
    message = parse_object(raw)
    data = message.get("data")
    if message.get("type") != "CREATE_CHALLENGE" or not isinstance(data, dict):
        raise InvalidRequest("Send {type: CREATE_CHALLENGE, data: {challengeType, actionCode}}.")
    return checked(device_inputs.SocketQrInput, data)
