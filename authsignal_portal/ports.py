"""The demo's ports: what `localhost` is here, and whether a port is free. No Django."""

import socket
import time

from authsignal_portal.processes import ProcessError

PORT_WAIT_SECONDS = 5.0


def port_number(text: str) -> int:
    """Raises ProcessError. The port after it is Acme Pay's."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65534:
        raise ProcessError(f"PORT must be a number from 1 to 65534, not {text!r}.")
    return int(text)


def loopback_addresses() -> list[str]:
    """What `localhost` means on this machine, in the resolver's order: some clients try only the first."""
    try:
        found = [str(info[4][0]) for info in socket.getaddrinfo("localhost", None, type=socket.SOCK_STREAM)]
    except socket.gaierror:
        found = []
    wanted = [address for address in dict.fromkeys([*found, "127.0.0.1"]) if address in ("127.0.0.1", "::1")]
    return [address for address in wanted if _can_bind(address, 0)]


def require_free(port: int) -> None:
    """Raises ProcessError. Waits a little: what a killed demo left behind may still be on its way out."""
    deadline = time.monotonic() + PORT_WAIT_SECONDS
    while not all(_can_bind(address, port) for address in loopback_addresses()):
        if time.monotonic() > deadline:
            raise ProcessError(
                f"Port {port} is in use by another program. The demo needs two ports in a row: "
                "choose others, for example PORT=9000 make demo"
            )
        time.sleep(0.2)


def _can_bind(address: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
        # A closed connection in TIME_WAIT is no obstacle, a listener is.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
        return True
