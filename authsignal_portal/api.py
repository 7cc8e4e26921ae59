"""The base of every JSON endpoint: authentication before all else, and one shape for all errors."""

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import IO, Any, cast
from urllib.parse import unquote
from uuid import UUID

import structlog
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.core.handlers.wsgi import WSGIRequest
from django.db import DatabaseError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.views import defaults
from rest_framework import exceptions, serializers
from rest_framework.authentication import BaseAuthentication
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from authsignal_portal import clock, crypto, limits
from authsignal_portal.client_ip import client_ip
from authsignal_portal.errors import (
    AuthsignalError,
    Forbidden,
    InvalidRequest,
    NotFound,
    TooManyRequests,
    Unauthorized,
    Unavailable,
)
from authsignal_portal.json_body import StrictJSONParser, TooLarge, UnsupportedMediaType
from authsignal_portal.models import ApiKey, Tenant
from authsignal_portal.vocabulary import KeyKind

log = structlog.get_logger(__name__)

KEY = re.compile(r"as_([sm])k_([A-Za-z0-9]{12})_[A-Za-z0-9]{70}")
LAST_USED_EVERY = timedelta(hours=1)
API_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
}


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
    """HTTP Basic with the public tenant id, as browsers and phones send it. `request.auth` is the Tenant.

    Whose view uses it counts the call (`limits.without_token`).
    """

    def authenticate_header(self, request: Request) -> str:
        return "Basic"

    def authenticate(self, request: Request) -> tuple[None, Tenant] | None:
        text = basic_username(request._request)
        if text is None:
            return None
        tenant = tenant_called(text)
        mark_tenant(request, tenant)
        return None, tenant


def tenant_called(text: str) -> Tenant:
    """The tenant with this public id. Raises Unauthorized."""
    try:
        tenant = Tenant.objects.filter(pk=UUID(text)).first()
    except ValueError:
        tenant = None
    if tenant is None:
        raise Unauthorized
    return tenant


def mark_tenant(request: Request, tenant: Tenant) -> None:
    """Tell the CORS middleware whose list of origins applies to the answer."""
    request._request.cors_tenant = tenant  # type: ignore[attr-defined]


def check_origin(request: HttpRequest, tenant: Tenant) -> None:
    """Where a browser says which page asks, it must be one of the tenant's app origins. Raises Forbidden."""
    origin = request.META.get("HTTP_ORIGIN")
    if origin is not None and origin not in tenant.app_origins:
        raise Forbidden("This origin is not one of the tenant's app origins.")


# -- views ---------------------------------------------------------------------------------------


class AlwaysJson(BaseContentNegotiation):
    """Answers are application/json whatever the caller accepts: the SDKs expect nothing else."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        media_type = (request.content_type or "").partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == media_type), None)

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, renderer.media_type


class JsonView(APIView):
    """Base of the API views: JSON only, authentication before everything else, errors in the one shape."""

    parser_classes = [StrictJSONParser]
    content_negotiation_class = AlwaysJson

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        request.auth  # noqa: B018  (authenticate before routing and parsing)
        super().initial(request, *args, **kwargs)

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        answer = super().finalize_response(request, response, *args, **kwargs)
        for name, value in API_HEADERS.items():
            answer.headers[name] = value
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
    http = cast(WSGIRequest, request._request)
    in_chunks = "HTTP_TRANSFER_ENCODING" in http.META
    if not in_chunks and http.META.get("CONTENT_LENGTH", "0") in ("", "0"):
        return {}
    parser = AlwaysJson().select_parser(request, request.parsers or [])
    if parser is None or "HTTP_CONTENT_ENCODING" in http.META:
        raise UnsupportedMediaType
    # Without a Content-Length Django takes the body to be empty; .NET sends its JSON in chunks.
    stream = _Started(http.environ["wsgi.input"]) if in_chunks else http
    return cast(dict[str, Any], parser.parse(cast(IO[bytes], stream)))


class _Started:
    """A body that was announced: that nothing comes means that it broke off, not that it is empty."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream = stream

    def read(self, size: int) -> bytes:
        raw = self.stream.read(size)
        if not raw:
            raise InvalidRequest("The request body ended early.")
        return raw


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
    error.remember()
    headers = {"Retry-After": str(error.resets_in)} if isinstance(error, TooManyRequests) else {}
    if error.reason:
        headers["Error-Reason"] = error.reason
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
    if isinstance(exception, RequestDataTooBig):
        return TooLarge()
    if isinstance(exception, UnreadablePostError):
        return InvalidRequest("The request body ended early.")
    if isinstance(exception, SuspiciousOperation):
        return InvalidRequest("The request is not well formed.")
    if isinstance(exception, OperationalError) and isinstance(exception, DatabaseError):
        return Unavailable()
    if isinstance(exception, exceptions.APIException) and exception.status_code < 500:
        return InvalidRequest(describe(exception.detail))
    return None


def json_error(error: AuthsignalError) -> JsonResponse:
    """The same shape outside DRF."""
    return JsonResponse(error_body(error), status=error.status, headers=API_HEADERS)


class Unexpected(AuthsignalError):
    status = 500
    code = "unexpected_error"
    default_description = "Something went wrong here; it has been logged."


def is_api_path(request: HttpRequest) -> bool:
    return request.path_info == "/v1" or request.path_info.startswith(("/v1/", "/challenge/api/"))


# What Django refuses before a view runs (a wrong Host header, say), and what fails in one, has the same shape.


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_api_path(request):
        return json_error(InvalidRequest("The request is not well formed."))
    return defaults.bad_request(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    return json_error(Unexpected()) if is_api_path(request) else defaults.server_error(request)
