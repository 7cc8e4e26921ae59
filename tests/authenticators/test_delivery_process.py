"""Real workers on a real queue: killed, cut off, restarted. What is owed is sent, and once."""

import base64
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import pytest
import redis
from aiosmtpd.controller import Controller

from audit.events import Tag
from audit.models import AuditEvent
from authenticators.models import Message
from authsignal_portal import celery_app, embedded
from authsignal_portal.embedded_servers import Valkey
from authsignal_portal.processes import kill_session, spawn, stop
from authsignal_portal.vocabulary import Channel
from tests.authenticators.owing import forget_connections, owe, status_of
from tests.authenticators.peers import free_port

ROOT = Path(__file__).resolve().parents[2]
LEASE_SECONDS = 3.0
PATIENCE_SECONDS = 40.0


def until(condition: Callable[[], object], log: Path | None = None) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, log.read_text()[-4000:] if log else "it did not happen"
        time.sleep(0.02)


# -- the parts --


class Broker:
    """A Valkey of our own, that may be stopped and may forget."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.url = embedded.redis_url(directory)
        self.server = Valkey(directory)
        self.server.start()

    def lose_everything(self) -> None:
        self.server.stop()
        shutil.rmtree(self.directory)

    def all_it_was_ever_told(self) -> str:
        """Its append-only file: every command. Task messages wrap their arguments in base64, which is opened."""
        files = sorted(self.directory.rglob("*.aof"))
        text = "".join(file.read_bytes().decode("utf-8", "replace") for file in files)
        wrapped = re.findall(r'"body": "([\w+/=]+)"', text)
        return text + "".join(base64.b64decode(body).decode("utf-8", "replace") for body in wrapped)


@pytest.fixture
def broker(tmp_path, settings) -> Iterator[Broker]:
    broker = Broker(tmp_path / "valkey")
    before = {name: celery_app.conf[name] for name in ("task_always_eager", "broker_url")}
    celery_app.conf.update(task_always_eager=False, broker_url=embedded.broker_url(broker.url))
    forget_connections()
    yield broker
    celery_app.conf.update(before)
    forget_connections()
    broker.server.stop()


class Worker:
    """A Celery worker process with two threads, as the application role; `beat` runs the sweeper beside it."""

    def __init__(self, broker: Broker, database: str, folder: Path, **environment: str) -> None:
        usual = os.environ["DATABASE_URL"]
        self.folder, self.log = folder, folder / "worker.log"
        self.environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.authenticators.worker_settings",
            "AUTHSIGNAL_AS_OWNER": "no",
            "CELERY_TASK_ALWAYS_EAGER": "no",
            "DATABASE_URL": usual.replace(f"/{embedded.DATABASE}?", f"/{database}?"),
            "REDIS_URL": broker.url,
            "MESSAGE_LEASE_SECONDS": str(LEASE_SECONDS),
            **environment,
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *, beat: bool = True) -> None:
        command = [sys.executable, "-m", "celery", "-A", "authsignal_portal", "worker", "-P", "threads", "-c", "2"]
        command += ["--without-gossip", "--without-mingle", "-l", "DEBUG"]
        command += ["-B", "-s", str(self.folder / "beat")] if beat else []
        self.process = spawn(command, log=self.log, cwd=ROOT, env=self.environment)

    def kill(self) -> None:
        """As `kill -9` does: nothing is put in order. Its sweeper goes with it."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        kill_session(self.process)

    def stop(self) -> None:
        if self.process is not None:
            stop(self.process, (signal.SIGTERM, 15.0))


@pytest.fixture
def make_worker(broker, own_database, tmp_path) -> Iterator[Callable[..., Worker]]:
    workers: list[Worker] = []

    def make(**environment: str) -> Worker:
        workers.append(Worker(broker, own_database, tmp_path, **environment))
        return workers[-1]

    yield make
    for worker in workers:
        worker.stop()


