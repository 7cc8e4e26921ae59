"""Measure `track` beside the floor, interleaved, and write var/bench/results.json.

Both run in the same server on the same PostgreSQL (fsync and synchronous_commit on). Absolute figures of a shared
machine mean little; the median of the ratios of neighbouring runs, and CPU time per request, move less.
"""

import base64
import json
import os
import secrets
import shutil
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
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
from tests.bench.load import Run, run

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / "var" / "bench"
PORT = int(os.environ.get("PORT", "8790"))
PAIRS = int(os.environ.get("BENCH_PAIRS", "7"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "3"))
CONNECTIONS = 8
USERS = 2000
RULES = 20


def main() -> int:
    shutil.rmtree(FOLDER / "data", ignore_errors=True)
    data = FOLDER / "data"
    with Postgres(postgres_directory(data)) as postgres, Valkey(valkey_directory(data)):
        create_roles_and_database(postgres_directory(data))
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.bench.settings",
            "DATABASE_URL": database_url(postgres_directory(data)),
            "DATABASE_OWNER_URL": database_url(postgres_directory(data), OWNER_ROLE),
            "REDIS_URL": redis_url(valkey_directory(data)),
            "AUTHSIGNAL_AS_OWNER": "no",
            "PUBLIC_URL": f"http://localhost:{PORT}",
        }
        secret = prepare(environment)
        assert postgres.child is not None
        with server(environment) as web:
            results = measure(secret, [web.pid, postgres.child.pid])
    (FOLDER / "results.json").write_text(json.dumps(results, indent=2) + "\n")
    report(results)
    shutil.rmtree(data, ignore_errors=True)
    return 0 if all(result["met"] for result in results.values()) else 1


def prepare(environment: dict[str, str]) -> str:
    """Migrations as the owner, then a tenant with an action of 20 rules; returns its API key."""
    owner = {**environment, "AUTHSIGNAL_AS_OWNER": "yes"}
    for command in (["migrate", "--verbosity", "0"], ["grant_app_role"]):
        subprocess.run([sys.executable, "manage.py", *command], cwd=ROOT, env=owner, check=True)
    made = subprocess.run(
        [sys.executable, "-m", "tests.bench.seed", str(RULES)],
        cwd=ROOT,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return str(json.loads(made.stdout)["apiSecretKey"])


class server:
    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment

    def __enter__(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(PORT)]
        command += ["--workers", "2", "--blocking-threads", "1", "--no-ws", "authsignal_portal.wsgi:application"]
        self.log = (FOLDER / "web.log").open("w")
        self.process = subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=self.log, stderr=self.log)
        for _attempt in range(300):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{PORT}/v1/", timeout=2).close()
            except urllib.error.HTTPError as error:
                error.close()
                return self.process
            except OSError:
                time.sleep(0.1)
        raise RuntimeError("the server did not start; see var/bench/web.log")

    def __exit__(self, *_unused: object) -> None:
        self.process.terminate()
        self.process.wait(10)
        self.log.close()


def measure(secret: str, roots: list[int]) -> dict[str, dict[str, Any]]:
    makers = {"floor": request_for("floor/{}", secret), "track": request_for("users/{}/actions/bench", secret)}

    def once(name: str, connections: int, seconds: float) -> Run:
        done = run(PORT, makers[name], connections=connections, seconds=seconds, roots=roots)
        assert done.requests, f"{name}: no request succeeded"
        assert not done.errors, f"{name}: {done.errors} requests failed"
        return done

    for name in makers:
        once(name, CONNECTIONS, 2 * SECONDS)
    pairs = []
    for number in range(PAIRS):
        order = ("floor", "track") if number % 2 else ("track", "floor")
        pair = {name: once(name, CONNECTIONS, SECONDS) for name in order}
        pairs.append(pair)
        rates = "  ".join(
            f"{name} {pair[name].per_second:6.0f}/s {pair[name].cpu_ms:5.2f} CPU-ms" for name in ("floor", "track")
        )
        print(f"pair {number + 1}: {rates}  ratio {pair['track'].per_second / pair['floor'].per_second:.2f}")
    calm = once("track", 2, SECONDS)
    beside = {
        "floor_per_second": median(pair["floor"].per_second for pair in pairs),
        "track_per_second": median(pair["track"].per_second for pair in pairs),
        "floor_cpu_ms": median(pair["floor"].cpu_ms for pair in pairs),
        "track_cpu_ms": median(pair["track"].cpu_ms for pair in pairs),
    }
    ratio = median(pair["track"].per_second / pair["floor"].per_second for pair in pairs)
    cpu = median(pair["track"].cpu_ms / pair["floor"].cpu_ms for pair in pairs)
    return {
        "track_vs_floor": entry(ratio, 0.6, ">=", "ratio of requests per second", beside),
        "track_cpu_vs_floor": entry(cpu, 1.7, "<=", "ratio of CPU time per request", beside),
        "track_p50_ms_2_connections": entry(calm.percentile(0.5), 15, "<=", "ms", {"p99_ms": calm.percentile(0.99)}),
    }


def median(values: Any) -> float:
    return round(float(statistics.median(values)), 3)


def entry(value: float, goal: float, op: str, unit: str, beside: dict[str, Any]) -> dict[str, Any]:
    met = value >= goal if op == ">=" else value <= goal
    return {"value": round(value, 3), "goal": goal, "op": op, "unit": unit, "met": met, "beside": beside}


def request_for(path: str, secret: str) -> Any:
    authorization = base64.b64encode(f"{secret}:".encode()).decode()
    agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/131.0.0.0 Safari/537.36"

    def make(number: int) -> bytes:
        user = secrets.randbelow(USERS)
        body = json.dumps(
            {
                "idempotencyKey": secrets.token_hex(16),
                "ipAddress": f"81.2.{user % 250}.{number % 250}",
                "userAgent": agent,
                "deviceId": f"device-{user % 3}",
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


def report(results: dict[str, dict[str, Any]]) -> None:
    print()
    for name, result in results.items():
        verdict = "met" if result["met"] else "NOT MET"
        print(f"{name}: {result['value']} {result['unit']} (goal {result['op']} {result['goal']}: {verdict})")
    print(f"written to {(FOLDER / 'results.json').relative_to(ROOT)}")


if __name__ == "__main__":
    sys.exit(main())
