"""Measure, print, and write var/bench/results.json: `track`, the rules and their analysis, backtests, vectors, the SDK.

What is compared runs interleaved in the same processes on the same PostgreSQL. Absolute figures of a shared machine
mean little; the median of the ratios of neighbouring runs, and CPU time per request, move less.
"""

import os
import sys
from typing import Any

from tests.bench import analyser_speed, rules
from tests.bench.backtest import measure_backtest
from tests.bench.load import Run, run
from tests.bench.sdk_methods import measure_sdk_methods
from tests.bench.serving import FOLDER, databases, entry, environment, keep, median, migrate, request_for, seed, server
from tests.bench.sms_pumping import measure_pumping
from tests.bench.vectors import measure_vectors

PORT = int(os.environ.get("PORT", "8790"))
PAIRS = int(os.environ.get("BENCH_PAIRS", "7"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "3"))
CONNECTIONS = 8
USERS = 2000
RULES = 20


def main() -> int:
    results = measure_vectors() | measure_rules() | measure_analyser() | measure_track() | measure_backtest()
    results |= measure_pumping() | measure_sdk_methods()
    return 0 if keep(results) else 1


def measure_rules() -> dict[str, dict[str, Any]]:
    measured = rules.measure()
    for title, row in measured.items():
        print(f"{title}: " + ", ".join(f"{name} {value:.2f} µs" for name, value in row.items()))
    return {
        name: entry(value, 1.0, ">=", "times as fast, the lower of one rule and 200", {"microseconds": measured})
        for name, value in rules.ratios(measured).items()
    }


def measure_analyser() -> dict[str, dict[str, Any]]:
    seconds = analyser_speed.seconds()
    return {"analyser_seconds": entry(seconds, 1.0, "<=", "s for 200 rules of five conditions", {})}


def measure_track() -> dict[str, dict[str, Any]]:
    data = FOLDER / "data"
    with databases(data) as postgres:
        where = environment(data, PORT)
        migrate(where)
        secret = seed(where, "rules", str(RULES))["apiSecretKey"]
        assert postgres.child is not None
        with server(where, PORT) as web:
            return measure(secret, [web, postgres.child.pid])


def measure(secret: str, roots: list[int]) -> dict[str, dict[str, Any]]:
    makers = {
        "floor": request_for("floor/{}", secret, users=USERS),
        "track": request_for("users/{}/actions/bench", secret, users=USERS),
    }

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


if __name__ == "__main__":
    sys.exit(main())
