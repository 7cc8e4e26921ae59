"""All settings. Environments differ by environment variables only; each may be given as NAME_FILE.

AUTHSIGNAL_ENV is `production`, `demo` or `test`. It defaults to production as soon as a DATABASE_URL is given;
without one, embedded parts are used and the demo's own secrets are read from var/demo.
"""

import base64
import binascii
import os
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import urlsplit

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.urls import reverse_lazy

from authsignal_portal import embedded

BASE_DIR = Path(__file__).resolve().parent.parent

_configured = os.environ.keys() & {"DATABASE_URL", "DATABASE_URL_FILE"}
if os.environ.get("AUTHSIGNAL_ENV", "production" if _configured else "demo") == "demo":
    os.environ["AUTHSIGNAL_ENV"] = "demo"
    for _name, _value in embedded.demo_environment(BASE_DIR).items():
        os.environ.setdefault(_name, _value)


class Files(environ.fileaware_mapping.FileAwareMapping):  # type: ignore[misc]  # the package has no types
    """A value or, of NAME_FILE, what the file holds: editors and `echo` end it with a line break."""

    def __getitem__(self, key: str) -> str:
        value: str = super().__getitem__(key)
        return value.rstrip("\r\n")


class Environment(environ.Env):  # type: ignore[misc]
    ENVIRON = Files()


env = Environment()


def keyring(name: str) -> dict[str, bytes]:
    """`id:base64 of 32 bytes`, comma separated, newest first."""
    ring: dict[str, bytes] = {}
    for item in env.list(name):
        ident, _colon, text = item.strip().partition(":")
        try:
            key = base64.b64decode(text, validate=True)
        except binascii.Error as error:
            raise ImproperlyConfigured(f"{name}: the key {ident!r} is not base64") from error
        if len(key) != 32 or not ident.isalnum() or ident in ring:
            raise ImproperlyConfigured(f"{name}: {ident!r} must be a unique alphanumeric id with a key of 32 bytes")
        ring[ident] = key
    if not ring:
        raise ImproperlyConfigured(f"{name} must hold at least one key (id:base64 of 32 random bytes)")
    return ring


def networks(name: str) -> list[IPv4Network | IPv6Network]:
    """CIDR blocks, comma separated."""
    try:
        return [ip_network(text.strip()) for text in env.list(name, default=[])]
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: {error}. Write networks such as 10.20.0.0/16.") from error


ENVIRONMENT = env("AUTHSIGNAL_ENV", default="production")
if ENVIRONMENT not in ("production", "demo", "test"):
    raise ImproperlyConfigured("AUTHSIGNAL_ENV must be production, demo or test")
PRODUCTION = ENVIRONMENT == "production"

DEBUG = False
SECRET_KEY = env("SECRET_KEY")
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
MASTER_KEYS = keyring("AUTHSIGNAL_MASTER_KEYS")
PEPPERS = keyring("AUTHSIGNAL_PEPPERS")

# Where people and SDKs reach this server, without a trailing slash; links and tokens use it, never the Host header.
PUBLIC_URL = env("PUBLIC_URL", default=environ.Env.NOTSET if PRODUCTION else "http://localhost:8000").rstrip("/")
_public = urlsplit(PUBLIC_URL)
RP_ID = env("RP_ID", default=_public.hostname or "")
ALLOWED_HOSTS = env.list(
    "ALLOWED_HOSTS", default=[_public.hostname or ""] + ([] if PRODUCTION else ["127.0.0.1", "[::1]"])
)
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "csp",
    "rest_framework",
    "drf_spectacular",
    "authsignal_portal.apps.PortalConfig",
    "audit.apps.AuditConfig",
    "rules.apps.RulesConfig",
    "authenticators.apps.AuthenticatorsConfig",
    "actions.apps.ActionsConfig",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "authsignal_portal.cors.CorsMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "authsignal_portal.language.LanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    "authsignal_portal.form_limits.FormLimitMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "authsignal_portal.urls"
WSGI_APPLICATION = "authsignal_portal.wsgi.application"
# A redirect turns an SDK's POST into a GET.
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# In one process with the socket, the WSGI application runs in so many threads (authsignal_portal.asgi).
WSGI_THREADS = env.int("WSGI_THREADS", default=8)

