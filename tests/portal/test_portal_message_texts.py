"""A tenant's own texts of messages: what may stand in them, and what is sent."""

import json
from datetime import timedelta

import pytest

from authenticators.messaging import compose
from authenticators.models import Message
from authsignal_portal import message_wording
from authsignal_portal.models import Wording
from authsignal_portal.sms_length import length
from authsignal_portal.vocabulary import Channel, VerificationMethod
from tests import make
from tests.linked import CUSTOM, link

PAGE = "/portal/wording/"
SMS, BODY, SUBJECT, LINK_BODY = "sms.text", "email-otp.body", "email-otp.subject", "email-magic-link.body"
M = VerificationMethod


@pytest.fixture
def sent(acme, client):
    """What a user of Acme gets for a new challenge by the server: the message's payload."""
    headers = {"Authorization": make.basic(make.make_key(acme))}

    def send(locale="en", *, action="login", **body):
        tracked = client.post(f"/v1/users/u/actions/{action}", {"custom": CUSTOM}, "application/json", headers=headers)
        given = {"userId": "u", "action": action, "idempotencyKey": tracked.json()["idempotencyKey"], "locale": locale}
        answer = client.post("/v1/challenge", given | body, "application/json", headers=headers)
        assert answer.status_code == 200, answer.content
        return json.loads(Message.objects.select_related("tenant").latest("created_at").payload)

    return send


@pytest.mark.parametrize(
    ("point", "text", "complaint"),
    [
        (SMS, "Hello", "Write {code} in the text, exactly once."),
        (SMS, "{code} {code}", "Write {code} in the text, exactly once."),
        (SMS, "{code} {user}", "{user} is no placeholder of this text"),
        (SMS, "{code} {{name}}", "is no placeholder"),
        (SMS, "{code} {url}", "{url} is no placeholder"),
        (SMS, "{code} http://evil.example", "No link"),
        (SMS, "{code} see evil.example", "No link"),
        (SMS, "{code} see evil。example", "No link"),
        (SMS, "{code} see evil\u2024com", "No link"),
        (SMS, "{code} see evil\uff0ecom", "No link"),
        (SMS, "{code} see evil\uff61com", "No link"),
        (SMS, "{code} see evil\ufe52com", "No link"),
        (SMS, "{code} http\uff1a\uff0f\uff0fevil", "No link"),
        (SMS, "{code} me\uff20evil", "No link"),
        (SMS, "{code} see 203.0.113.9", "No link"),
        (SMS, "{code} see 203.0.113.9/pay", "No link"),
        (SMS, "{code} see \uff12\uff10\uff13\u20240\u2024113\u20249", "No link"),
        (SMS, "{code} see {minutes}.0.113.9", "No link"),
        (SMS, "{code} see Localhost/pay", "No link"),
        (SMS, "{code}\n\n@evil #123456", "No link"),
        (SMS, "{code}.{name}.example", "No link"),
        (SMS, "{code} \u202egnp", "Invisible characters"),
        (SMS, "{code} " + "x" * 450, "at most 400 fit here"),
        (SMS, "{code} " + "ж" * 200, "at most 3"),
        # It fits with a short name, and not with the longest.
        (SMS, "{name} {code} " + "ж" * 90, "at most 3"),
        (SUBJECT, "Your {code}", "{code} is no placeholder"),
        (BODY, "Type it in", "Write {code} in the text, exactly once."),
        (LINK_BODY, "Click {url} now", "Put {url} on a line of its own."),
        (LINK_BODY, "Click", "Write {url} in the text, exactly once."),
    ],
)
def test_what_cannot_be_sent_is_refused_at_its_field(acme, admin, point, text, complaint):
    answer = admin.client.post(PAGE, {point: text})
    assert complaint in answer.context["form"].errors[point][0]
    assert not Wording.objects.exists()


@pytest.mark.parametrize(
    "text",
    [
        "{code}. Good for 1.5 hours… or less.",
        "{code}: version 1.2.3",
        "{code} (10.10.2026)",
        "{name}: {code}. Locals only",
    ],
)
def test_dots_that_lead_nowhere_may_stand(text):
    assert message_wording.checked(SMS, text) == text


