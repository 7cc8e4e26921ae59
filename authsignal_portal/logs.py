"""Structured logs to standard error; secrets and personal data are taken out before anything is written."""

import logging.config
import re
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

HIDDEN_KEYS = {
    "authorization",
    "code",
    "token",
    "secret",
    "password",
    "email",
    "phone",
    "phone_number",
    "to",
    "cookie",
}
# A JWT, one of our keys, an address of a person, a long number, what an address of ours carries (of a link by email and
# an invitation of staff in its path, which Django logs of every refusal; of an identity provider's answer in its
# query), an app's invitation: whatever slipped into a message.
HIDDEN_TEXT = re.compile(
    r"eyJ[\w-]+\.[\w-]+\.[\w-]+|as_[sm]k_\w+|[\w.+-]+@[\w-]+\.[\w.-]+|(?<![\w-])\+?\d{6,15}(?![\w-])"
    r"|(?:token|code|state|enrol)=[^&\s\"]+|/+link/+[^/?\s\"]+|/+invite/+[^?\s\"]+|\bapp\.[\da-f-]{36}\.[\w-]+"
)


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if key.lower() in HIDDEN_KEYS:
            event[key] = "[hidden]"
        elif isinstance(value, str) and key not in ("timestamp", "level", "logger"):
            event[key] = HIDDEN_TEXT.sub("[hidden]", value)
    return event


def configure(options: Mapping[str, Any]) -> None:
    """Django's LOGGING_CONFIG: `options` is {"level": …}."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": shared,
        "processors": [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            redact,
            structlog.processors.JSONRenderer(),
        ],
    }
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"json": formatter},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
            "root": {"handlers": ["stderr"], "level": options["level"]},
            "loggers": {"django.server": {"level": "WARNING"}, "httpx": {"level": "WARNING"}},
        }
    )