class Twilio(ThreadingHTTPServer):
    """Answers like Twilio, or takes the message and keeps silent while `silent` is set."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), TwilioHandler)
        self.silent, self.over = threading.Event(), threading.Event()
        self.taken: list[tuple[str, dict[str, list[str]]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class TwilioHandler(BaseHTTPRequestHandler):
    server: Twilio

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.server.taken.append((self.headers["Idempotency-Key"], form))
        if self.server.silent.is_set():
            self.server.over.wait(PATIENCE_SECONDS)
            return
        body = b'{"sid": "SM1", "status": "queued"}'
        self.send_response(201)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_all: object) -> None:
        pass


@pytest.fixture
def twilio() -> Iterator[Twilio]:
    with Twilio() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.over.set()
        server.shutdown()
        thread.join()


def through(twilio: Twilio) -> dict[str, str]:
    return {
        "SMS_PROVIDER": "twilio",
        "TWILIO_BASE_URL": twilio.url,
        "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
        "TWILIO_AUTH_TOKEN": "a token",
        "TWILIO_FROM": "+15005550006",
    }


class Inbox:
    def __init__(self) -> None:
        self.mails: list[bytes] = []

    async def handle_DATA(self, server, session, envelope) -> str:
        self.mails.append(envelope.content)
        return "250 queued"


@contextmanager
def mail_server(inbox: Inbox, port: int) -> Iterator[None]:
    controller = Controller(inbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield
    finally:
        controller.stop()


def sent_events() -> list[str]:
    return [event.data["message"] for event in AuditEvent.objects.filter(tag=Tag.MESSAGE_SENT)]


# -- the tests --


def test_the_doorbell_alone_brings_an_email_and_nothing_secret_passes_the_queue_or_the_logs(make_worker, broker):
    port, inbox = free_port(), Inbox()
    worker = make_worker(EMAIL_PROVIDER="smtp", EMAIL_URL=f"smtp://127.0.0.1:{port}")
    with mail_server(inbox, port):
        worker.start(beat=False)
        message = owe(code="918273", to="canary@example.com")
        until(lambda: status_of(message) == Message.Status.SENT, worker.log)
    (mail,) = inbox.mails
    assert f"Message-ID: <{message.pk}@".encode() in mail
    assert b"918273" in mail
    assert sent_events() == [str(message.pk)]
    worker.stop()
    told, logged = broker.all_it_was_ever_told(), worker.log.read_text()
    assert f'"{message.pk}"' in told  # so the search below sees what is in there
    assert "authenticators.tasks.deliver" in logged
    for secret in ("918273", "canary"):
        assert secret not in told
        assert secret not in logged


def test_a_worker_killed_while_the_provider_keeps_silent_is_replaced_after_the_lease(make_worker, twilio):
    twilio.silent.set()
    first, second = make_worker(**through(twilio)), make_worker(**through(twilio))
    first.start()
    message = owe(channel=Channel.SMS, code="918273")
    until(lambda: twilio.taken, first.log)
    first.kill()
    died = time.monotonic()
    assert status_of(message) == Message.Status.SENDING
    twilio.silent.clear()
    second.start()
    until(lambda: status_of(message) == Message.Status.SENT, second.log)
    assert time.monotonic() - died < LEASE_SECONDS + 15
    (first_id, first_form), (second_id, second_form) = twilio.taken
    assert first_id == second_id == str(message.pk)
    assert first_form == second_form
    assert Message.objects.get(pk=message.pk).attempts == 2
    assert sent_events() == [str(message.pk)]


def test_a_queue_that_forgot_everything_loses_no_message(make_worker, broker, twilio):
    worker = make_worker(**through(twilio))
    worker.start()
    announced = owe(channel=Channel.SMS)
    until(lambda: status_of(announced) == Message.Status.SENT, worker.log)

    broker.lose_everything()
    unannounced = owe(channel=Channel.SMS)  # nobody hears the doorbell
    assert status_of(unannounced) == Message.Status.OWED
    broker.server.start()
    until(lambda: status_of(unannounced) == Message.Status.SENT, worker.log)

    worker.kill()
    forgotten = owe(channel=Channel.SMS)
    with redis.Redis.from_url(broker.url) as client:
        assert client.llen("celery")
        client.flushall()
    worker.start()
    until(lambda: status_of(forgotten) == Message.Status.SENT, worker.log)
    assert [ident for ident, _form in twilio.taken] == [str(m.pk) for m in (announced, unannounced, forgotten)]
    assert sorted(sent_events()) == sorted(str(m.pk) for m in (announced, unannounced, forgotten))