# -- database -------------------------------------------------------------------------------------
# The application connects as a role that cannot alter tables nor change the audit log. Migrations use the owner role.
_owner = env.bool("AUTHSIGNAL_AS_OWNER", default=False)
DATABASES = {"default": env.db_url("DATABASE_OWNER_URL" if _owner else "DATABASE_URL")}
DATABASES["default"] |= {
    "CONN_MAX_AGE": env.int("CONN_MAX_AGE_SECONDS", default=600),
    "CONN_HEALTH_CHECKS": True,
    # What the URL asks for stays (`host` of a unix socket, `sslmode` …).
    "OPTIONS": DATABASES["default"].get("OPTIONS", {})
    | {
        # Django leaves psycopg's prepare_threshold at None, with which nothing is ever prepared.
        "prepare_threshold": 2,
        "server_side_binding": True,
        "options": "-c statement_timeout=15s -c lock_timeout=10s -c idle_in_transaction_session_timeout=30s",
    },
}
DATABASE_APP_ROLE = env("DATABASE_APP_ROLE", default="authsignal_app")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# -- redis: cache, broker, limits -----------------------------------------------------------------
REDIS_URL = env("REDIS_URL")
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}
SESSION_ENGINE = "django.contrib.sessions.backends.db"

CELERY_BROKER_URL = env("CELERY_BROKER_URL", default=embedded.broker_url(REDIS_URL))
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# For a worker of its own: those that send messages must not be busy with the past.
CELERY_TASK_ROUTES = {"actions.tasks.run_backtest": {"queue": "backtests"}}
CELERY_TASK_TIME_LIMIT = 25
CELERY_TASK_SOFT_TIME_LIMIT = 20
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 120,
    "socket_timeout": 5,
    "socket_connect_timeout": 3,
    # A request that rings the doorbell does not wait for a broker that is away (kombu's default: 6 seconds).
    "max_retries": 0,
}
CELERY_TASK_PUBLISH_RETRY = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE = {
    "remove-what-has-served": {
        "task": "actions.tasks.prune",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "count-what-the-rules-did": {
        "task": "actions.tasks.count_rules",
        "schedule": 300.0,
        "options": {"expires": 300},
    },
    # The queue is only a doorbell: what it lost is found here.
    "deliver-owed-messages": {
        "task": "authenticators.tasks.sweep",
        "schedule": 2.0,
        "options": {"expires": 2},
    },
}

# -- staff ----------------------------------------------------------------------------------------
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
LOGIN_URL = reverse_lazy("portal:login")
OTP_ADMIN_HIDE_SENSITIVE_DATA = True
OTP_TOTP_ISSUER = "Authsignal portal"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"

# -- headers --------------------------------------------------------------------------------------
SECURE_COOKIES = _public.scheme == "https"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_COOKIES
SESSION_COOKIE_NAME = "__Host-portal" if SECURE_COOKIES else "portal"
CSRF_COOKIE_NAME = "__Host-csrf" if SECURE_COOKIES else "csrf"
SECURE_HSTS_SECONDS = 63_072_000 if SECURE_COOKIES else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_COOKIES
SECURE_HSTS_PRELOAD = SECURE_COOKIES
SECURE_SSL_REDIRECT = False
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("BEHIND_TLS_PROXY", default=False) else None
SECURE_REFERRER_POLICY = "no-referrer"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "object-src": [NONE],
        "frame-ancestors": [NONE],
    }
}
# How many reverse proxies of yours stand in front; the caller's address is counted from the right.
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=0)

# -- forms ----------------------------------------------------------------------------------------
FORM_MAX_BYTES = 64 * 1024
# Of the page of a rule. Conditions have at most 64 KB and 200 rows (`rules.condition_tree`, `rules.forms`); as form
# fields they are up to ten times as long, and every country that is ticked is a field.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 20_000
# The portal's import of value lists is the only upload. A file that is larger is passed over; none touches the disk.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024 + FORM_MAX_BYTES

# -- API ------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "EXCEPTION_HANDLER": "authsignal_portal.api.error_response",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "UNAUTHENTICATED_USER": None,
    "UNAUTHENTICATED_TOKEN": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Authsignal-compatible API",
    "DESCRIPTION": "Track actions, challenge users, validate proofs.",
    "VERSION": "1",
    "SCHEMA_PATH_PREFIX": "/v1",
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "PREPROCESSING_HOOKS": ["authsignal_portal.openapi.only_the_api"],
    "POSTPROCESSING_HOOKS": ["authsignal_portal.openapi.complete"],
}

