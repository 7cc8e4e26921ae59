"""The texts of the hosted pages: which language they are in, and a tenant's own."""

import pytest
from django.test import Client

from audit.models import AuditEvent
from authsignal_portal import wording
from authsignal_portal.models import Wording
from authsignal_portal.vocabulary import Role
from tests import make
from tests.portal.staff import signed_in

PAGE = "/portal/wording/"
TITLE = "choose.how-do-you-want-to-verify"
TIMED = "strings.send-a-new-code-in"


@pytest.fixture
def opened():
    """The hosted page of a new action of a tenant, in the language of the browser or of the app."""

    def page(tenant, *, browser="en", app=None):
        headers = {"Authorization": make.basic(make.make_key(tenant))}
        body = {"locale": app} if app else {}
        sent = Client().post("/v1/users/u/actions/pay", body, "application/json", headers=headers)
        path = sent.json()["url"].removeprefix("http://localhost:8000")
        return Client().get(path, headers={"Accept-Language": browser})

    return page


def test_every_text_is_a_point_with_an_id_of_its_own(db):
    points = wording.points()
    assert points[TITLE].message == "How do you want to verify?"
    assert points[TIMED].placeholders == {"time"}
    assert len({point.message for point in points.values()}) == len(points) > 100


def test_every_text_stands_once_under_a_heading_for_people(admin):
    groups = admin.client.get(PAGE).context["form"].groups()
    shown = [field.name for _title, screens in groups for screen in screens for field in screen.fields]
    assert sorted(shown) == sorted(wording.points())
    titles = [str(screen.title) for _title, screens in groups for screen in screens]
    assert len(set(titles)) == len(titles)
    assert not [title for title in titles if title.endswith(("card", "enrol"))]


@pytest.mark.parametrize(
    ("public_id", "text", "complaint"),
    [
        (TITLE, "Hello {name}", "{name} is no placeholder of this text; known here: none"),
        (TIMED, "In {tijd}", r"{tijd} is no placeholder of this text; known here: {time}"),
        (TIMED, "In {time", r"is no placeholder of this text"),
        (TITLE, "x" * 1000, "at most"),
        (TITLE, "Sign\u202ein", "invisible characters"),
    ],
)
def test_what_cannot_stand_there_is_refused_at_its_field(acme, admin, public_id, text, complaint):
    answer = admin.client.post(PAGE, {public_id: text})
    assert complaint in answer.context["form"].errors[public_id][0]
    assert text in answer.context["form"][public_id].value()
    assert not Wording.objects.exists()


def test_a_tenants_words_are_shown_in_their_language_alone_and_escaped(acme, admin, opened):
    texts = {TITLE: "Who <b>are</b> you & why? 100 %", TIMED: "Again in {time}", "page.cancel": " Leave \n now "}
    assert admin.client.post(PAGE, texts).status_code == 302
    page = opened(acme).content.decode()
    assert "Who &lt;b&gt;are&lt;/b&gt; you &amp; why? 100 %" in page
    assert "Again in {time}" in page
    assert ">Leave now</button>" in page
    # Another tenant's pages, another language, and the next request keep the shipped texts.
    assert "How do you want to verify?" in opened(make.make_tenant("Other")).content.decode()
    assert "Leave now" not in opened(acme, browser="de").content.decode()
    [event] = AuditEvent.objects.filter(tag="tenant:updated")
    assert event.data["fields"] == ["wording"]
    # Emptied, the shipped text is back.
    admin.client.post(PAGE, {})
    assert "How do you want to verify?" in opened(acme).content.decode()


def test_the_servers_placeholders_are_filled_in_whatever_stands_around_them(acme, admin, opened):
    admin.client.post(PAGE, {"authenticator-app.enter-the-digit-code-it-shows-for": "100 % {tenant}: {digits}!"})
    assert "100 % Acme: 6!" in opened(acme).content.decode()


@pytest.mark.parametrize(
    ("browser", "app", "language"),
    [
        ("fr-CH, fr;q=0.9", None, "fr"),
        ("fr-CA", None, "fr-ca"),
        ("pt-BR", None, "pt-br"),
        ("ja", None, "en"),
        ("de", "pl", "pl"),
        ("de", "pt_BR", "pt-br"),
        ("de", "tlh", "de"),
        ("de", "fr-CA", "fr-ca"),
    ],
)
def test_the_apps_language_goes_before_the_browsers(acme, opened, browser, app, language):
    answer = opened(acme, browser=browser, app=app)
    assert answer.headers["Content-Language"] == language
    assert f'<html lang="{language}"' in answer.content.decode()


def test_staff_and_developers_read_english_whatever_their_browser_wants(acme, admin):
    page = admin.client.get(PAGE, headers={"Accept-Language": "de"}).content.decode()
    assert 'lang="en' in page
    refused = Client().post("/v1/validate", {}, "application/json", headers={"Accept-Language": "de"})
    assert refused.json()["errorDescription"].isascii()


def test_only_administrators_change_the_words(acme):
    member = signed_in(acme, Role.ANALYST)
    assert member.client.get(PAGE).status_code == 200
    assert member.client.post(PAGE, {TITLE: "x"}).status_code == 403
    assert not Wording.objects.exists()
