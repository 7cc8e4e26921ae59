"""Which language an answer is in: the browser's for end users, English for staff and developers.

Django's own middleware would mix languages: the theme of the portal speaks fifty, its pages one.
"""

from collections.abc import Callable

from babel import Locale, UnknownLocaleError
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation

FOR_END_USERS = ("/challenge", "/app/")


def name(locale: str) -> str:
    """What a reader of English calls a locale such as `de-AT`: German (Austria); itself where nobody knows it."""
    try:
        told: str | None = Locale.parse(locale.replace("_", "-"), sep="-").get_display_name("en")
    except (ValueError, UnknownLocaleError):
        return locale
    return told or locale


class LanguageMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        is_theirs = request.path_info.startswith(FOR_END_USERS)
        language = translation.get_language_from_request(request) if is_theirs else settings.LANGUAGE_CODE
        with translation.override(language):
            response = self.get_response(request)
        if is_theirs:
            # The page itself may follow what the app asked for, and says so.
            response.headers.setdefault("Content-Language", language)
        return response
