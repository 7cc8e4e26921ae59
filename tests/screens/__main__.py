"""`python -m tests.screens [pattern of scenes' names]`: all scenes, pictured into var/screens, and what is wrong."""

import json
import os
import re
import sys

import pytest

from tests.screens.report import PICTURES, lines

# Seconds for one group of scenes.
TIMEOUT = 1800
TESTS = ["tests/browser/test_screens.py", "tests/browser/test_portal_screens.py"]


def main(only: str = "") -> int:
    os.environ |= {"SCREENS": "all", "SCREENS_ONLY": only}
    for old in (*PICTURES.glob("*.png"), *PICTURES.glob("*.json")):
        if re.search(only, old.name):
            old.unlink()
    pytest.main(["-q", "--tb=line", "-o", f"timeout={TIMEOUT}", *TESTS])
    rows = [row for path in sorted(PICTURES.glob("*.json")) for row in json.loads(path.read_text())]
    for line in lines(rows):
        print(line)
    return 1 if not rows or any(row["problems"] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
