"""Many tries to sign in at the same instant: no more than the limit are compared, and then not even the right one."""

import http.client
import re
import threading
from urllib.parse import urlencode, urlsplit

from audit.models import AuditEvent
from tests.portal.staff import LOGIN, PASSWORD, make_staff
from tests.races.volley import MANY

PER_ACCOUNT = 5


def browser_at(live) -> tuple[http.client.HTTPConnection, dict[str, str]]:
    """A browser that was shown the form: its connection, and what it sends with it."""
    server = http.client.HTTPConnection("127.0.0.1", urlsplit(live.public_url).port, timeout=60)
    server.request("GET", LOGIN)
    answer = server.getresponse()
    page, cookie = answer.read().decode(), answer.headers["Set-Cookie"].partition(";")[0]
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert found
    return server, {"Cookie": cookie, "csrfmiddlewaretoken": found[1]}


def test_fifty_passwords_at_once_are_five_tries(live):
    """The counter is Redis's: what is counted must not be read first and written then."""
    staff = make_staff(live.tenant)
    server, form = browser_at(live)
    server.close()
    barrier = threading.Barrier(MANY)
    statuses: list[int] = []

    def knock(number: int) -> None:
        given = {"email": staff.email, "password": f"wrong {number}"}
        door = http.client.HTTPConnection("127.0.0.1", urlsplit(live.public_url).port, timeout=60)
        door.connect()
        barrier.wait(30)
        statuses.append(post(door, form, given))

    threads = [threading.Thread(target=knock, args=(number,)) for number in range(MANY)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * MANY
    reasons = list(AuditEvent.objects.filter(tenant_id=live.tenant.pk).values_list("data__reason", flat=True))
    assert (reasons.count("password"), reasons.count("limit")) == (PER_ACCOUNT, MANY - PER_ACCOUNT)
    door = http.client.HTTPConnection("127.0.0.1", urlsplit(live.public_url).port, timeout=60)
    assert post(door, form, {"email": staff.email, "password": PASSWORD}) == 200


def post(door: http.client.HTTPConnection, form: dict[str, str], given: dict[str, str]) -> int:
    body = urlencode(given | {"csrfmiddlewaretoken": form["csrfmiddlewaretoken"]})
    headers = {"Cookie": form["Cookie"], "Content-Type": "application/x-www-form-urlencoded"}
    door.request("POST", LOGIN, body, headers)
    answer = door.getresponse()
    answer.read()
    door.close()
    return answer.status