# -- limits (seconds and counts) ------------------------------------------------------------------
API_REQUESTS_PER_10_SECONDS = env.int("API_REQUESTS_PER_10_SECONDS", default=1000 if PRODUCTION else 20_000)
BAD_KEYS_PER_MINUTE = env.int("BAD_KEYS_PER_MINUTE", default=20 if PRODUCTION else 1000)
CLIENT_REQUESTS_PER_MINUTE_PER_ADDRESS = env.int(
    "CLIENT_REQUESTS_PER_MINUTE_PER_ADDRESS", default=60 if PRODUCTION else 6000
)
# Of IPv6 also a /48, which one customer may have: more than of an address, for a mobile network has many phones in one.
CLIENT_REQUESTS_PER_MINUTE_PER_NETWORK = env.int(
    "CLIENT_REQUESTS_PER_MINUTE_PER_NETWORK", default=600 if PRODUCTION else 60_000
)
CLIENT_REQUESTS_PER_MINUTE_PER_TENANT = env.int(
    "CLIENT_REQUESTS_PER_MINUTE_PER_TENANT", default=6000 if PRODUCTION else 60_000
)
# With a user's tokens, from one address. A page that polls asks once or twice a second, and a user may have two open.
CLIENT_REQUESTS_PER_MINUTE_PER_USER = env.int(
    "CLIENT_REQUESTS_PER_MINUTE_PER_USER", default=600 if PRODUCTION else 60_000
)
# Staff signing in, per 15 minutes and step (password, code).
STAFF_TRIES_PER_ACCOUNT = env.int("STAFF_TRIES_PER_ACCOUNT", default=5)
STAFF_TRIES_PER_ADDRESS = env.int("STAFF_TRIES_PER_ADDRESS", default=30 if PRODUCTION else 1000)
GUESSES_PER_CHALLENGE = 5
GUESSES_PER_5_MINUTES = 10
GUESSES_PER_HOUR = 20
CONSECUTIVE_GUESSES_BEFORE_PAUSE = 10
PAUSE_SECONDS = 15 * 60
ADDRESS_PAUSE_SECONDS = 24 * 3600
CONSECUTIVE_GUESSES_BEFORE_DISABLING = 50
# Of one method, where a tenant lets users have several. A guess at authenticator apps counts once for each of them.
AUTHENTICATORS_PER_METHOD = env.int("AUTHENTICATORS_PER_METHOD", default=5)
# Of passkeys, of security keys, and of devices for each of their methods: all are read with each step of their user.
CREDENTIALS_PER_METHOD = env.int("CREDENTIALS_PER_METHOD", default=50)
PASSKEY_TRIES_PER_CHALLENGE = 3
# A number of two digits is typed at most twice.
PUSH_TRIES_PER_CHALLENGE = 2
PUSH_CHALLENGE_SECONDS = 2 * 60
PUSHES_PER_5_MINUTES = 3
PUSHES_PER_HOUR = 10
PUSH_DENIALS_BEFORE_PAUSE = 2
PUSH_PAUSE_SECONDS = 15 * 60
# A QR code that an SDK shows; the hosted page renews its own sooner. Who has scanned one gets time to decide.
QR_CHALLENGE_SECONDS = 10 * 60
QR_RENEWED_AFTER_SECONDS = 2 * 60
QR_DECISION_SECONDS = 2 * 60
DEVICE_RENEWAL_SECONDS = 2 * 60
# How long a nonce waits for an attestation, and how old a verdict of Play Integrity may be.
ATTESTATION_SECONDS = 5 * 60
# Whom attestations of Apple's App Attest must come from: certificates in PEM. Apple's own root by default.
APP_ATTEST_ROOT = env("APP_ATTEST_ROOT", default="") or (
    BASE_DIR / "authenticators" / "app_attestation" / "apple_root.pem"
).read_text("ascii")
# The WebSocket of QR codes: how many at a time (one user's, one address's without a user, one tenant's and
# half as many of it without a user, one process's: less of a tenant than of a process, so that none fills it);
# how long one stays open that waits for nothing; how often a page may ask for a new code.
SOCKETS_PER_USER = 10
SOCKETS_PER_ADDRESS = env.int("SOCKETS_PER_ADDRESS", default=50)
SOCKETS_PER_TENANT = env.int("SOCKETS_PER_TENANT", default=500)
SOCKETS_PER_PROCESS = env.int("SOCKETS_PER_PROCESS", default=1000)
SOCKET_IDLE_SECONDS = 60
SOCKET_CODES_PER_MINUTE = 20
SOCKET_BEAT_SECONDS = 25
SOCKET_LOOKS_EVERY_SECONDS = 3
SOCKET_THREADS = 4
ID_TOKEN_CHALLENGE_SECONDS = 10 * 60
# A vendor may let a person look at the pictures. Each check costs money: so many of one user and method.
IDENTITY_CHECK_SECONDS = env.int("IDENTITY_CHECK_SECONDS", default=30 * 60)
IDENTITY_CHECKS_PER_HOUR = env.int("IDENTITY_CHECKS_PER_HOUR", default=5)
IDENTITY_CHECKS_PER_DAY = env.int("IDENTITY_CHECKS_PER_DAY", default=10)
# A code by which an app enrols: used once, and only while the token that it stands for is good.
APP_INVITATION_SECONDS = 5 * 60
RECOVERY_GUESSES_PER_15_MINUTES = 5
RECOVERY_GUESSES_PER_DAY = 10
SENDS_PER_CHALLENGE = 4
RESEND_WAIT_SECONDS = 30
# To one address or number, whatever the challenge and the user. SMS and WhatsApp share theirs.
SECONDS_BETWEEN_SENDS = 30
# How long a request waits for the customer's own sender to take its message.
WEBHOOK_ANSWER_SECONDS = 3.0
# Between two notices of one kind to a user; what happens meanwhile is told when it is over.
NOTICE_PAUSE_SECONDS = 900
SENDS_PER_10_MINUTES = {"SMS": 6, "WHATSAPP": 6, "EMAIL": 12}
SENDS_PER_HOUR = {"SMS": 10, "WHATSAPP": 10}
SENDS_PER_DAY = {"SMS": 20, "WHATSAPP": 20, "EMAIL": 30}
# What all text messages of a tenant may be and cost in a day (UTC), where the tenant says nothing; and the most that a
# tenant may say. Costs are in the currency of the prices.
SMS_PER_DAY = env.int("SMS_PER_DAY", default=2000)
SMS_COST_PER_DAY = env.int("SMS_COST_PER_DAY", default=200)
SMS_PER_DAY_AT_MOST = env.int("SMS_PER_DAY_AT_MOST", default=100_000)
SMS_COST_PER_DAY_AT_MOST = env.int("SMS_COST_PER_DAY_AT_MOST", default=10_000)
SMS_PER_PREFIX_AND_HOUR = env.int("SMS_PER_PREFIX_AND_HOUR", default=50)
SMS_PER_COUNTRY_AND_HOUR = env.int("SMS_PER_COUNTRY_AND_HOUR", default=200)
# Of one action; and so many actions of one user that need one.
NEW_CHALLENGES_PER_10_MINUTES = 300
OPEN_CHALLENGES_PER_ACTION = 50
PROOF_FRESH_SECONDS = 10 * 60
REPLAY_SECONDS = 60
PASSKEY_CHALLENGE_SECONDS = 5 * 60
# The SDK asks once a second whether a link was opened.
LINK_POLLS_PER_MINUTE = 120
QR_POLLS_PER_MINUTE = 120
# How often browsers other than the one that began may confirm a link.
LINK_TRIES = 10
PROVIDER_TESTS_PER_HOUR = 10
BATCH_MAX_BYTES = 2 * 1024 * 1024

