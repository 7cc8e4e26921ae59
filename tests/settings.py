"""Settings of the tests: real PostgreSQL and Redis (tests/services.py), fixed secrets, cheap password hashes."""

import base64
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

os.environ |= {
    "AUTHSIGNAL_ENV": "test",
    "AUTHSIGNAL_AS_OWNER": os.environ.get("AUTHSIGNAL_AS_OWNER", "yes"),
    "SECRET_KEY": "only-for-tests-" * 5,
    "AUTHSIGNAL_MASTER_KEYS": "t1:" + base64.b64encode(bytes(range(32))).decode(),
    "AUTHSIGNAL_PEPPERS": "t1:" + base64.b64encode(bytes(range(32, 64))).decode(),
    # Static checks read the settings without a database; a test session has set these (tests/services.py).
    "DATABASE_URL": os.environ.get("DATABASE_URL", "postgresql:///authsignal"),
    "DATABASE_OWNER_URL": os.environ.get("DATABASE_OWNER_URL", "postgresql:///authsignal"),
    "REDIS_URL": os.environ.get("REDIS_URL", "redis://localhost"),
    "PUBLIC_URL": os.environ.get("PUBLIC_URL", "http://localhost:8000"),
    "OUTBOX_FILE": os.environ.get("OUTBOX_FILE", str(ROOT / "var" / "test" / "outbox.jsonl")),
    "IP_DATA_DIR": str(ROOT / "var" / "test" / "ip"),
    # All members of staff of all tests sign in from one address, and Valkey remembers the session before.
    "STAFF_TRIES_PER_ADDRESS": "100000",
    "LOG_LEVEL": "WARNING",
}

from authsignal_portal.settings import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
CELERY_TASK_ALWAYS_EAGER = os.environ.get("CELERY_TASK_ALWAYS_EAGER", "yes") == "yes"
# Most tests send to one address again and again; those of sending ask for the real wait.
SECONDS_BETWEEN_SENDS = 0
STATIC_ROOT = ROOT / "var" / "test" / "static"
STATIC_ROOT.mkdir(parents=True, exist_ok=True)
# Every test client makes its own middlewares: WhiteNoise shall not read all files for each. The servers' does.
WHITENOISE_AUTOREFRESH = CELERY_TASK_ALWAYS_EAGER
