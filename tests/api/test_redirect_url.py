"""Where a user may be sent back to: what looks like an allowed address and is none (open redirect, token theft)."""

import pytest

from actions.models import ActionFacts
from authenticators.models import EndUser
from tests import make
from tests.api.reading import ok, refused

GOOD = "https://app.acme.example"
SCHEMES = ["javascript", "JavaScript", "data", "vbscript", "file", "ftp", "blob", "about", "ws", "wss", "mailto", "tel"]
SCHEMES += ["intent", "chrome", "view-source", "jar", "authsignal", "app.acme.example", "https+x", "httpss", "http"]
# Bytes that browsers drop or take for something else inside a URL.
ODD = ["\t", "\n", "\r", "\x0b", "\x0c", "\x1f", "\x7f", " ", "\\", "\u2028", "\u3002", "\uff0e", "\uff0f", "\u200b"]
ODD += ["\xad", "\xa0", '"', "<", ">", "`", "{", "|", "}", "^"]
EVIL_HOSTS = [
    "evil.example",
    "evil.example:443",
    "app.acme.example.evil.example",
    "app.acme.example-evil.example",
    "evil-app.acme.example",
    "app.acme.examples",
    "app.acme.exampl",
    "acme.example",
    "sub.app.acme.example",
    "app.acme.example.",
    "app.acme.example..",
    ".app.acme.example",
    "app..acme.example",
    "app_acme.example",
    "app.acme.example%2eevil.example",
    "app.acme.example%00.evil.example",
    "app.acme.example%23.evil.example",
    "app.acme.example%2f.evil.example",
    "app.acme.example%5c.evil.example",
    "app.acme.example%40evil.example",
    "app.acme.example%252eevil.example",
    "%61pp.acme.example",
    "app%2eacme%2eexample",
    "app.acme.example:80",
    "app.acme.example:8443",
    "app.acme.example:0",
    "app.acme.example:65536",
    "app.acme.example:-443",
    "app.acme.example:443x",
    "app.acme.example:443:443",
    "app.acme.example:",
    "app.acme.example:https",
    "app.acme.example:@evil.example",
    "app.acme.example:443@evil.example",
    "app.acme.example@evil.example",
    "app.acme.example@evil.example:443",
    "user@app.acme.example",
    "user:password@app.acme.example",
    "@app.acme.example",
    ":@app.acme.example",
    "evil.example@app.acme.example@evil.example",
    "app.acme.example%40",
    "evil.example#@app.acme.example",
    "evil.example?@app.acme.example",
    "evil.example/@app.acme.example",
    "evil.example;app.acme.example",
    "app.acme.example;evil.example",
    "app.acme.example,evil.example",
    "evil.example&app.acme.example",
    "app.acme.example$evil.example",
    "app.acme.example!evil.example",
    "app.acme.example'evil.example",
    "app.acme.example(evil.example)",
    "app.acme.example*",
    "*.acme.example",
    "*",
    "",
    "localhost",
    "localhost:80@evil.example",
    "127.0.0.1",
    "0x7f.0.0.1",
    "2130706433",
    "127.1",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[app.acme.example]",
    "[::1%25eth0]",
    "[",
    "]",
    "xn--pp-xia.acme.example",
    "äpp.acme.example",
    "аpp.acme.example",
    "app.acme.ехample",
    "app．acme．example",
    "app。acme。example",
    "ⓐpp.acme.example",
    "app.acme.example\u0338",
    "ａｐｐ.acme.example",
]
SHAPES = [
    "",
    "/",
    "//",
    "/path",
    "path",
    "?x",
    "#x",
    ".",
    "..",
    "//evil.example",
    "///evil.example",
    "////evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "//app.acme.example",
    "https",
    "https:",
    "https:/",
    "https://",
    "https:///",
    "https:app.acme.example",
    "https:/app.acme.example",
    "https:///app.acme.example",
    "https:////app.acme.example",
    "https:\\\\app.acme.example",
    "https:/\\app.acme.example",
    "https://\\app.acme.example",
    "https:/evil.example",
    "https:evil.example",
    "https;//app.acme.example",
    "https//app.acme.example",
    "https%3a//app.acme.example",
    "https%3A%2F%2Fapp.acme.example",
    "%68ttps://app.acme.example",
    " https://app.acme.example",
    "https://app.acme.example ",
    "https://app.acme.example\n",
    "\thttps://app.acme.example",
    "ht\ttps://app.acme.example",
    "https://app.acme.example\t.evil.example",
    "https:// app.acme.example",
    "https ://app.acme.example",
    "url=https://app.acme.example",
    "app.acme.example",
    "app.acme.example/path",
    "javascript:alert(1)//https://app.acme.example",
    "javascript://app.acme.example/%0aalert(1)",
    "java\tscript:alert(1)",
    "\x01javascript:alert(1)",
    "jav&#x09;ascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "data:text/html;base64,PHNjcmlwdD4=",
    "blob:https://app.acme.example/1",
    "https://app.acme.example/\x00",
    "https://app.acme.example/\ud83e\udd8a",
    "https://app.acme.example/a b",
    "https://app.acme.example/<script>",
    "https://app.acme.example/" + "a" * 2048,
    "null",
]
HOSTILE = {
    "shapes": SHAPES[1:],
    "hosts": [f"https://{host}/" for host in EVIL_HOSTS],
    "schemes": [f"{scheme}://app.acme.example/" for scheme in SCHEMES],
    "odd characters": [
        url.format(odd)
        for odd in ODD
        for url in (
            "https://app.acme.example{}.evil.example/",
            "https://app.acme.{}example/",
            "https://app.acme.example/{}",
        )
    ],
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_no_look_alike_is_taken(api, kind):
    for url in HOSTILE[kind]:
        refused(api("POST", "users/alice/actions/pay", {"redirectUrl": url}), 400, "invalid_request")
    assert not EndUser.objects.exists()


def test_the_look_alikes_are_many():
    assert len({url for urls in HOSTILE.values() for url in urls}) >= 200


@pytest.mark.parametrize("value", [5, True, [GOOD], {"url": GOOD}, 1.5])
def test_what_is_no_text_is_no_url(api, value):
    refused(api("POST", "users/alice/actions/pay", {"redirectUrl": value}), 400, "invalid_request")


@pytest.mark.parametrize("value", ["", None])
def test_an_absent_url_is_absent(api, value):
    ok(api("POST", "users/alice/actions/pay", {"redirectUrl": value}))
    assert ActionFacts.objects.get().redirect_url == ""


@pytest.mark.parametrize(
    "url",
    [
        GOOD,
        f"{GOOD}/",
        f"{GOOD}:443/path",
        f"{GOOD}/path?next=https://evil.example/#https://evil.example",
        f"{GOOD}/a/../b//c;d",
        f"{GOOD}/@evil.example",
        f"{GOOD}?x=%00%0d%0a",
        "HTTPS://APP.ACME.EXAMPLE/Path",
        f"{GOOD}/" + "a" * 2000,
    ],
)
def test_an_address_on_an_app_origin_is_kept_as_it_was_sent(api, url):
    ok(api("POST", "users/alice/actions/pay", {"redirectUrl": url}))
    assert ActionFacts.objects.get().redirect_url == url


@pytest.mark.parametrize("url", ["http://localhost:8009/back", "http://127.0.0.1/back", "http://[::1]:8009/"])
def test_another_ports_origin_is_another_origin(api, acme, url):
    refused(api("POST", "users/alice/actions/pay", {"redirectUrl": url}), 400, "invalid_request")
    acme.app_origins = [url.rpartition("/")[0]]
    acme.save()
    ok(api("POST", "users/alice/actions/pay", {"redirectUrl": url}))
    refused(api("POST", "users/alice/actions/pay", {"redirectUrl": "http://localhost:8010/"}), 400, "invalid_request")


def test_a_tenant_without_origins_takes_any_https_address_and_loopback(client, db):
    from tests.conftest import Api

    api = Api(client, make.make_key(make.make_tenant("Bare", app_origins=[])))
    for url in ("https://anywhere.example/x", "https://203.0.113.7:8443/", "http://localhost:3000/back"):
        ok(api("POST", "users/alice/actions/pay", {"redirectUrl": url}))
    for url in (
        "http://anywhere.example/",
        "javascript:alert(1)",
        "https://a@b.example/",
        "http://localhost@evil.example",
    ):
        refused(api("POST", "users/alice/actions/pay", {"redirectUrl": url}), 400, "invalid_request")


def test_in_production_loopback_is_no_exception(client, db, settings):
    from tests.conftest import Api

    settings.PRODUCTION = True
    api = Api(client, make.make_key(make.make_tenant("Bare", app_origins=[])))
    refused(api("POST", "users/alice/actions/pay", {"redirectUrl": "http://localhost:3000/"}), 400, "invalid_request")
    ok(api("POST", "users/alice/actions/pay", {"redirectUrl": "https://anywhere.example/"}))
