"""Cross-origin answers for the Client API, from each tenant's own list of app origins.

django-cors-headers decides by one global list or a signal; here the answer depends on the tenant that the token
proves, which is known only after the view ran. Hence this middleware of our own.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers

from authsignal_portal.models import Tenant

CLIENT_PREFIX = "/v1/client/"
METHODS = "GET, POST, PATCH, OPTIONS"
HEADERS = (
    "Authorization, Content-Type, X-Authsignal-SDK, X-Authsignal-Version, X-Authsignal-Tenant-ID, "
    "X-Authsignal-Native-SDK, X-Authsignal-Native-Version, X-Authsignal-Signature"
)
PREFLIGHT_SECONDS = "600"


class CorsMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith(CLIENT_PREFIX):
            return self.get_response(request)
        origin = request.META.get("HTTP_ORIGIN", "")
        if request.method == "OPTIONS":
            return self._preflight(origin)
        response = self.get_response(request)
        patch_vary_headers(response, ["Origin"])
        tenant: Tenant | None = getattr(request, "cors_tenant", None)
        if origin and tenant and origin in tenant.app_origins:
            _allow(response, origin)
            response.headers["Access-Control-Expose-Headers"] = "Retry-After"
        return response

    def _preflight(self, origin: str) -> HttpResponse:
        """A preflight carries no credentials: it is answered for an origin on any tenant's list."""
        response = HttpResponse(status=204)
        patch_vary_headers(response, ["Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers"])
        if origin and len(origin) < 256 and Tenant.objects.filter(app_origins__contains=[origin]).exists():
            _allow(response, origin)
            response.headers["Access-Control-Allow-Methods"] = METHODS
            response.headers["Access-Control-Allow-Headers"] = HEADERS
            response.headers["Access-Control-Max-Age"] = PREFLIGHT_SECONDS
        return response


def _allow(response: HttpResponseBase, origin: str) -> None:
    """With credentials, as the SDK's `useCookies` mode asks: the Client API reads no cookie but its challenge id."""
    response.headers["Access-Control-Allow-Origin"] = origin
    response.headers["Access-Control-Allow-Credentials"] = "true"
