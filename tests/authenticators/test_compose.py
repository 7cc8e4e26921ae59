"""What stands in a message."""

import re
from datetime import timedelta

import pytest

from authenticators.messaging import compose
from authenticators.messaging.compose import Text
from authsignal_portal.vocabulary import Channel, VerificationMethod


def make_text(name: str = "Acme", *, sms: bool = False, seconds: float = 600, locale: str | None = None) -> Text:
    return compose.code_message(
        method=VerificationMethod.SMS if sms else VerificationMethod.EMAIL_OTP,
        channel=Channel.SMS if sms else Channel.EMAIL,
        tenant_name=name,
        code="123456",
        valid_for=timedelta(seconds=seconds),
        locale=locale,
    )


def test_a_text_message_begins_with_the_code_and_ends_bound_to_this_site(settings):
    settings.PUBLIC_URL = "https://auth.example.com:8443"
    lines = make_text(sms=True).text.split("\n")
    assert lines == [
        "123456 is your Acme code. It works for 10 minutes. Do not share it.",
        "",
        "@auth.example.com #123456",
    ]


def test_a_text_message_fits_into_one_segment():
    text = make_text("A bank with a rather long name", sms=True).text
    assert len(text) <= 160
    assert text.isascii()


def test_an_email_says_what_it_is_for_how_long_it_works_and_what_to_do_if_unasked():
    mail = make_text()
    assert mail.subject == "Your Acme verification code"
    for body in (mail.text, mail.html):
        assert "123456" in body
        assert "Your Acme verification code" in body
        assert "It works for 10 minutes, once." in body
        assert "If you did not ask for a code" in body


def test_the_code_is_not_in_the_subject_which_mail_servers_log():
    assert "123456" not in make_text().subject


def test_an_email_holds_no_link_and_loads_nothing():
    mail = make_text()
    assert "http" not in mail.text + mail.html
    assert not re.search(r"<a\b|<img\b|\bsrc=|\bhref=|url\(", mail.html)


def test_an_email_is_readable_in_light_and_dark():
    html = make_text().html
    assert '<meta name="color-scheme" content="light dark">' in html
    assert "prefers-color-scheme: dark" in html
    assert "monospace" in html


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (600, "10 minutes"),
        (599.2, "10 minutes"),
        (420, "7 minutes"),
        (119, "2 minutes"),
        (60, "1 minute,"),
        (5, "1 minute,"),
    ],
)
def test_the_time_left_is_told_in_whole_minutes(seconds, words):
    assert f"It works for {words}" in make_text(seconds=seconds).text


@pytest.mark.parametrize("locale", [None, "", "en", "en-NZ", "en_GB", "tlh", "../../etc", "x" * 600, "\x00", "fr\r\n"])
def test_an_unknown_language_falls_back_to_english(locale):
    assert make_text(locale=locale).subject == "Your Acme verification code"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Acme & Söhne", "Acme & Söhne"),
        ("Acme\r\nBcc: eve@example.com", "Acme Bcc: eve@example com"),
        ("Acme\u2028\u0085 Bank", "Acme Bank"),
        ("Visit https://evil.example/x now", "Visit now"),
        ("www.evil.example Bank", "Bank"),
        ("evil.example", "evil example"),
        ("evil。example", "evil example"),
        ("evil．example", "evil example"),
        ("evil\u200b.\u200bexample", "evil example"),
        ("192.0.2.1", "192 0 2 1"),
        ("St. George Bank", "St. George Bank"),
        ("\u202eknaB", "knaB"),
        ("A" * 100, "A" * 64),
        ("銀行 🏦", "銀行 🏦"),
        ("\x00\x07", ""),
    ],
)
def test_a_tenants_name_brings_no_lines_links_or_tricks(name, shown):
    assert compose.clean_name(name) == shown


def test_a_name_cannot_add_lines_to_a_text_message():
    text = make_text("Acme\n\n@evil.example #999999", sms=True).text
    assert text.count("\n") == 2
    assert text.split("\n")[-1] == "@localhost #123456"


def test_without_a_presentable_name_the_message_still_reads_well():
    assert make_text("\x00").subject == "Your verification code"
    assert make_text("\x00", sms=True).text.startswith("123456 is your verification code. It works")


def test_a_name_is_text_in_html_and_plain_in_the_rest():
    mail = make_text('<b>A & "B"</b>')
    assert "<b>A" not in mail.html
    assert "&lt;b&gt;A &amp; &quot;B&quot;" in mail.html
    assert mail.subject == 'Your <b>A & "B"</b> verification code'


def test_the_contents_do_not_show_in_a_representation():
    assert "123456" not in repr(make_text())
