"""The engine decides without Django, network or database, and says so by what it imports."""

import subprocess
import sys

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


def test_the_engine_imports_nothing_but_itself_and_the_standard_library() -> None:
    script = "import sys, rules.engine; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert "rules" in loaded
    assert not FORBIDDEN & set(loaded)


def test_the_registry_is_full_whichever_module_is_imported_first() -> None:
    script = "from rules.registry import DATA_POINTS; print(len(DATA_POINTS))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert int(loaded) > 10
