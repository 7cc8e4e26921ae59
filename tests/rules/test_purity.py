"""The engine decides without Django, network or database, and says so by what it imports."""

import subprocess
import sys

import pytest

FORBIDDEN = {
    "django",
    "rest_framework",
    "celery",
    "redis",
    "requests",
    "psycopg",
    "authsignal_portal",
    "actions",
}


@pytest.mark.parametrize("module", ["rules.engine", "rules.analyser", "rules.counterfactual"])
def test_what_decides_and_what_reasons_about_it_imports_no_framework(module: str) -> None:
    script = f"import sys, {module}; print(*{{name.split('.')[0] for name in sys.modules}})"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert "rules" in loaded
    assert not FORBIDDEN & set(loaded)


def test_the_registry_is_full_whichever_module_is_imported_first() -> None:
    script = "from rules.registry import DATA_POINTS; print(len(DATA_POINTS))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert int(loaded) > 10
