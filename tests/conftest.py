"""Fixtures: the cast, an API client, the clock, and a real server process beside a real worker."""

import gc
import io
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import hypothesis
import pytest
from django.core.management.commands import flush
from django.db import connection
from django.test import Client

from authenticators.models import Message
from authsignal_portal import embedded
from authsignal_portal.models import Tenant
from tests import emptying, make

ROOT = Path(__file__).resolve().parent.parent
SLOTS = 8

# Every run tries the same examples, so that what is red is red again; `make fuzz` tries new ones. A busy machine is no
# fault of what is tested.
PATIENT = {"deadline": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow]}
hypothesis.settings.register_profile("same", derandomize=True, **PATIENT)
hypothesis.settings.register_profile("new", print_blob=True, **PATIENT)
hypothesis.settings.load_profile("new" if "FUZZ_EXAMPLES" in os.environ else "same")


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """The same in every process of a parallel run: no random bytes, no order of a set."""
    return argname if isinstance(val, bytes | bytearray | set | frozenset | UUID) else None


def pytest_collection() -> None:
    gc.disable()


def pytest_collection_finish() -> None:
    """What thousands of tests are made of stays to the end: the garbage collector need not walk it again and again."""
    gc.enable()
    gc.collect()
    gc.freeze()


@pytest.fixture
def acme(db: None) -> Tenant:
    return make.make_tenant("Acme")


@pytest.fixture
def globex(db: None) -> Tenant:
    return make.make_tenant("Globex", app_origins=["https://globex.example"])


@dataclass
class Api:
    """The Server API as a caller sees it: JSON in, (status, JSON) out."""

    http: Client
    secret: str

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        headers.setdefault("Authorization", make.basic(self.secret))
        text = "" if body is None else json.dumps(body)
        answer = self.http.generic(method, f"/v1/{path}", text, "application/json", headers=headers)
        assert answer["Content-Type"] == "application/json", answer.content
        answer.body = answer.json()
        return answer


@pytest.fixture
def api(acme: Tenant, client: Client) -> Api:
    return Api(client, make.make_key(acme))


@pytest.fixture
def advance(transactional_db: None) -> Iterator[Callable[[float], None]]:
    """Move the database's clock forward for every process that uses it."""
    yield advance_clock
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM test_clock")


def advance_clock(seconds: float) -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO test_clock (offset_seconds) VALUES (%s)", [seconds])


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """pytest-django's, but the database is dropped only once everybody has left it."""
    yield
    with django_db_blocker.unblock():
        empty_database()


@pytest.fixture(scope="session", autouse=True)
def cheap_flush() -> Iterator[None]:
    """What comes after a test that commits."""
    patched = pytest.MonkeyPatch()
    patched.setattr(flush.Command, "handle", lambda *_command, **_options: emptying.empty())
    yield
    patched.undo()


def empty_database() -> None:
    """Wait until the server's sessions have ended; end those that threads of the tests left open."""
    others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    deadline = time.monotonic() + 10
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_terminate_backend(pid) {others} AND usename = current_user")
        while time.monotonic() < deadline:
            cursor.execute(f"SELECT count(*) {others}")
            if cursor.fetchone()[0] == 0:
                return
            time.sleep(0.05)


# -- a real server -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Server:
    """A server process (8 concurrent slots) and a worker on the test database, as the application role."""

    public_url: str
    outbox_path: Path
    environment: dict[str, str]

    @property
    def api_url(self) -> str:
        return f"{self.public_url}/v1"


