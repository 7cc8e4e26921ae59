"""How many bytes a form may have: few, except on the pages that say they take more.

Django has one limit for all. It is set to the largest form there is; this refuses on every other page what is larger
than `FORM_MAX_BYTES`, before anything of it is read. The API bounds the bodies that it reads by itself.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest
from django.http.response import HttpResponseBase

_View = TypeVar("_View", bound=Callable[..., Any])


def takes_large_forms(view: _View) -> _View:
    """Of a view whose forms, or files, may be as large as Django's own settings allow."""
    view.takes_large_forms = True  # type: ignore[attr-defined]
    return view


class FormLimitMiddleware:
    """Stands before whatever reads a form, such as the check for forged requests."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any) -> None:
        """Raises RequestDataTooBig."""
        if getattr(view, "takes_large_forms", False) or getattr(view, "csrf_exempt", False):
            return
        # No more than this is ever read of a request, and nothing where it is left out.
        length = request.META.get("CONTENT_LENGTH") or "0"
        if length.isdigit() and int(length) > settings.FORM_MAX_BYTES:
            raise RequestDataTooBig