def test_an_sms_says_what_the_tenant_wrote_and_keeps_its_last_line(acme, admin, sent):
    own = "Acme says: {code}. Good for {minutes} minutes, e.g. now."
    assert admin.client.post(f"{PAGE}?language=de", {SMS: own}).status_code == 302
    page = admin.client.get(f"{PAGE}?language=de").content.decode()
    assert "characters, 1 SMS." in page
    assert own in page
    told = sent("de", verificationMethod="SMS", phoneNumber="+64211234567")
    code = told["code"]
    assert told["text"] == f"Acme says: {code}. Good for 10 minutes, e.g. now.\n\n@localhost #{code}"
    assert "Acme says" not in sent("fr", verificationMethod="SMS", phoneNumber="+64211234568")["text"]
    # The pages' own texts are kept beside them.
    admin.client.post(f"{PAGE}?language=de", {SMS: own, "page.cancel": "Weg"})
    row = Wording.objects.get()
    assert (row.messages["de"], row.texts["de"]) == ({SMS: own}, {"page.cancel": "Weg"})


def test_an_email_says_what_the_tenant_wrote_escaped_with_its_code_apart(acme, admin, sent):
    texts = {SUBJECT: "Hello from {name}", BODY: "Hi & <b>welcome</b>\nto {name}\n{code}\n\n\n\nBye"}
    assert admin.client.post(PAGE, texts).status_code == 302
    told = sent(email="a@b.example")
    assert told["subject"] == "Hello from Acme"
    assert told["text"] == f"Hi & <b>welcome</b>\nto Acme\n{told['code']}\n\nBye\n"
    assert "Hi &amp; &lt;b&gt;welcome&lt;/b&gt;<br>to Acme" in told["html"]
    assert told["html"].count(f">{told['code']}</p>") == 1


def test_a_subject_may_be_the_tenants_and_the_text_as_shipped(acme, admin, sent):
    admin.client.post(PAGE, {SUBJECT: "Hello"})
    told = sent(email="a@b.example")
    assert (told["subject"], "Your Acme verification code is:" in told["text"]) == ("Hello", True)


@pytest.mark.parametrize("way", [{"email": "a@b.example"}, {"verificationMethod": "SMS", "phoneNumber": "+6421123456"}])
def test_whatever_the_text_says_the_transaction_stands_in_it(acme, admin, sent, way):
    link(acme)
    admin.client.post(PAGE, {SMS: "{code} is for nothing at all", BODY: "{code}\n\nfor nothing"})
    told = sent(action="pay", **way)
    assert "Only for: 1000 EUR to Bob Miller" in told["text"]
    assert "1000 EUR" in told.get("html", "1000 EUR")


def test_a_link_is_a_button_and_stands_in_the_text():
    own = {"en": {LINK_BODY: "Hello {name}\n{url}\nBye"}}
    made = compose.link_message(
        method=M.EMAIL_MAGIC_LINK,
        tenant_name="Acme",
        url="https://auth.example/l/x",
        valid_for=timedelta(minutes=10),
        locale="en",
        own=own,
    )
    assert made.text == "Hello Acme\nhttps://auth.example/l/x\nBye\n"
    assert made.html.count('href="https://auth.example/l/x"') == 1
    assert "{url}" not in made.html


@pytest.mark.parametrize("language", ["en", "de", "pt-br"])
def test_every_shipped_text_could_be_a_tenants_own(language):
    for name in message_wording.POINTS:
        assert message_wording.checked(name, compose.shipped(name, language))


@pytest.mark.parametrize(
    ("text", "units", "parts"),
    [
        ("a" * 160, 160, 1),
        ("a" * 161, 161, 2),
        ("€" * 80, 160, 1),
        ("ж" * 70, 70, 1),
        ("ж" * 71, 71, 2),
        ("😀" * 35, 70, 1),
    ],
)
def test_the_length_of_an_sms(text, units, parts):
    assert (length(text).units, length(text).parts) == (units, parts)


def test_whatsapp_has_a_text_of_its_own():
    own = {"en": {"whatsapp.text": "Hi! {code}"}}
    for channel, start in ((Channel.WHATSAPP, "Hi! 123456"), (Channel.SMS, "123456 is your Acme code.")):
        made = compose.code_message(
            method=M.SMS,
            channel=channel,
            tenant_name="Acme",
            code="123456",
            valid_for=timedelta(minutes=10),
            locale="en",
            own=own,
        )
        assert made.text.startswith(start)
        assert made.text.endswith("#123456")
