"""A measured server on an embedded PostgreSQL, the requests sent to it, and the form of a result."""

import base64
import json
import os
import secrets
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from authsignal_portal.embedded import (
    OWNER_ROLE,
    create_roles_and_database,
    database_url,
    postgres_directory,
    redis_url,
    valkey_directory,
)
from authsignal_portal.embedded_servers import Postgres, Valkey

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / "var" / "bench"
AGENT = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/131.0.0.0 Safari/537.36"


@contextmanager
def databases(data: Path) -> Iterator[Postgres]:
    """PostgreSQL (fsync and synchronous_commit on) and Valkey with nothing in them, gone afterwards."""
    shutil.rmtree(data, ignore_errors=True)
    try:
        with Postgres(postgres_directory(data)) as postgres, Valkey(valkey_directory(data)):
            create_roles_and_database(postgres_directory(data))
            yield postgres
    finally:
        shutil.rmtree(data, ignore_errors=True)


def environment(data: Path, port: int) -> dict[str, str]:
    """Of the server, in the role of the application."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.bench.settings",
        "DATABASE_URL": database_url(postgres_directory(data)),
        "DATABASE_OWNER_URL": database_url(postgres_directory(data), OWNER_ROLE),
        "REDIS_URL": redis_url(valkey_directory(data)),
        "AUTHSIGNAL_AS_OWNER": "no",
        "PUBLIC_URL": f"http://localhost:{port}",
    }


def migrate(where: dict[str, str]) -> None:
    owner = {**where, "AUTHSIGNAL_AS_OWNER": "yes"}
    for command in (["migrate", "--verbosity", "0"], ["grant_app_role"]):
        subprocess.run([sys.executable, "manage.py", *command], cwd=ROOT, env=owner, check=True)


def seed(where: dict[str, str], *arguments: str) -> dict[str, Any]:
    """Run tests.bench.seed; returns what it printed as JSON."""
    made = subprocess.run(
        [sys.executable, "-m", "tests.bench.seed", *arguments],
        cwd=ROOT,
        env=where,
        check=True,
        capture_output=True,
        text=True,
    )
    told: dict[str, Any] = json.loads(made.stdout)
    return told


@contextmanager
def server(where: dict[str, str], port: int, *, workers: int = 2) -> Iterator[int]:
    """The server's process id, once it answers.

    Raises RuntimeError if something listens on the port already: the server binds with SO_REUSEPORT, so a
    leftover one would take a part of the requests unseen and falsify the figures.
    """
    _refuse_taken(port)
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", str(workers), "--blocking-threads", "1", "--no-ws", "authsignal_portal.wsgi:application"]
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / f"web-{port}.log").open("w") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=where, stdout=log, stderr=log)
        try:
            _wait_for(port)
            yield process.pid
        finally:
            process.terminate()
            process.wait(10)


def _refuse_taken(port: int) -> None:
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise RuntimeError(f"something listens on port {port} already; end it first")


def _wait_for(port: int) -> None:
    for _attempt in range(300):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/", timeout=2).close()
        except urllib.error.HTTPError as error:
            error.close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"the server did not start; see var/bench/web-{port}.log")


def request_for(path: str, secret: str, *, users: int) -> Callable[[int], bytes]:
    authorization = base64.b64encode(f"{secret}:".encode()).decode()

    def make(number: int) -> bytes:
        user = secrets.randbelow(users)
        body = json.dumps(
            {
                "idempotencyKey": secrets.token_hex(16),
                "ipAddress": address_of(user, number),
                "userAgent": AGENT,
                "deviceId": device_of(user),
                "custom": {"amount": number % 3000, "currency": "EUR", "isNewPayee": number % 7 == 0},
            }
        ).encode()
        head = (
            f"POST /v1/{path.format(f'user-{user}')} HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Basic {authorization}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    return make


def address_of(user: int, number: int) -> str:
    return f"81.2.{user % 250}.{number % 250}"


def device_of(user: int) -> str:
    return f"device-{user}"


def median(values: Any) -> float:
    return round(float(statistics.median(values)), 3)


def entry(value: float, goal: float, op: str, unit: str, beside: dict[str, Any]) -> dict[str, Any]:
    met = value >= goal if op == ">=" else value <= goal
    return {"value": round(value, 3), "goal": goal, "op": op, "unit": unit, "met": met, "beside": beside}


def keep(results: dict[str, dict[str, Any]]) -> bool:
    """Into var/bench/results.json, beside what others wrote there; prints each. Whether all goals are met."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    file = FOLDER / "results.json"
    before = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps(before | results, indent=2) + "\n")
    print()
    for name, result in results.items():
        verdict = "met" if result["met"] else "NOT MET"
        print(f"{name}: {result['value']} {result['unit']} (goal {result['op']} {result['goal']}: {verdict})")
    print(f"written to {file.relative_to(ROOT)}")
    return all(result["met"] for result in results.values())
