"""The base of every JSON endpoint: strict parsing, authentication, and one shape for all errors."""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar, cast
from urllib.parse import unquote
from uuid import UUID

import structlog
from django.conf import settings
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import DatabaseError, OperationalError
from django.http import Http404, HttpRequest, JsonResponse
from rest_framework import exceptions, serializers
from rest_framework.authentication import BaseAuthentication
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from authsignal_portal import clock, crypto, limits
from authsignal_portal.client_ip import client_ip
from authsignal_portal.errors import (
    AuthsignalError,
    InvalidRequest,
    NotFound,
    TooManyRequests,
    Unauthorized,
    Unavailable,
)
from authsignal_portal.models import ApiKey, Tenant
from authsignal_portal.vocabulary import KeyKind

log = structlog.get_logger(__name__)

MAX_BODY = 64 * 1024
MAX_DEPTH = 24
KEY = re.compile(r"as_([sm])k_([A-Za-z0-9]{12})_[A-Za-z0-9]{70}")
# Tab and line breaks may stand in text; all other control characters, and halves of surrogate pairs, may not.
UNSTORABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
ID_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
MAX_NUMBER = 10**300
LAST_USED_EVERY = timedelta(hours=1)


# -- parsing -------------------------------------------------------------------------------------


class StrictJSONParser(BaseParser):
    """A JSON object of at most MAX_BODY bytes: no duplicate keys, no NaN, no control characters, bounded depth."""

    media_type = "application/json"
    max_bytes: ClassVar[int] = MAX_BODY

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> dict[str, Any]:
        raw = stream.read(self.max_bytes + 1)
        if len(raw) > self.max_bytes:
            raise TooLarge
        return parse_object(raw)


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
    for char in re.sub(rb'"(?:[^"\\]|\\.)*"', b"", raw):
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
    """An id from a path or a body: 1 to `limit` characters, none of them a control character."""
    if not text or len(text) > limit or ID_FORBIDDEN.search(text) or "\ufffd" in text:
        raise InvalidRequest(f"{name} must have 1 to {limit} characters and no control characters.")
    return text


# -- authentication ------------------------------------------------------------------------------


def basic_username(request: HttpRequest) -> str | None:
    """The user name of an HTTP Basic header, leniently: either alphabet, missing padding, no colon, %XX."""
    scheme, _space, text = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() != "basic" or len(text) > 1024:
        return None
    text = text.strip().rstrip("=").replace("-", "+").replace("_", "/")
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return None
    return unquote(raw).partition(":")[0]


class ServerKey(BaseAuthentication):
    """HTTP Basic with a Server API secret as user name. `request.auth` is the ApiKey, with its tenant."""

    kind = KeyKind.SERVER

    def authenticate_header(self, request: Request) -> str:
        return "Basic"

    def authenticate(self, request: Request) -> tuple[None, ApiKey]:
        key = self._find(basic_username(request._request))
        if key is None:
            limits.bad_key(client_ip(request._request))
            raise Unauthorized
        limits.requests_by_key(key.pk)
        return None, key

    def _find(self, secret: str | None) -> ApiKey | None:
        parts = KEY.fullmatch(secret or "")
        if secret is None or parts is None:
            return None
        found = ApiKey.objects.select_related("tenant").annotate(now=clock.Now())
        key = found.filter(pk=parts[2], kind=self.kind, revoked_at=None).first()
        if key is None or not crypto.is_keyed_hash(key.key_hash, "api-key", secret):
            return None
        if key.last_used_at is None or key.now - key.last_used_at > LAST_USED_EVERY:
            ApiKey.objects.filter(pk=key.pk).update(last_used_at=clock.Now())
        return key


class TenantId(BaseAuthentication):
    """HTTP Basic with the public tenant id, as browsers and phones send it. `request.auth` is the Tenant."""

    def authenticate_header(self, request: Request) -> str:
        return "Basic"

    def authenticate(self, request: Request) -> tuple[None, Tenant] | None:
        text = basic_username(request._request)
        if text is None:
            return None
        try:
            tenant = Tenant.objects.filter(pk=UUID(text)).first()
        except ValueError:
            tenant = None
        if tenant is None:
            raise Unauthorized
        mark_tenant(request, tenant)
        limits.requests_by_address(client_ip(request._request))
        return None, tenant


def mark_tenant(request: Request, tenant: Tenant) -> None:
    """Tell the CORS middleware whose list of origins applies to the answer."""
    request._request.cors_tenant = tenant  # type: ignore[attr-defined]


