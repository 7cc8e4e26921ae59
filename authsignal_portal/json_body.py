"""JSON request bodies and ids, strictly: one object of bounded size and depth, and only text that can be stored."""

import json
import re
from typing import Any, ClassVar

from django.conf import settings
from rest_framework.parsers import BaseParser

from authsignal_portal.errors import AuthsignalError, InvalidRequest

MAX_BODY = 64 * 1024
MAX_DEPTH = 24
# Tab and line breaks may stand in text; all other control characters, and halves of surrogate pairs, may not.
UNSTORABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
ID_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
# By the id's name, what stands for a route where %2F comes decoded: `users/x%2Fauthenticators` is the list of x.
ROUTED = {
    "userId": re.compile(r"/(?:actions|authenticators|devices)(?:/|\Z)"),
    "idempotencyKey": re.compile(r"(?:\A|/)actions/"),
}
MAX_NUMBER = 10**300
# Possessive, and the closing quote optional: the time stays linear where a text never ends.
TEXTS = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)


class StrictJSONParser(BaseParser):
    """A JSON object of at most MAX_BODY bytes: no duplicate keys, no NaN, no control characters, bounded depth."""

    media_type = "application/json"
    max_bytes: ClassVar[int] = MAX_BODY
    # What stands for a body without anything in it.
    nothing: ClassVar[frozenset[bytes]] = frozenset({b""})

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> dict[str, Any]:
        raw = stream.read(self.max_bytes + 1)
        if len(raw) > self.max_bytes:
            raise TooLarge
        return {} if raw.strip() in self.nothing else parse_object(raw)


class ClientJSONParser(StrictJSONParser):
    """Android's SDK writes `null` where it has nothing to say (ktor from 2.1 on)."""

    nothing = frozenset({b"", b"null"})


class BatchJSONParser(StrictJSONParser):
    max_bytes = settings.BATCH_MAX_BYTES


class TooLarge(AuthsignalError):
    status = 413
    default_description = "The request body is too large."


class UnsupportedMediaType(AuthsignalError):
    status = 415
    default_description = "Send the request body as application/json."


def parse_object(raw: bytes) -> dict[str, Any]:
    """A JSON object, or {} for an empty body. Raises InvalidRequest saying where it is wrong."""
    if not raw.strip():
        return {}
    if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH and _depth(raw) > MAX_DEPTH:
        raise InvalidRequest(f"The request body is nested deeper than {MAX_DEPTH} levels.")
    try:
        value = json.loads(
            raw.decode(),
            object_pairs_hook=_unique,
            parse_constant=_refuse,
            parse_float=_finite,
            parse_int=_bounded,
        )
    except UnicodeDecodeError as error:
        raise InvalidRequest("The request body is not UTF-8.") from error
    except ValueError as error:
        raise InvalidRequest(f"The request body is not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise InvalidRequest("The request body must be a JSON object.")
    _check_text(value, "")
    return value


def _depth(raw: bytes) -> int:
    """The nesting depth, counting brackets outside strings."""
    depth = deepest = 0
    for char in TEXTS.sub(b"", raw):
        if char in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif char in b"]}":
            depth -= 1
    return deepest


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object has the same key twice")
    return found


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if abs(number) > MAX_NUMBER:
        raise ValueError("a number is too large")
    return number


def _bounded(text: str) -> int:
    if len(text) > 300:
        raise ValueError("a number is too large")
    return int(text)


def told(error: InvalidRequest, name: str) -> str:
    """What is wrong with a text of this name, for the person who typed it: where it stops being JSON, by line."""
    cause = error.__cause__
    if isinstance(cause, json.JSONDecodeError):
        return f"{name}: no valid JSON. Look at line {cause.lineno}, column {cause.colno}."
    return error.description.replace("The request body", name)


def _check_text(value: Any, path: str) -> None:
    if isinstance(value, str):
        if UNSTORABLE.search(value):
            raise InvalidRequest(f"{path or 'The body'} holds a control character or half of a surrogate pair.")
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_text(key, path or "a key")
            _check_text(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check_text(item, f"{path}[{index}]")


def checked_id(text: str, name: str, limit: int = 255) -> str:
    """An id from a path or a body: 1 to `limit` characters, none of them a control character, and nothing that would be
    another path where the server has decoded its slashes.
    """
    if not text or len(text) > limit or ID_FORBIDDEN.search(text) or "\ufffd" in text:
        raise InvalidRequest(f"{name} must have 1 to {limit} characters and no control characters.")
    if name in ROUTED and (found := ROUTED[name].search(text)):
        raise InvalidRequest(f"{name} must not hold {found[0]}: in a path it would name something else.")
    return text
