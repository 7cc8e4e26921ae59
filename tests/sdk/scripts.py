"""The scripts of tests/sdk/node: which scenarios they hold, and what became of each."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
NODE = HERE / "node"

# Where the pages of the tests' app seem to live: the live tenant lists it among its origins.
APP_ORIGIN = "http://localhost:8001"


def scenarios(script: str) -> list[str]:
    """The names of a script's scenarios, read from its text so that collecting tests needs no Node."""
    text = (NODE / script).read_text(encoding="utf-8")
    return re.findall(r'^scenario\("([^"]+)"', text, re.MULTILINE)


def install() -> None:
    """Bring tests/sdk/node_modules to what package-lock.json says."""
    if _installed() != _wanted():
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, f"npm ci in {HERE} failed:\n{done.stderr}"


def run(script: str, live: Any) -> dict[str, dict[str, Any]]:
    """Run all scenarios of a script in one process; their results by name."""
    environ = {
        **os.environ,
        "AUTHSIGNAL_API_URL": live.api_url,
        "AUTHSIGNAL_API_SECRET_KEY": live.api_secret_key,
        "AUTHSIGNAL_TENANT_ID": live.tenant_id,
        "OUTBOX": str(live.outbox_path),
        "APP_ORIGIN": APP_ORIGIN,
    }
    done = subprocess.run(
        ["node", str(NODE / script)], cwd=HERE, env=environ, capture_output=True, text=True, timeout=240
    )
    results = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"scenario"')]
    assert results, f"{script} did not run:\n{done.stdout}{done.stderr}"
    all_ok = all(result["ok"] for result in results)
    assert (done.returncode == 0) == all_ok, f"{script} ended with {done.returncode}:\n{done.stderr}"
    return {result["scenario"]: result for result in results}


def _wanted() -> dict[str, str]:
    manifest = json.loads((HERE / "package.json").read_text(encoding="utf-8"))
    return dict(manifest["dependencies"])


def _installed() -> dict[str, str]:
    found = {}
    for name in _wanted():
        manifest = HERE / "node_modules" / name / "package.json"
        if manifest.exists():
            found[name] = json.loads(manifest.read_text(encoding="utf-8"))["version"]
    return found
