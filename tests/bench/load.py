"""A small closed-loop load generator over raw sockets, and CPU time read from /proc."""

import itertools
import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Run:
    """What one interval came to. Times in seconds."""

    requests: int
    errors: int
    seconds: float
    cpu_seconds: float
    latencies: list[float]

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds

    @property
    def cpu_ms(self) -> float:
        """CPU milliseconds of the server and PostgreSQL for one request."""
        return 1000 * self.cpu_seconds / max(1, self.requests)

    def percentile(self, share: float) -> float:
        """Latency in milliseconds."""
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def run(port: int, make: Callable[[int], bytes], *, connections: int, seconds: float, roots: Sequence[int]) -> Run:
    """Send `make(n)` for growing n over persistent connections for a while."""
    numbers, stop = itertools.count(), time.monotonic() + seconds
    latencies: list[float] = []
    errors: list[bytes] = []
    before, started = cpu_seconds(roots), time.monotonic()
    threads = [
        threading.Thread(target=_client, args=(port, make, numbers, stop, latencies, errors))
        for _ in range(connections)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - started
    if errors:
        print(f"  refused: {errors[0][:300]!r}")
    return Run(len(latencies), len(errors), took, cpu_seconds(roots) - before, latencies)


def _client(
    port: int,
    make: Callable[[int], bytes],
    numbers: "itertools.count[int]",
    stop: float,
    latencies: list[float],
    errors: list[bytes],
) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while time.monotonic() < stop:
            sent = time.monotonic()
            connection.sendall(make(next(numbers)))
            answer = _answer(connection)
            if answer.startswith(b"HTTP/1.1 200"):
                latencies.append(time.monotonic() - sent)
            else:
                errors.append(answer)


def _answer(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
    )
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def cpu_seconds(roots: Sequence[int]) -> float:
    """User and system time of these processes and all their descendants, ended children included."""
    parents: dict[int, list[tuple[int, float]]] = {}
    times: dict[int, float] = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        pid, used = int(folder.name), sum(int(field) for field in fields[11:15]) / TICKS
        times[pid] = used
        parents.setdefault(int(fields[1]), []).append((pid, used))
    total, waiting = 0.0, list(roots)
    while waiting:
        pid = waiting.pop()
        total += times.get(pid, 0.0)
        waiting.extend(child for child, _ in parents.get(pid, []))
    return total
