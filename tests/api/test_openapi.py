"""The committed description of the API: current, complete, and true of what the server answers."""

import os
from collections import defaultdict
from pathlib import Path
from zlib import crc32

import pytest
import schemathesis
import yaml
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.urls import resolve
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from authsignal_portal.urls import client_api, server_api
from tests import make
from tests.api.reading import ok

FILE = Path(__file__).resolve().parents[2] / "docs" / "openapi.yaml"
DESCRIBED = yaml.safe_load(FILE.read_text())
# More, and others each time: `make fuzz`.
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "6"))
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]

WORDS = {"actions", "authenticators", "devices", "invalidate"}
UNKNOWN = "6b1f4f0e-98a8-4f36-a3b0-6f6ab5e3e5c1"

schema = schemathesis.openapi.from_dict(DESCRIBED)
schema.app = WSGIHandler()
schema.config.update(base_url="http://localhost:8000")


def test_the_committed_description_is_current():
    """If it is not: make schema."""
    written = OpenApiYamlRenderer().render(SchemaGenerator().get_schema(request=None, public=True), renderer_context={})
    assert FILE.read_text() == written.decode()


def test_every_endpoint_is_described():
    """All but the paths that old SDKs use or some get wrong, and the ones that lead nowhere."""
    served = {pattern.callback.view_class for pattern in server_api + client_api}
    paths = [path.format_map(defaultdict(lambda: UNKNOWN)) for path in DESCRIBED["paths"]]
    described = {resolve(path).func.view_class for path in paths}
    others = {view.__name__ for view in served - described if not view.__name__.startswith("Legacy")}
    assert others == {"ChallengesAliasView", "NothingHere"}


@pytest.fixture
def known(api, browser):
    """What exists, so that not every id leads nowhere; and who calls."""
    tracked = ok(
        api("POST", "users/alice/actions/pay", {"idempotencyKey": "k", "deviceId": "d", "email": "a@b.example"})
    )
    ok(api("POST", "users/alice/authenticators", {"verificationMethod": "SMS", "phoneNumber": "+6427000000"}))
    ok(browser("POST", "challenge/sms", token=tracked["token"]))
    ids = {"user_id": "alice", "action": "pay", "key": "k", "device_id": "d", "tenant_id": str(browser.tenant.pk)}
    callers = {
        "ServerKey": make.basic(api.secret),
        "TenantId": make.basic(str(browser.tenant.pk)),
        "ClientToken": f"Bearer {tracked['token']}",
        "OptionalClientToken": f"Bearer {tracked['token']}",
    }
    return ids, callers


@pytest.fixture
def one_connection(known):
    """As Django's own test client does: a request ends without closing the test's connection."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)
def test_nothing_that_the_description_allows_or_forbids_breaks_the_server(case, known, one_connection):
    ids, callers = known
    given = case.path_parameters if isinstance(case.path_parameters, dict) else {}
    # Every other case is about somebody who exists; an id that is a word of the path would lead elsewhere.
    if crc32(repr((case.body, case.query)).encode()) % 2 or WORDS & set(map(str, given.values())):
        given |= {name: ids[name] for name in given if name in ids}
    needs = case.operation.definition.raw.get("security", [])
    header = next((callers[name] for each in needs for name in each), None)
    case.call_and_validate(headers={"Authorization": header} if header else None, checks=CHECKS)
