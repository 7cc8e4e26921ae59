"""What may be used by whoever reads it stands in no log."""

import io
import logging
import re
from pathlib import Path

import pytest
import structlog
from django.test import Client
from django.urls import URLResolver, get_resolver

from authsignal_portal.portal import invitation
from authsignal_portal.vocabulary import VerificationMethod
from tests import make
from tests.actions.test_hosted import path_of
from tests.api.reading import ok
from tests.api.test_magic_link import EMAIL, confirm, link_sent
from tests.portal.staff import make_staff

pytestmark = pytest.mark.usefixtures("switched_on")
NGINX = Path(__file__).resolve().parents[2] / "deploy" / "nginx.conf"


@pytest.fixture
def switched_on(acme):
    return make.make_configuration(acme, VerificationMethod.EMAIL_MAGIC_LINK)


@pytest.fixture
def written():
    """All that is logged, as it leaves the process."""
    root = logging.getLogger()
    [formatter] = {
        one.formatter for one in root.handlers if isinstance(one.formatter, structlog.stdlib.ProcessorFormatter)
    }
    handler = logging.StreamHandler(io.StringIO())
    handler.setFormatter(formatter)
    root.addHandler(handler)
    yield handler.stream
    root.removeHandler(handler)


def test_no_link_stands_in_a_log_whatever_comes_of_it(api, browser, written):
    ok(api("POST", "users/alice/authenticators", {"verificationMethod": "EMAIL_MAGIC_LINK", "email": EMAIL}))
    token = ok(api("POST", "users/alice/actions/login"))["token"]
    ok(browser("POST", "challenge/email-magic-link", token=token))
    path, http = link_sent(), Client()
    secret = path.rpartition("/")[2]
    statuses = [
        http.get(path).status_code,
        http.post(path, {"nonce": "x", "email": EMAIL}).status_code,
        http.put(path).status_code,
        http.get(f"{path}/").status_code,
        http.get(path.replace("/link", "//link/")).status_code,
        confirm(path, http, email=EMAIL).status_code,
        http.get(path).status_code,
    ]
    assert statuses == [200, 403, 405, 404, 404, 200, 410]
    assert "Forbidden: /challenge[hidden]" in written.getvalue()
    assert secret not in written.getvalue()


def test_no_token_stands_in_a_log_whatever_it_was_sent_to(api, acme, written):
    tracked = ok(api("POST", "users/alice/actions/login"))
    http, invitation = Client(), f"app.{acme.pk}.ABCDEFGHJKMNPQRS"
    callback = f"/challenge/callback/{acme.pk}/GOOGLE_ID_TOKEN?code=CODE-OF-THE-ISSUER&state=STATE-OF-OURS"
    enrolling = "/v1/client/user-authenticators/device"
    answers = [
        http.put(path_of(tracked)),
        http.get(path_of(tracked) + "x"),
        http.get(callback),
        http.post(enrolling, {}, content_type="application/json", headers={"Authorization": f"Bearer {invitation}"}),
        http.get(f"/app/{acme.pk}/nowhere?enrol=ABCDEFGHJKMNPQRS"),
    ]
    assert min(answer.status_code for answer in answers[2:]) >= 400
    logging.getLogger("anybody").warning("refused %s", f"{callback} {invitation} {tracked['url']}")
    said = written.getvalue()
    assert re.search(r"refused .*\[hidden\]", said)
    for secret in (tracked["token"], "CODE-OF-THE-ISSUER", "STATE-OF-OURS", "ABCDEFGHJKMNPQRS"):
        assert secret not in said


def test_no_invitation_of_staff_stands_in_a_log(acme, written):
    path, http = invitation(make_staff(acme).user), Client()
    secret = path.rstrip("/").rpartition("/")[2]
    http.put(path)
    http.get(path.replace("/invite", "//invite/"))
    http.get(f"{path}x")
    logging.getLogger("anybody").warning("refused %s", f"https://mfa.example.com{path}?x")
    assert "refused https://mfa.example.com/portal[hidden]?x" in written.getvalue()
    assert secret not in written.getvalue()


def paths_with_a_token(patterns, before=""):
    for one in patterns:
        path = f"{before}{one.pattern}"
        if isinstance(one, URLResolver):
            yield from paths_with_a_token(one.url_patterns, path)
        elif re.search(r"<(?:\w+:)?token>", path):
            yield "/" + re.sub(r"<[^>]+>", "SECRET", path)


def test_no_link_stands_in_the_proxys_log():
    [form] = re.findall(r"log_format no_query '([^']+)'", NGINX.read_text())
    assert set(re.findall(r"\$(\w*ur[il]\w*|request|args|http_referer)\b", form)) == {"uri_without_token"}
    [shown] = re.findall(r"map \$uri \$uri_without_token \{([^}]+)\}", NGINX.read_text())
    hidden = re.findall(r"~(\S+)\s+(\S+);", shown)
    paths = list(paths_with_a_token(get_resolver().url_patterns))
    assert {"/challenge/link/SECRET", "/portal/invite/SECRET/SECRET/"} <= set(paths)
    for path in paths:
        [instead] = [said for pattern, said in hidden if re.search(pattern, path)]
        assert "$" not in instead
