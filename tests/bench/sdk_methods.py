"""How many methods of the browser SDK succeed and fail in Chromium as it expects: `python -m tests.bench.sdk_methods`.

The tests that tests.browser.sdk_methods names are run, and counted.
"""

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

from tests.bench.serving import FOLDER, ROOT, entry, keep
from tests.browser.sdk_methods import METHODS, TYPES

SECONDS = 900


def measure_sdk_methods() -> dict[str, dict[str, Any]]:
    """One entry: the methods of which both are shown, of all that the SDK has."""
    passed = passing(sorted({test for shown in METHODS.values() for test in (shown.succeeds, shown.fails)}))
    succeeds = {name for name, shown in METHODS.items() if shown.succeeds in passed}
    fails = {name for name, shown in METHODS.items() if shown.fails in passed}
    total = len(METHODS)
    beside = {
        "sdk": json.loads((TYPES.parent / "package.json").read_text())["version"],
        "total": total,
        "succeed_as_expected": len(succeeds),
        "fail_as_expected": len(fails),
        "not_shown": sorted(set(METHODS) - (succeeds & fails)),
    }
    print(f"sdk methods: {beside}")
    unit = "methods of the browser SDK succeed and fail as it expects"
    return {"sdk_methods": entry(len(succeeds & fails), total, ">=", unit, beside)}


def passing(tests: list[str]) -> set[str]:
    """Of these tests, those that pass in all their cases."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    report = FOLDER / "sdk_methods.xml"
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *tests]
    subprocess.run(command, cwd=ROOT, capture_output=True, timeout=SECONDS, check=False)
    return _passing(report)


def _passing(report: Path) -> set[str]:
    outcomes: dict[str, bool] = {}
    for case in ET.parse(report).getroot().iter("testcase"):
        path = case.attrib["classname"].replace(".", "/") + ".py"
        test = f"{path}::{case.attrib['name'].partition('[')[0]}"
        failed = any(case.find(kind) is not None for kind in ("failure", "error", "skipped"))
        outcomes[test] = outcomes.get(test, True) and not failed
    return {test for test, is_good in outcomes.items() if is_good}


if __name__ == "__main__":
    sys.exit(0 if keep(measure_sdk_methods()) else 1)
