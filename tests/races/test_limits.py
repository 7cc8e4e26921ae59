"""Many tries to sign in at the same instant: no more than the limit are compared, and then not even the right one."""

import http.client
import re
import threading
from urllib.parse import urlencode, urlsplit

from audit.models import AuditEvent
from tests.portal.staff import LOGIN, PASSWORD, make_staff
from tests.races.volley import MANY, ROUNDS

PER_ACCOUNT = 5


def connect(live) -> http.client.HTTPConnection:
    door = http.client.HTTPConnection("127.0.0.1", urlsplit(live.public_url).port, timeout=60)
    door.connect()
    return door


def browser_at(live) -> dict[str, str]:
    """What a browser that was shown the form sends with it."""
    door = connect(live)
    door.request("GET", LOGIN)
    answer = door.getresponse()
    page, cookie = answer.read().decode(), answer.headers["Set-Cookie"].partition(";")[0]
    door.close()
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert found
    return {"Cookie": cookie, "csrfmiddlewaretoken": found[1]}


def test_fifty_passwords_at_once_are_five_tries(live):
    """The counter is Redis's: what is counted must not be read first and written then."""
    for _round in range(ROUNDS + 1):
        staff, form = make_staff(live.tenant), browser_at(live)
        statuses = knock(live, form, [{"email": staff.email, "password": f"wrong {number}"} for number in range(MANY)])
        assert statuses == [200] * MANY
        refusals = AuditEvent.objects.filter(tenant_id=live.tenant.pk, actor=str(staff.user.pk))
        reasons = list(refusals.values_list("data__reason", flat=True))
        assert (reasons.count("password"), reasons.count("limit")) == (PER_ACCOUNT, MANY - PER_ACCOUNT)
        # 302 would be the way to the second step.
        assert knock(live, form, [{"email": staff.email, "password": PASSWORD}]) == [200]


def knock(live, form: dict[str, str], given: list[dict[str, str]]) -> list[int]:
    """All at one instant, each over a connection that already stands."""
    barrier = threading.Barrier(len(given))
    statuses: list[int] = []

    def once(fields: dict[str, str]) -> None:
        door = connect(live)
        barrier.wait(30)
        statuses.append(post(door, form, fields))

    threads = [threading.Thread(target=once, args=(fields,)) for fields in given]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses


def post(door: http.client.HTTPConnection, form: dict[str, str], given: dict[str, str]) -> int:
    body = urlencode(given | {"csrfmiddlewaretoken": form["csrfmiddlewaretoken"]})
    headers = {"Cookie": form["Cookie"], "Content-Type": "application/x-www-form-urlencoded"}
    door.request("POST", LOGIN, body, headers)
    answer = door.getresponse()
    answer.read()
    door.close()
    return answer.status
