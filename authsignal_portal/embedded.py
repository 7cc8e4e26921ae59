"""Where the embedded PostgreSQL and Valkey are, their roles, and the settings of a demo. No Django here.

Everything another process needs follows from a directory alone, so `manage.py create_tenant` beside a running
demo reaches the same database with the same keys without asking anybody. `embedded_servers` starts them.
"""

import base64
import hashlib
import json
import os
import re
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import psycopg

SUPERUSER = "postgres"
OWNER_ROLE = "authsignal_owner"
APP_ROLE = "authsignal_app"
DATABASE = "authsignal"
DEMO_PORT = 8000

# sockaddr_un holds 108 bytes on Linux and 104 on macOS, the closing NUL included.
SOCKET_PATH_BYTES = 103
POSTGRES_SOCKET = ".s.PGSQL.5432"
VALKEY_SOCKET = "valkey.sock"


def socket_directory(data_dir: Path) -> Path:
    """Where the server of this data directory listens: inside it, or in a short path made from its name."""
    data_dir = data_dir.resolve()
    path = str(data_dir / POSTGRES_SOCKET)
    # Other characters would need quoting in PostgreSQL's list of directories.
    if len(os.fsencode(path)) <= SOCKET_PATH_BYTES and re.fullmatch(r"[\w./ -]+", path, re.ASCII):
        return data_dir
    # One fixed parent: TMPDIR may differ between two shells. Who owns the directory is checked before use.
    return Path("/tmp") / f"authsignal-{hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]}"  # noqa: S108


def database_url(data_dir: Path, role: str = APP_ROLE, *, database: str = DATABASE) -> str:
    """A URL that django-environ, libpq and psycopg all read."""
    return f"postgresql://{role}@/{database}?host={quote(str(socket_directory(data_dir)))}"


def redis_url(data_dir: Path, *, db: int = 0) -> str:
    """A URL for redis-py (`limits` wants it with `redis+` in front; Celery: `broker_url`)."""
    return f"unix://{quote(str(socket_directory(data_dir) / VALKEY_SOCKET))}?db={db}"


def broker_url(redis: str) -> str:
    """The same Redis in Celery's spelling: only unix sockets are written differently there."""
    if not redis.startswith("unix://"):
        return redis
    return redis.replace("unix://", "redis+socket://", 1).replace("?db=", "?virtual_host=", 1)


def create_roles_and_database(data_dir: Path, *, owner_may_create_databases: bool = False) -> None:
    """Make the owner role, the application role and the database, where missing. PostgreSQL must be running.

    The owner runs migrations. The application role can neither define nor alter anything: what it may read
    and write is granted after the migrations. `owner_may_create_databases` is for tests, which build theirs.
    """
    with psycopg.connect(database_url(data_dir, SUPERUSER, database="postgres"), autocommit=True) as connection:
        for role in (OWNER_ROLE, APP_ROLE):
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
                connection.execute(f"CREATE ROLE {role} LOGIN NOSUPERUSER NOCREATEROLE")
        connection.execute(f"ALTER ROLE {OWNER_ROLE} {'CREATEDB' if owner_may_create_databases else 'NOCREATEDB'}")
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
            connection.execute(f"CREATE DATABASE {DATABASE} OWNER {OWNER_ROLE}")
        connection.execute(f"REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC")
        connection.execute(f"GRANT CONNECT ON DATABASE {DATABASE} TO {APP_ROLE}")


def demo_directory(base_dir: Path) -> Path:
    return base_dir / "var" / "demo"


def postgres_directory(parent: Path) -> Path:
    return parent / "postgres"


def valkey_directory(parent: Path) -> Path:
    return parent / "valkey"


def demo_environment(base_dir: Path, given: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment variables of a demo in this checkout; those that are `given` go before them.

    The secrets are made once, into var/demo/secrets.env (mode 600), and are the same for every later process.
    """
    parent = demo_directory(base_dir)
    database = given.get("DATABASE_URL")
    return {
        **_demo_secrets(parent / "secrets.env"),
        "AUTHSIGNAL_ENV": "demo",
        "PUBLIC_URL": _demo_url(parent / "demo.json", given.get("PORT")),
        "DATABASE_URL": database or database_url(postgres_directory(parent)),
        "DATABASE_OWNER_URL": database or database_url(postgres_directory(parent), OWNER_ROLE),
        "REDIS_URL": redis_url(valkey_directory(parent)),
        "OUTBOX_FILE": str(parent / "outbox.jsonl"),
    }


def _demo_url(written_by_demo: Path, port: str | None) -> str:
    """Where the demo is reached: as PORT says, or as the running demo wrote down."""
    if port is None and written_by_demo.exists():
        return str(json.loads(written_by_demo.read_text())["apiUrl"]).removesuffix("/v1")
    return f"http://localhost:{port or DEMO_PORT}"


def _demo_secrets(path: Path) -> dict[str, str]:
    if not path.exists():
        _create_once(path, "".join(f"{name}={value}\n" for name, value in _new_secrets().items()))
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


def _new_secrets() -> dict[str, str]:
    def keyring() -> str:
        return "demo1:" + base64.b64encode(secrets.token_bytes(32)).decode()

    return {
        "SECRET_KEY": secrets.token_urlsafe(64),
        "AUTHSIGNAL_MASTER_KEYS": keyring(),
        "AUTHSIGNAL_PEPPERS": keyring(),
    }


def _create_once(path: Path, text: str) -> None:
    """Write the file whole, unless another process was first: then theirs stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(dir=path.parent)  # mode 600
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        os.unlink(draft)
