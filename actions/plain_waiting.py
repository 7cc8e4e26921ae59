"""Pages without a script that wait for a link, a phone or a vendor: they look by themselves whether it has answered.

By reloading: the address holds what the forms hold, sealed for this browser. What a press of `check` takes, this takes
too. Whoever reads or listens slowly can have it off (WCAG 2.2.1).
"""

import json
from collections.abc import Mapping

from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode

from actions import one_browser, plain_pass
from actions.plain_screens import Shown
from actions.plain_visit import Visit

FIELD = "wait"
SECONDS = 5


def is_look(request: HttpRequest) -> bool:
    return request.method == "GET" and FIELD in request.GET


def looks(visit: Visit, shown: Shown) -> bool:
    return shown.waits and "still" not in visit.flags


def refresh(visit: Visit, shown: Shown) -> str:
    """The header's value (HTML, "shared declarative refresh steps"). Without an address the browser stays where it
    is, on the page and in its history."""
    if is_look(visit.words.request):
        return str(SECONDS)
    return f"{SECONDS};url={address(visit, shown)}"


def address(visit: Visit, shown: Shown, *, still: bool = False) -> str:
    """Of the screen as it is now. Neither the token nor an email address can be read in it."""
    tenant, browser = visit.context.tenant, one_browser.browser_of(visit.words.request)
    fields = json.dumps({**visit.flags, **shown.carry})
    query = {
        "visit": plain_pass.write(visit.token, tenant, browser),
        FIELD: plain_pass.write(fields, tenant, browser, kind=plain_pass.FIELDS),
    }
    return f"{reverse('hosted-plain')}?{urlencode(query | ({'still': 'yes'} if still else {}))}"


def restored(request: HttpRequest, given: Mapping[str, str]) -> Mapping[str, str]:
    """What was given, with what the address holds. Raises NotTheirs."""
    if not is_look(request):
        return given
    fields = plain_pass.read(given.get(FIELD, ""), one_browser.browser_of(request), kind=plain_pass.FIELDS)
    return {**given, **json.loads(fields)}