# -- messages -------------------------------------------------------------------------------------
# `builtin` writes what it "sent" to OUTBOX_FILE; it exists in demo and test only. `none`: only for tenants that bring a
# provider of their own; an app that is asked by push can also ask by itself when it is opened.
MESSAGE_PROVIDERS = {
    "EMAIL": env("EMAIL_PROVIDER", default="smtp" if PRODUCTION else "builtin"),
    "SMS": env("SMS_PROVIDER", default="twilio" if PRODUCTION else "builtin"),
    # `web-push`: to the web app of this server.
    "PUSH": env("PUSH_PROVIDER", default="none" if PRODUCTION else "builtin"),
    "WHATSAPP": env("WHATSAPP_PROVIDER", default="none" if PRODUCTION else "builtin"),
}
OUTBOX_FILE = env("OUTBOX_FILE", default="" if PRODUCTION else str(embedded.demo_directory(BASE_DIR) / "outbox.jsonl"))
EMAIL_URL = env.email_url("EMAIL_URL", default="smtp://localhost:25")
vars().update(EMAIL_URL)
DEFAULT_FROM_EMAIL = env("DEFAULT_FROM_EMAIL", default=f"no-reply@{_public.hostname}")
# Where EMAIL_PROVIDER names a sender service: what it calls the API key, and what else it wants (docs/messaging.md).
EMAIL_SERVICE_SECRET = env("EMAIL_SERVICE_SECRET", default="")
EMAIL_SERVICE_ACCOUNT = env("EMAIL_SERVICE_ACCOUNT", default="")
EMAIL_SERVICE_REGION = env("EMAIL_SERVICE_REGION", default="")
EMAIL_SERVICE_REPORT_SECRET = env("EMAIL_SERVICE_REPORT_SECRET", default="")
TWILIO_ACCOUNT_SID = env("TWILIO_ACCOUNT_SID", default="")
TWILIO_AUTH_TOKEN = env("TWILIO_AUTH_TOKEN", default="")
TWILIO_FROM = env("TWILIO_FROM", default="")
TWILIO_WHATSAPP_FROM = env("TWILIO_WHATSAPP_FROM", default="")
TWILIO_WHATSAPP_CONTENT_SID = env("TWILIO_WHATSAPP_CONTENT_SID", default="")
TWILIO_MESSAGING_SERVICE_SID = env("TWILIO_MESSAGING_SERVICE_SID", default="")
# Overrides Twilio's host, for a proxy or a test server.
TWILIO_BASE_URL = env("TWILIO_BASE_URL", default="")
# Whom push services write to when notifications make trouble: an https address or mailto:.
WEB_PUSH_CONTACT = env("WEB_PUSH_CONTACT", default=PUBLIC_URL)
# The push services of browsers: users name the address that is posted to, and it must be one of these. With a leading
# dot any name below it. `host:port` is a service of yours, which may stand in one of OUTBOUND_ALLOWED_NETWORKS.
WEB_PUSH_HOSTS = env.list(
    "WEB_PUSH_HOSTS",
    default=["fcm.googleapis.com", ".push.services.mozilla.com", ".push.apple.com", ".notify.windows.com"],
)
MESSAGE_LEASE_SECONDS = 30
# Networks of yours that a tenant's webhook or mail server may stand in, such as 10.20.0.0/16. Empty: none.
OUTBOUND_ALLOWED_NETWORKS = networks("OUTBOUND_ALLOWED_NETWORKS")
MESSAGE_ATTEMPTS = 8

# -- address intelligence -------------------------------------------------------------------------
IP_DATA_DIR = Path(env("IP_DATA_DIR", default=str(BASE_DIR / "var" / "ip")))

# -- static, language, time -----------------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = Path(env("STATIC_ROOT", default=str(BASE_DIR / "var" / "static")))
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "authsignal_portal.static_files.HashedStaticFiles"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = not PRODUCTION
LANGUAGE_CODE = "en"
# What end users read; staff and developers read English.
LANGUAGES = [
    ("en", "English"),
    ("fr", "Français"),
    ("fr-ca", "Français (Canada)"),
    ("de", "Deutsch"),
    ("es", "Español"),
    ("it", "Italiano"),
    ("nl", "Nederlands"),
    ("pl", "Polski"),
    ("pt-br", "Português (Brasil)"),
]
LOCALE_PATHS = [BASE_DIR / "authsignal_portal" / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

SILENCED_SYSTEM_CHECKS = [
    # TLS ends at the proxy, which redirects; an API that redirects http to https hides the mistake (README).
    "security.W008",
]

LOGGING_CONFIG = "authsignal_portal.logs.configure"
LOGGING = {"level": env("LOG_LEVEL", default="INFO")}
