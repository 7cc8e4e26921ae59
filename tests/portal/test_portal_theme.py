"""The page on which the hosted pages get their look, and what the hosted pages then carry."""

import re
from io import BytesIO

import pytest
from django.test import Client

from audit.models import AuditEvent
from authsignal_portal.models import Theme
from authsignal_portal.vocabulary import Role
from tests import make
from tests.portal.staff import signed_in

PAGE, SHEET = "/portal/theme/", "/portal/theme/sheet/"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


def picture(content, name="logo.png"):
    file = BytesIO(content)
    file.name = name
    return file


def test_a_theme_reaches_the_hosted_page_as_a_sheet_of_its_own_origin(acme, admin, opened):
    answer = admin.client.post(
        PAGE, {"primaryColor": "#0A7D33", "container.exitPosition": "bottom", "logo": picture(PNG)}
    )
    assert answer.status_code == 302
    page = opened(acme)
    assert 'class="exitPosition-bottom"' in page
    (sheet,) = re.findall(r'href="(/challenge/theme/[^"]+)" nonce=', page)
    css = Client().get(sheet)
    assert "--accent: #0a7d33;" in css.content.decode()
    assert css.headers["Content-Type"] == "text/css; charset=utf-8"
    assert "immutable" in css.headers["Cache-Control"]
    (logo,) = re.findall(r'<img class="brand-logo" src="([^"]+)" alt="Acme">', page)
    shown = Client().get(logo)
    assert (shown.content, shown.headers["Content-Type"]) == (PNG, "image/png")
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    # An address that names another content, or another tenant's, finds nothing.
    assert Client().get(sheet[:-1] + ("0" if sheet[-1] != "0" else "1")).status_code == 404
    assert Client().get(logo.replace(str(acme.pk), str(make.make_tenant("Other").pk))).status_code == 404
    [event] = AuditEvent.objects.filter(tag="tenant:updated")
    assert event.data["fields"] == ["theme"]


def test_a_picture_behind_the_card_is_of_our_own_origin_and_a_dark_device_has_its_own(acme, admin, opened):
    jpeg, webp = b"\xff\xd8\xff" + bytes(39_000), b"RIFF0000WEBP" + bytes(39_000)
    sent = {"background": picture(jpeg), "watermark": picture(PNG), "container.paddingHorizontal": "40"}
    assert admin.client.post(PAGE, sent).status_code == 302
    (sheet,) = re.findall(r'href="(/challenge/theme/[^"]+)" nonce=', opened(acme))
    css = Client().get(sheet).content.decode()
    assert "--card-padding-x: 40px;" in css
    (shown,) = re.findall(r'--page-image: url\("(/challenge/theme/[^"]+)"\)', css)
    assert "dark) { :root { --page-image: none; } }" in css
    answer = Client().get(shown)
    assert (answer.content, answer.headers["Content-Type"]) == (jpeg, "image/jpeg")
    assert '<img class="watermark" src="/challenge/theme/' in opened(acme)
    # A form may bring all pictures at once; each must be one, and light.
    assert admin.client.post(PAGE, {"background": picture(jpeg), "background_dark": picture(webp)}).status_code == 302
    (again,) = re.findall(r'href="(/challenge/theme/[^"]+)" nonce=', opened(acme))
    assert again != sheet
    assert Client().get(again).content.decode().count("url(") == 2
    for wrong in (b"<svg onload=alert(1)>", jpeg + bytes(2_000)):
        assert "background" in admin.client.post(PAGE, {"background": picture(wrong)}).context["form"].errors
    admin.client.post(PAGE, {"no-background": "on", "no-background_dark": "on"})
    assert "/css/" not in opened(acme)


def test_without_a_theme_the_hosted_page_asks_for_nothing_more(acme, db, opened):
    page = opened(acme)
    assert "/challenge/theme/" not in page
    assert "<body>" in page


def test_what_cannot_be_read_is_refused_with_a_colour_that_would_do(acme, admin):
    answer = admin.client.post(PAGE, {"colors.bodyText": "#cccccc", "darkMode.colors.link": "#222222"})
    assert answer.status_code == 200
    errors = answer.context["form"].errors
    assert set(errors) == {"colors.bodyText", "darkMode.colors.link"}
    assert (
        "Hard to read (text on the card): the contrast is 1.61 to 1, 4.5 is needed. #" in errors["colors.bodyText"][0]
    )
    # What was typed is still there, and nothing was kept.
    assert 'value="#cccccc"' in answer.content.decode()
    assert not Theme.objects.exists()


def test_a_picture_is_one_and_light_and_can_be_taken_away(acme, admin):
    for content, complaint in (
        (b"<svg onload=alert(1)>", "is no PNG, JPEG or WebP picture"),
        (PNG + bytes(40_000), "too heavy: 40 kB at most"),
    ):
        answer = admin.client.post(PAGE, {"logo": picture(content)})
        assert complaint in answer.context["form"].errors["logo"][0]
    admin.client.post(PAGE, {"logo": picture(PNG), "favicon": picture(PNG)})
    admin.client.post(PAGE, {"primaryColor": "#0a7d33"})
    stored = Theme.objects.get()
    assert (bytes(stored.logo), bytes(stored.favicon)) == (PNG, PNG)
    admin.client.post(PAGE, {"primaryColor": "#0a7d33", "no-logo": "on"})
    stored.refresh_from_db()
    assert (bytes(stored.logo), bytes(stored.favicon)) == (b"", PNG)


def test_the_preview_follows_the_form_and_keeps_nothing(acme, admin):
    told = admin.client.post(SHEET, {"primaryColor": "#ffd400", "colors.link": "#eeeeee"}).json()
    assert "--accent: #ffd400;" in told["sheets"]["light"]
    assert "--surface: #171c25;" in told["sheets"]["dark"]
    assert list(told["errors"]) == ["colors.link"]
    told = admin.client.post(SHEET, {"primaryColor": "yellow"}).json()
    assert told["errors"] == {"primaryColor": ["write a colour as #rrggbb"]}
    assert not Theme.objects.exists()
    frame = admin.client.get("/portal/theme/preview/?mode=dark")
    assert frame.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert "frame-ancestors 'self'" in frame.headers["Content-Security-Policy"]
    assert "--surface: #171c25;" in admin.client.get("/portal/theme/preview.css?mode=dark").content.decode()


@pytest.mark.parametrize("role", [Role.ANALYST, Role.SUPPORT])
def test_only_administrators_change_the_look(acme, role):
    member = signed_in(acme, role)
    assert member.client.get(PAGE).status_code == 200
    assert member.client.post(PAGE, {"primaryColor": "#0a7d33"}).status_code == 403
    assert not Theme.objects.exists()


@pytest.fixture
def opened():
    """The hosted page of a new action of a tenant."""

    def page(tenant):
        headers = {"Authorization": make.basic(make.make_key(tenant))}
        sent = Client().post("/v1/users/u/actions/pay", "{}", "application/json", headers=headers)
        path = sent.json()["url"].removeprefix("http://localhost:8000")
        return Client().get(path).content.decode()

    return page
