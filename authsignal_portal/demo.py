"""What `make demo` runs and in which order: stores, database set-up, web server, worker, the sample bank."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.urls import reverse

from authsignal_portal import embedded
from authsignal_portal.celery import app as celery_app
from authsignal_portal.embedded_servers import Postgres, Valkey
from authsignal_portal.ports import loopback_addresses, port_number, require_free
from authsignal_portal.processes import DirectoryLock, ProcessError, die_with_parent, last_lines, parent_is_interrupted
from authsignal_portal.supervisor import (
    Program,
    Say,
    StopRequested,
    Supervisor,
    answers,
    signals,
    write_privately,
)

# Per worker, so that eight requests run at once even when all connections fall to one worker.
THREADS = 8
SETUP_SECONDS = 300.0


def run(say: Say, *, with_parent: bool = False) -> None:
    """Start everything, say where it is, watch it. Returns after a requested stop. Raises ProcessError.

    `with_parent`: stop also when the calling program (make) dies or is itself interrupted.
    """
    if with_parent:
        die_with_parent()
    port = port_number(os.environ.get("PORT", str(embedded.DEMO_PORT)))
    lock = _demo_lock()
    lock.acquire()
    try:
        with signals():
            _run(Demo(port, say), parent_is_interrupted if with_parent else lambda: False)
    finally:
        lock.release()


def _run(demo: "Demo", told_to_stop: Callable[[], bool]) -> None:
    try:
        demo.start()
        demo.supervisor.watch(told_to_stop)
    except StopRequested as request:
        demo.say(f"{request}: stopping")
    finally:
        demo.told.unlink(missing_ok=True)
        demo.supervisor.stop()
    demo.say("stopped; the data is kept")


def drop(say: Say) -> None:
    """Remove all data of the demo. Raises ProcessError while it runs or when the database is not its own."""
    parts = Stores()
    if parts.own_database:
        raise ProcessError(
            "The data is in the database that DATABASE_URL names: drop that one yourself. "
            f"Then remove {parts.directory}."
        )
    for lock in (_demo_lock(), parts.postgres.lock, parts.valkey.lock):
        lock.acquire()
    for server in (parts.postgres, parts.valkey):
        outside = embedded.socket_directory(server.data_dir)
        if outside != server.data_dir:
            shutil.rmtree(outside, ignore_errors=True)
    shutil.rmtree(parts.directory)
    say(f"dropped {parts.directory}")


def _demo_lock() -> DirectoryLock:
    directory = embedded.demo_directory(settings.BASE_DIR)
    directory.mkdir(parents=True, exist_ok=True)
    return DirectoryLock(directory / "demo.lock", what="The demo")


class Stores:
    """The two stores: whose they are, and ours if they are ours."""

    def __init__(self) -> None:
        self.directory = embedded.demo_directory(settings.BASE_DIR)
        self.postgres = Postgres(embedded.postgres_directory(self.directory), log=self.log("postgres"))
        self.valkey = Valkey(embedded.valkey_directory(self.directory), log=self.log("valkey"))
        self.own_database = os.environ["DATABASE_URL"] != embedded.database_url(self.postgres.data_dir)
        self.own_redis = os.environ["REDIS_URL"] != embedded.redis_url(self.valkey.data_dir)

    def log(self, name: str) -> Path:
        return self.directory / "log" / f"{name}.log"

    def start(self, supervisor: Supervisor, say: Say) -> None:
        if self.own_database:
            say("PostgreSQL: yours, from DATABASE_URL")
        else:
            say(f"PostgreSQL: embedded, in {self.postgres.data_dir}")
            supervisor.start(self.postgres)
            embedded.create_roles_and_database(self.postgres.data_dir)
        if self.own_redis:
            say("Redis: yours, from REDIS_URL")
        else:
            say(f"Redis: embedded (Valkey), in {self.valkey.data_dir}")
            supervisor.start(self.valkey)


class Demo:
    """One run. Every link of a demo is on localhost, whatever PUBLIC_URL says."""

    def __init__(self, port: int, say: Say) -> None:
        self.port, self.say = port, say
        self.url = f"http://localhost:{port}"
        self.demo_url = f"http://localhost:{port + 1}"
        self.env = {**os.environ, "PUBLIC_URL": self.url, "PYTHONUNBUFFERED": "1"}
        self.env["WSGI_THREADS"] = str(THREADS)
        self.stores = Stores()
        # There only while it is true: whoever waits for it must not read that of an earlier run.
        self.told = self.stores.directory / "demo.json"
        self.supervisor = Supervisor(say)

    def start(self) -> None:
        self._prepare_files()
        for port in (self.port, self.port + 1):
            require_free(port)
        self.stores.start(self.supervisor, self.say)
        seeded = self._set_up()
        for place, address in enumerate(loopback_addresses()):
            self.supervisor.start(self._web(address, workers=1 if place else 2))
        self.supervisor.start(self._worker())
        self.supervisor.start(self._backtests())
        self.supervisor.start(self._acme_pay(seeded))
        self._announce(seeded)

    def _prepare_files(self) -> None:
        directory = self.stores.directory
        self.told.unlink(missing_ok=True)
        shutil.rmtree(directory / "log", ignore_errors=True)
        (directory / "log").mkdir()
        Path(settings.OUTBOX_FILE).touch(mode=0o600)

    def _set_up(self) -> dict[str, str]:
        self.say("Preparing the database")
        self._manage("migrate", "--no-input", as_owner=True)
        if self.env["DATABASE_OWNER_URL"] != self.env["DATABASE_URL"]:
            self._manage("grant_app_role", as_owner=True)
        else:
            self.say("DATABASE_OWNER_URL is not set: with one role for all, the audit log is not write-protected")
        seeded: dict[str, str] = json.loads(self._manage("seed_demo"))
        return seeded

    def _manage(self, *words: str, as_owner: bool = False) -> str:
        """Run a command of manage.py and return its output. Raises ProcessError with the end of its log."""
        log = self.stores.log("setup")
        with log.open("a") as errors:
            done = subprocess.run(  # noqa: S603  (our own command lines only)
                [sys.executable, str(settings.BASE_DIR / "manage.py"), *words],
                env={**self.env, "AUTHSIGNAL_AS_OWNER": "yes" if as_owner else "no"},
                cwd=settings.BASE_DIR,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                timeout=SETUP_SECONDS,
                check=False,
            )
        if done.returncode:
            raise ProcessError(f"manage.py {words[0]} failed. The end of {log}:\n{done.stdout}{last_lines(log, 30)}")
        return done.stdout

    def _web(self, address: str, *, workers: int) -> Program:
        host = f"[{address}]" if ":" in address else address
        options = {
            # Socket, API and pages on one port; in production a proxy tells them apart.
            "--interface": "asgi",
            "--host": address,
            "--port": self.port,
            "--workers": workers,
            "--workers-kill-timeout": 8,
        }
        words = [str(word) for option in options.items() for word in option]
        application = "authsignal_portal.asgi:application"
        return Program(
            f"the web server on {host}:{self.port}",
            [sys.executable, "-m", "granian", *words, "--respawn-failed-workers", application],
            log=self.stores.log("web-ipv6" if ":" in address else "web"),
            env=self.env,
            cwd=settings.BASE_DIR,
            ready=lambda: answers(f"http://{host}:{self.port}/"),
        )

    def _worker(self) -> Program:
        schedule = self.stores.directory / "beat-schedule"
        return self._celery("worker", {"-P": "threads", "-c": 4}, "-B", "-s", str(schedule))

    def _backtests(self) -> Program:
        """Apart: messages must not wait for it."""
        return self._celery("backtests", {"-Q": "backtests", "-c": 1, "--max-tasks-per-child": 1})

    def _celery(self, name: str, options: dict[str, str | int], *more: str) -> Program:
        node = f"demo-{name}-{self.port}@localhost"
        options |= {"-n": node, "--loglevel": "INFO"}
        words = [str(word) for option in options.items() for word in option]
        single = ["--without-gossip", "--without-mingle"]
        return Program(
            "the worker" if name == "worker" else f"the worker of {name}",
            [sys.executable, "-m", "celery", "-A", "authsignal_portal", "worker", *words, *single, *more],
            log=self.stores.log(name),
            env=self.env,
            cwd=settings.BASE_DIR,
            ready=lambda: bool(celery_app.control.ping(destination=[node], timeout=1.0)),
        )

    def _acme_pay(self, seeded: dict[str, str]) -> Program:
        # It is somebody else's program: it gets its API key, and none of our secrets.
        own = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
        env = own | {
            "AUTHSIGNAL_API_URL": f"{self.url}/v1",
            "AUTHSIGNAL_API_SECRET_KEY": seeded["apiSecretKey"],
            "AUTHSIGNAL_TENANT_ID": seeded["tenantId"],
            "PORT": str(self.port + 1),
            "PUBLIC_URL": self.demo_url,
            "PYTHONUNBUFFERED": "1",
        }
        place = settings.BASE_DIR / "examples" / "acme_pay"
        return Program(
            "Acme Pay",
            [sys.executable, place / "server.py"],
            log=self.stores.log("acme_pay"),
            env=env,
            cwd=place,
            ready=lambda: answers(self.demo_url),
            stop_seconds=3.0,
        )

    def _announce(self, seeded: dict[str, str]) -> None:
        told = {
            "apiUrl": f"{self.url}/v1",
            "tenantId": seeded["tenantId"],
            "apiSecretKey": seeded["apiSecretKey"],
            "portalUrl": self.url + reverse("portal:index"),
            "portalEmail": seeded["portalEmail"],
            "portalPassword": seeded["portalPassword"],
            "portalTotpSecret": seeded["portalTotpSecret"],
            "demoUrl": self.demo_url,
            "outbox": settings.OUTBOX_FILE,
        }
        write_privately(self.told, json.dumps(told, indent=2) + "\n")
        lines = [f"  {name:<17} {value}" for name, value in told.items()]
        self.say("\n".join(["", *lines, "", f"The same is in {self.told}. Ctrl-C stops everything.", ""]))
