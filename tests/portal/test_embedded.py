"""The embedded PostgreSQL and Valkey keep data, survive kills, refuse a second owner, separate the roles."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import environ
import psycopg
import pytest
import redis

from authsignal_portal.embedded import (
    APP_ROLE,
    OWNER_ROLE,
    SOCKET_PATH_BYTES,
    SUPERUSER,
    broker_url,
    create_roles_and_database,
    database_url,
    demo_environment,
    redis_url,
    socket_directory,
)
from authsignal_portal.embedded_servers import Postgres, Valkey
from authsignal_portal.processes import AlreadyRunning, ProcessError, is_alive

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[Postgres]:
    with Postgres(tmp_path / "postgres", fast=True) as server:
        create_roles_and_database(server.data_dir)
        yield server


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    with Valkey(tmp_path / "valkey") as server:
        yield server


def owned_table(data_dir: Path) -> None:
    with psycopg.connect(database_url(data_dir, OWNER_ROLE)) as connection:
        connection.execute("CREATE TABLE kept (word text)")
        connection.execute("INSERT INTO kept VALUES ('still here')")
        connection.execute(f"GRANT SELECT ON kept TO {APP_ROLE}")


def word(data_dir: Path) -> str:
    with psycopg.connect(database_url(data_dir)) as connection:
        row = connection.execute("SELECT word FROM kept").fetchone()
    assert row is not None
    return str(row[0])


def kill(server: Postgres | Valkey) -> None:
    assert server.child is not None
    os.kill(server.child.pid, signal.SIGKILL)
    server.child.wait()


def until(condition, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def test_postgres_keeps_its_data_over_a_restart(postgres: Postgres) -> None:
    owned_table(postgres.data_dir)
    postgres.stop()
    postgres.start()
    assert word(postgres.data_dir) == "still here"


def test_postgres_starts_again_after_a_kill(postgres: Postgres) -> None:
    owned_table(postgres.data_dir)
    with psycopg.connect(database_url(postgres.data_dir)):  # a backend outlives the killed postmaster for a moment
        kill(postgres)
        postgres.stop()
        postgres.start()
    assert word(postgres.data_dir) == "still here"


def test_a_stale_pid_file_that_names_a_living_process_is_no_obstacle(postgres: Postgres) -> None:
    kill(postgres)
    stale = postgres.data_dir / "postmaster.pid"
    lines = stale.read_text().splitlines()
    postgres.stop()
    stale.write_text("\n".join(["1", *lines[1:]]) + "\n")
    postgres.start()
    assert postgres.child is not None


def test_a_second_postgres_on_the_directory_is_refused_and_the_first_goes_on(postgres: Postgres) -> None:
    owned_table(postgres.data_dir)
    with pytest.raises(AlreadyRunning, match=f"already running, started by process {os.getpid()}"):
        Postgres(postgres.data_dir).start()
    assert word(postgres.data_dir) == "still here"


def test_a_half_made_cluster_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "postgres.new").mkdir()
    (tmp_path / "postgres.new" / "PG_VERSION").write_text("1")
    (tmp_path / "postgres").mkdir()
    server = Postgres(tmp_path / "postgres", fast=True)
    url = database_url(server.data_dir, SUPERUSER, database="postgres")
    with server, psycopg.connect(url) as connection:
        assert connection.info.server_version >= 160000


def test_a_cluster_of_another_version_is_refused_in_words(postgres: Postgres) -> None:
    postgres.stop()
    (postgres.data_dir / "PG_VERSION").write_text("9\n")
    with pytest.raises(ProcessError, match="made by PostgreSQL 9"):
        postgres.start()


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (a int)",
        "CREATE TEMPORARY TABLE mine (a int)",
        "CREATE SCHEMA mine",
        "ALTER TABLE kept ADD COLUMN more text",
        "DROP TABLE kept",
        "TRUNCATE kept",
        "UPDATE kept SET word = 'changed'",
        f"SET ROLE {OWNER_ROLE}",
        f"ALTER ROLE {APP_ROLE} SUPERUSER",
        "CREATE DATABASE mine",
    ],
)
def test_the_application_role_can_define_nothing(app_connection: psycopg.Connection, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        app_connection.execute(statement)


@pytest.fixture(scope="module")
def app_connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[psycopg.Connection]:
    with Postgres(tmp_path_factory.mktemp("roles") / "postgres", fast=True) as server:
        create_roles_and_database(server.data_dir)
        create_roles_and_database(server.data_dir)  # a second time changes nothing
        owned_table(server.data_dir)
        with psycopg.connect(database_url(server.data_dir), autocommit=True) as connection:
            yield connection


def test_the_demo_is_durable_and_serves_many_connections(tmp_path: Path) -> None:
    with Postgres(tmp_path / "postgres") as server:
        create_roles_and_database(server.data_dir)
        with psycopg.connect(database_url(server.data_dir)) as connection:
            for name in ("fsync", "full_page_writes", "synchronous_commit"):
                assert connection.execute(f"SHOW {name}").fetchone() == ("on",)
            assert int(connection.execute("SHOW max_connections").fetchone()[0]) >= 200
            assert connection.execute("SHOW listen_addresses").fetchone() == ("",)


def test_only_we_may_connect(postgres: Postgres, valkey: Valkey) -> None:
    for server in (postgres, valkey):
        sockets = [path for path in socket_directory(server.data_dir).iterdir() if path.is_socket()]
        assert [stat.S_IMODE(path.stat().st_mode) for path in sockets] == [0o700]


def test_valkey_keeps_its_data_over_a_restart_and_a_kill(valkey: Valkey) -> None:
    client = redis.from_url(redis_url(valkey.data_dir))
    client.set("word", "still here")
    valkey.stop()
    valkey.start()
    assert client.get("word") == b"still here"
    assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    kill(valkey)
    valkey.stop()
    valkey.start()
    assert client.get("word") == b"still here"
    client.close()


def test_a_second_valkey_on_the_directory_is_refused(valkey: Valkey) -> None:
    with pytest.raises(AlreadyRunning):
        Valkey(valkey.data_dir).start()


def test_both_die_with_a_killed_parent_and_start_again(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path\n"
        "from authsignal_portal.embedded_servers import Postgres, Valkey\n"
        "place = Path(sys.argv[1])\n"
        "servers = [Postgres(place / 'postgres', fast=True), Valkey(place / 'valkey')]\n"
        "[server.start() for server in servers]\n"
        "print(*[server.child.pid for server in servers], flush=True); time.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    with parent.stdout:
        children = [int(pid) for pid in parent.stdout.readline().split()]
    parent.kill()
    parent.wait()
    with Postgres(tmp_path / "postgres", fast=True), Valkey(tmp_path / "valkey"):
        assert len(children) == 2
        until(lambda: not any(map(is_alive, children)))


def test_a_long_path_gets_a_short_socket_that_every_process_finds(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60) / "postgres"
    assert socket_directory(tmp_path / "short" / "postgres").is_relative_to(tmp_path)
    assert socket_directory(deep) == socket_directory(deep.parent / "." / "postgres")
    assert len(str(socket_directory(deep) / ".s.PGSQL.5432.lock")) < SOCKET_PATH_BYTES
    with Postgres(deep, fast=True), Valkey(deep.with_name("valkey")):
        create_roles_and_database(deep)
        with psycopg.connect(database_url(deep)) as connection:
            assert connection.info.user == APP_ROLE
        client = redis.from_url(redis_url(deep.with_name("valkey")))
        assert client.ping()
        client.close()
    for place in (deep, deep.with_name("valkey")):
        shutil.rmtree(socket_directory(place))


def test_a_short_socket_directory_of_somebody_else_is_refused(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60) / "valkey"
    foreign = socket_directory(deep)
    foreign.mkdir(mode=0o777)
    foreign.chmod(0o777)
    try:
        with pytest.raises(ProcessError, match="open to others"):
            Valkey(deep).start()
    finally:
        foreign.rmdir()


def test_the_urls_are_read_alike_by_django_and_libpq() -> None:
    # Short enough that the socket lies in it.
    place = Path("/tmp/with space/postgres")
    read = environ.Env.db_url_config(database_url(place))
    assert (read["NAME"], read["USER"], read["OPTIONS"]) == ("authsignal", APP_ROLE, {"host": str(place)})
    assert psycopg.conninfo.conninfo_to_dict(database_url(place))["host"] == str(place)


def test_celery_gets_the_socket_in_its_own_spelling() -> None:
    assert broker_url("unix:///run/v.sock?db=0") == "redis+socket:///run/v.sock?virtual_host=0"
    assert broker_url("redis://cache:6379/1") == "redis://cache:6379/1"


def test_the_demo_secrets_are_made_once_and_only_we_read_them(tmp_path: Path) -> None:
    first = demo_environment(tmp_path, {})
    assert demo_environment(tmp_path, {}) == first
    assert len({first[name] for name in ("SECRET_KEY", "AUTHSIGNAL_MASTER_KEYS", "AUTHSIGNAL_PEPPERS")}) == 3
    assert stat.S_IMODE((tmp_path / "var/demo/secrets.env").stat().st_mode) == 0o600
    assert (first["AUTHSIGNAL_ENV"], first["PUBLIC_URL"]) == ("demo", "http://localhost:8000")


def test_a_command_beside_a_demo_knows_where_it_was_moved(tmp_path: Path) -> None:
    demo_environment(tmp_path, {})
    (tmp_path / "var/demo/demo.json").write_text(json.dumps({"apiUrl": "http://localhost:9000/v1"}))
    assert demo_environment(tmp_path, {})["PUBLIC_URL"] == "http://localhost:9000"
    assert demo_environment(tmp_path, {"PORT": "9100"})["PUBLIC_URL"] == "http://localhost:9100"


def test_a_configured_database_is_never_mixed_with_the_embedded_owner(tmp_path: Path) -> None:
    given = {"DATABASE_URL": "postgresql://me@db/mine"}
    assert demo_environment(tmp_path, given)["DATABASE_OWNER_URL"] == "postgresql://me@db/mine"