# -- views ---------------------------------------------------------------------------------------


class JsonView(APIView):
    """Base of the API views: JSON only, authentication before everything else, errors in the one shape."""

    parser_classes = [StrictJSONParser]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        request.auth  # noqa: B018  (authenticate before routing and parsing)
        super().initial(request, *args, **kwargs)

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        answer = super().finalize_response(request, response, *args, **kwargs)
        answer.headers["Cache-Control"] = "no-store"
        return answer

    def http_method_not_allowed(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        raise NotFound(f"{request.method} is not offered at this path.")

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        return self.http_method_not_allowed(request)

    def parsed(self, serializer: type[serializers.Serializer[Any]]) -> dict[str, Any]:
        """The checked request body. Raises InvalidRequest naming each wrong field."""
        return checked(serializer, body_of(self.request))


class ServerView(JsonView):
    """A Server API endpoint; `self.tenant` comes from the key and from nowhere else."""

    authentication_classes = [ServerKey]

    @property
    def key(self) -> ApiKey:
        return cast(ApiKey, self.request.auth)

    @property
    def tenant(self) -> Tenant:
        return self.key.tenant


def body_of(request: Request) -> dict[str, Any]:
    """The request's JSON object; {} when there is no body, whatever the content type."""
    meta = request._request.META
    if meta.get("CONTENT_LENGTH", "0") in ("", "0") and not meta.get("HTTP_TRANSFER_ENCODING"):
        return {}
    data = request.data
    if not isinstance(data, dict):
        raise InvalidRequest("The request body must be a JSON object.")
    return data


def checked(serializer: type[serializers.Serializer[Any]], data: Mapping[str, Any]) -> dict[str, Any]:
    """Validated data; null counts as absent. Raises InvalidRequest naming each wrong field."""
    parsed = serializer(data={key: value for key, value in data.items() if value is not None})
    if not parsed.is_valid():
        raise InvalidRequest(describe(parsed.errors))
    return dict(parsed.validated_data)


def describe(detail: Any, path: str = "") -> str:
    """DRF's error tree as one sentence: `custom.amount: A valid number is required.`"""
    if isinstance(detail, Mapping):
        return " ".join(describe(item, f"{path}.{key}" if path else str(key)) for key, item in detail.items())
    if isinstance(detail, list) and any(isinstance(item, (Mapping, list)) for item in detail):
        return " ".join(describe(item, f"{path}[{index}]") for index, item in enumerate(detail) if item)
    text = " ".join(str(item) for item in detail) if isinstance(detail, list) else str(detail)
    return f"{path}: {text}" if path else text


# -- errors --------------------------------------------------------------------------------------


def error_body(error: AuthsignalError) -> dict[str, str]:
    """All three keys: the SDKs read different ones."""
    return {"error": error.code, "errorCode": error.code, "errorDescription": error.description}


def error_response(exception: Exception, context: Mapping[str, Any]) -> Response | None:
    """DRF's EXCEPTION_HANDLER. Returns None for what is a bug, so that it is logged and answered as a 500."""
    error = as_authsignal_error(exception)
    if error is None:
        return None
    headers = {"Retry-After": str(error.resets_in)} if isinstance(error, TooManyRequests) else {}
    if error.status == 503:
        log.error("database unavailable", reason=type(exception).__name__)
        headers["Retry-After"] = "2"
    return Response(error_body(error), status=error.status, headers=headers)


def as_authsignal_error(exception: Exception) -> AuthsignalError | None:
    if isinstance(exception, AuthsignalError):
        return exception
    if isinstance(exception, exceptions.UnsupportedMediaType):
        return UnsupportedMediaType()
    if isinstance(exception, (Http404, exceptions.NotFound)):
        return NotFound()
    if isinstance(exception, (exceptions.ParseError, exceptions.ValidationError)):
        return InvalidRequest(describe(exception.detail))
    if isinstance(exception, (RequestDataTooBig,)):
        return TooLarge()
    if isinstance(exception, SuspiciousOperation):
        return InvalidRequest("The request is not well formed.")
    if isinstance(exception, OperationalError) and isinstance(exception, DatabaseError):
        return Unavailable()
    if isinstance(exception, exceptions.APIException) and exception.status_code < 500:
        return InvalidRequest(describe(exception.detail))
    return None


def json_error(error: AuthsignalError) -> JsonResponse:
    """The same shape outside DRF."""
    return JsonResponse(error_body(error), status=error.status)
