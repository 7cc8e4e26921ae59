"""Measure the backtest of 20 rules over a million stored actions, and check a sample of it against the live engine.

`python -m tests.bench.backtest --actions 1000000` fills a PostgreSQL of its own below var/bench/backtest, runs the
backtest in a fresh process as the worker does, and prints seconds of wall time and the highest resident memory.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from authsignal_portal.embedded import (
    OWNER_ROLE,
    create_roles_and_database,
    database_url,
    postgres_directory,
)
from authsignal_portal.embedded_servers import Postgres
from tests.bench.__main__ import FOLDER, ROOT, entry

ACTIONS = 1_000_000
USERS = 300_000
DAYS = 30
RULES = 20
SAMPLE = 10_000
