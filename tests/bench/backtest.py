"""Measure the backtest of 20 rules over a million stored actions, and compare a sample with the live engine.

`python -m tests.bench.backtest --actions 1000000` fills a PostgreSQL of its own below var/bench/backtest and runs each
backtest in a fresh process, as the worker does: as the application's role, progress written beside.
"""

import argparse
import json
import subprocess
import sys
from typing import Any

from tests.bench.serving import FOLDER, ROOT, databases, entry, environment, keep, median, migrate

ACTIONS, SAMPLE, RUNS = 1_000_000, 10_000, 3
# Nothing listens there: the settings want an address.
PORT = 8793


def measure_backtest(*, actions: int = ACTIONS, sample: int = SAMPLE, runs: int = RUNS) -> dict[str, dict[str, Any]]:
    data = FOLDER / "backtest"
    with databases(data):
        where = environment(data, PORT)
        migrate(where)
        owner = {**where, "DATABASE_URL": where["DATABASE_OWNER_URL"], "AUTHSIGNAL_AS_OWNER": "yes"}
        print(f"filling {actions:,} actions", flush=True)
        _past(owner, "fill", actions, max(1000, 3 * actions // 10))
        told = [_run(where) for _ in range(runs)]
        compared = _past(where, "compare", sample)
        recounted = _past(owner, "recount", sample)
        anew = [_run(where) for _ in range(runs)]
    assert all(one["actions"] >= 0.99 * actions and not one["recounted"] for one in told)
    assert all(len(one["recounted"]) == 1 for one in anew)
    seconds = median(one["seconds"] for one in told)
    beside = {
        "actions": told[0]["actions"],
        "changed": told[0]["changed"],
        "cpu_seconds": median(one["cpu_seconds"] for one in told),
        "seconds_with_a_velocity_counted_anew": median(one["seconds"] for one in anew),
        "cpu_seconds_with_it": median(one["cpu_seconds"] for one in anew),
    }
    memory = max(one["mb"] for one in [*told, *anew])
    same = min(compared["identical"], recounted["identical"])
    return {
        "backtest_seconds": entry(seconds, 20, "<=", "s for 20 rules over a million actions", beside),
        "backtest_memory_mb": entry(memory, 500, "<=", "MB resident at most", {}),
        "backtest_identical": entry(same, 1, ">=", "share of a sample", {"decided": compared, "counted": recounted}),
    }


def _run(where: dict[str, str]) -> dict[str, Any]:
    told = _past(where, "run")
    print(
        f"{told['actions']:,} actions in {told['seconds']:.1f} s ({told['cpu_seconds']:.1f} CPU-s of its own), "
        f"{told['mb']:.0f} MB; {told['changed']:,} changed of {told['users']:,} users"
        + (f"; counted anew: {', '.join(told['recounted'])}" if told["recounted"] else ""),
        flush=True,
    )
    return told


def _past(where: dict[str, str], *arguments: object) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.bench.backtest_past", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, env=where, check=True, stdout=subprocess.PIPE, text=True)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--actions", type=int, default=ACTIONS)
    parser.add_argument("--runs", type=int, default=RUNS)
    given = parser.parse_args()
    return 0 if keep(measure_backtest(actions=given.actions, runs=given.runs)) else 1


if __name__ == "__main__":
    sys.exit(main())
