"""The ASGI application: the one WebSocket, and on the same port all that the WSGI application serves.

The WSGI application runs in threads (a2wsgi), each with a database connection that it keeps: Django's own ASGI handler
needs twice the time for views that are not asynchronous, and opens a connection for each request.
"""

from functools import partial
from typing import Any

from a2wsgi import WSGIMiddleware
from django.conf import settings

from authsignal_portal.wsgi import application as wsgi

# isort: split
from actions import qr_socket, socket_handshake
from actions.qr_watch import Watch
from authsignal_portal.errors import NotFound

_pages: Any = WSGIMiddleware(wsgi, workers=settings.WSGI_THREADS)  # type: ignore[arg-type]
_watch = Watch()


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await _live(receive, send)
    elif scope["type"] == "http":
        await _pages(_unambiguous(scope), partial(_received, receive), send)
    elif scope["path"] in qr_socket.PATHS:
        await qr_socket.serve(_watch, scope, receive, send)
    else:
        await receive()
        await socket_handshake.deny(scope, send, NotFound())


async def _live(receive: Any, send: Any) -> None:
    await receive()
    _watch.start()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await _watch.stop()
    await send({"type": "lifespan.shutdown.complete"})


async def _received(receive: Any) -> Any:
    """a2wsgi wants a coroutine; granian gives another awaitable."""
    return await receive()


def _unambiguous(scope: dict[str, Any]) -> dict[str, Any]:
    """Without headers that WSGI cannot tell from others: X_Forwarded_For would pass for what the proxy has set."""
    return scope | {"headers": [(name, value) for name, value in scope["headers"] if b"_" not in name]}