@dataclass(frozen=True)
class Live:
    """A server with a tenant of its own."""

    server: Server
    tenant: Tenant
    api_secret_key: str
    app_origin: str

    @property
    def api_url(self) -> str:
        return self.server.api_url

    @property
    def public_url(self) -> str:
        return self.server.public_url

    @property
    def outbox_path(self) -> Path:
        return self.server.outbox_path

    @property
    def tenant_id(self) -> str:
        return str(self.tenant.pk)

    def __call__(self, method: str, path: str, body: Any = None, *, token: str | None = None) -> tuple[int, Any]:
        """One request to the API: with the secret key, or with a client token."""
        status, answer, _headers = self.request(method, path, body, token=token)
        return status, answer

    def request(self, method: str, path: str, body: Any = None, *, token: str | None = None) -> tuple[int, Any, Any]:
        authorization = f"Bearer {token}" if token else make.basic(self.api_secret_key)
        request = urllib.request.Request(
            f"{self.api_url}/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": authorization, "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.load(answer), answer.headers
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error), error.headers

    def messages(self, to: str) -> list[dict[str, Any]]:
        """The codes and links; what users are told besides is not among them."""
        if not self.outbox_path.exists():
            return []
        lines = [json.loads(line) for line in self.outbox_path.read_text().splitlines()]
        return [line for line in lines if line["to"] == to and ("code" in line or "url" in line)]

    def code(self, to: str, *, number: int = 1) -> str:
        """The code of the number-th message to an address; waits until it is there."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            found = self.messages(to)
            if len(found) >= number:
                return str(found[number - 1]["code"])
            time.sleep(0.02)
        raise AssertionError(f"no message number {number} to {to} arrived")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def server(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    from django.core.management import call_command

    with django_db_blocker.unblock():
        call_command("grant_app_role", stderr=io.StringIO())
        database = connection.settings_dict["NAME"]
    port, folder = free_port(), tmp_path_factory.mktemp("server")
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "AUTHSIGNAL_AS_OWNER": "no",
        "CELERY_TASK_ALWAYS_EAGER": "no",
        "DATABASE_URL": os.environ["DATABASE_URL"].replace(f"/{embedded.DATABASE}?", f"/{database}?"),
        "PUBLIC_URL": f"http://localhost:{port}",
        "OUTBOX_FILE": str(folder / "outbox.jsonl"),
        # Identity providers of the tests are on this machine.
        "OUTBOUND_ALLOWED_NETWORKS": "127.0.0.0/8,::1/128",
    }
    web = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
    web += [
        "--workers",
        "2",
        "--blocking-threads",
        str(SLOTS // 2),
        "--no-ws",
        "authsignal_portal.wsgi:application",
    ]
    worker = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "authsignal_portal",
        "worker",
        "-P",
        "threads",
        "-c",
        "2",
        "-B",
        "-Q",
        "celery,backtests",
    ]
    worker += [
        "--without-gossip",
        "--without-mingle",
        "-s",
        str(folder / "beat"),
        "-n",
        f"test-{port}@localhost",
    ]
    logs = [(folder / "web.log").open("w"), (folder / "worker.log").open("w")]
    processes = [
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
        for command, log in zip((web, worker), logs, strict=True)
    ]
    try:
        wait_for(f"http://127.0.0.1:{port}/v1/", processes[0], folder / "web.log")
        yield Server(f"http://localhost:{port}", folder / "outbox.jsonl", environment)
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for log in logs:
            log.close()


@contextmanager
def running(command: list[str], log: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except urllib.error.HTTPError as error:
            error.close()
            return
        except OSError:
            assert process.poll() is None, log.read_text()[-3000:]
            time.sleep(0.1)
    raise AssertionError(f"{url} does not answer: {log.read_text()[-3000:]}")


@pytest.fixture
def live(server: Server, transactional_db: None) -> Iterator[Live]:
    yield from living(server)


def living(server: Server) -> Iterator[Live]:
    """A tenant on the server, for one test."""
    origin = "http://localhost:8009"
    tenant = make.make_tenant("Acme Pay", app_origins=[origin])
    yield Live(server, tenant, make.make_key(tenant), origin)
    settle()


@pytest.fixture(scope="session")
def one_port_server(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A web server as the demo has it, beside the first and its worker: socket, API and pages on one port."""
    port, folder = free_port(), tmp_path_factory.mktemp("one-port")
    environment = {**server.environment, "PUBLIC_URL": f"http://localhost:{port}", "WSGI_THREADS": str(SLOTS)}
    command = [sys.executable, "-m", "granian", "--interface", "asgi", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "authsignal_portal.asgi:application"]
    log = folder / "web.log"
    with running(command, log, environment) as process:
        wait_for(f"http://127.0.0.1:{port}/v1/", process, log)
        yield Server(f"http://localhost:{port}", server.outbox_path, environment)


def settle() -> None:
    """Wait until the worker has sent what is owed: it and the table flush would wait for each other."""
    deadline = time.monotonic() + 20
    while Message.objects.filter(status__in=["owed", "sending"]).exists() and time.monotonic() < deadline:
        time.sleep(0.05)
