"""The page of an action's messages: a text for each language, and the same judgement of all of them."""

import re

import pytest

from audit.models import AuditEvent
from authsignal_portal.vocabulary import Role
from rules.models import ActionConfiguration, CustomDataPoint
from tests import make
from tests.portal.form import Form
from tests.portal.staff import signed_in

LANGUAGES = {"en": "English", "fr-ca": "Français (Canada)", "de": "Deutsch", "pt-br": "Português (Brasil)"}
LINKED = {
    "dynamic_linking": "on",
    "amount_data_point": "amount",
    "currency_data_point": "cur",
    "payee_data_point": "payee",
    "message": "Pay {{action.amount}} {{action.cur}} to {{action.payee}}",
}


@pytest.fixture
def pay(acme):
    make.make_point(acme, "amount", "number")
    make.make_point(acme, "firstName", "text", "user")
    make.make_point(acme, "segments", "multiselect", "user")
    return make.make_action(acme, "pay", "CHALLENGE")


@pytest.fixture
def post(admin, pay):
    """A page that was opened just now, with these fields and no others."""
    return lambda **sent: admin.client.post(path_of(pay), {"seen": seen(admin.client, path_of(pay))} | sent)


def path_of(configuration):
    return f"/portal/rules/actionconfiguration/{configuration.pk}/messages/"


def seen(client, path):
    [stamp] = [value for name, value in Form(client.get(path).content.decode(), "messages").fields if name == "seen"]
    return stamp


def kept(pay):
    pay.refresh_from_db()
    return pay.message, pay.localized_messages


def test_each_language_keeps_its_text_in_one_line_and_an_empty_one_is_taken_away(post, pay):
    sent = {"message": "Pay {{action.amount}}", "message-de": "Zahlen \r\n {{ action.amount }} ", "message-fr": "Payez"}
    assert post(**sent).status_code == 302
    assert kept(pay) == ("Pay {{action.amount}}", {"de": "Zahlen {{ action.amount }}", "fr": "Payez"})
    post(**sent | {"message-fr": " "})
    assert kept(pay)[1] == {"de": "Zahlen {{ action.amount }}"}
    fields = [event.data["fields"] for event in AuditEvent.objects.filter(tag="action_configuration:updated")]
    assert fields == [["message-fr"], ["message", "message-fr", "message-de"]]
    assert pay.version == 1


def test_the_page_offers_what_a_text_can_tell_and_shows_texts_where_there_are_some(post, admin, pay):
    post(**LINKED, **{"message-de": "Zahlen {{action.amount}} {{action.cur}} an {{action.payee}}"})
    page = admin.client.get(path_of(pay))
    assert page.context["form"].samples == {
        "action.amount": "1250.00",
        "action.cur": "EUR",
        "action.payee": "Example Ltd",
        "user.firstName": "First name",
    }
    [german] = [text for text in page.context["form"].languages() if text.is_open]
    assert (german.language, "".join(part.text for part in german.preview)) == (
        "Deutsch",
        "Zahlen 1250.00 EUR an Example Ltd",
    )


@pytest.mark.parametrize("language", ["", *LANGUAGES])
@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("Pay {{action.betrag}}", "{{action.betrag}} is no custom data point that a text can show"),
        ("Pay {{user.amount}}", "{{user.amount}} is no custom data point"),
        ("You are {{user.segments}}", "{{user.segments}} is no custom data point"),
        ("Pay {{amount}}", "“{{amount}}” is no placeholder"),
        ("Pay {{Action.amount}}", "“{{Action.amount}}” is no placeholder"),
        ("Pay {{action.amount", "“{{” is no placeholder"),
        ("Pay {{{action.amount}}", "“{{” is no placeholder"),
        ("Pay {{action.amount|upper}}", "“{{action.amount|upper}}” is no placeholder"),
    ],
)
def test_what_no_value_can_fill_is_refused_by_its_name_and_language(post, pay, language, text, complaint):
    field = f"message-{language}" if language else "message"
    answer = post(**{"message": "Hello", field: text})
    assert answer.status_code == 200
    [told, *_more] = answer.context["form"].errors[field]
    assert told.startswith(f"{LANGUAGES.get(language, 'Default text')}: {complaint}")
    assert kept(pay) == ("", {})


@pytest.mark.parametrize("field", ["message", "message-de"])
def test_every_text_has_the_same_length_at_most(post, pay, field):
    longest = {"message": "m", field: "x" * 500}
    assert post(**longest).status_code == 302
    assert "at most 500 characters" in post(**longest | {field: "x" * 501}).context["form"].errors[field][0]


def test_with_dynamic_linking_every_language_tells_amount_currency_and_payee(post, pay):
    without = {"message-de": "Zahlen {{action.amount}} {{action.cur}}", "message-fr": "{{action.payee}}"}
    answer = post(**LINKED, **without)
    assert answer.status_code == 200
    assert answer.context["form"].errors == {
        "message-de": ["Deutsch: With dynamic linking the message must also hold {{action.payee}}."],
        "message-fr": ["Français: With dynamic linking the message must also hold {{action.amount}}, {{action.cur}}."],
    }
    assert post(**LINKED, **{"message-de": LINKED["message"]}).status_code == 302


def test_a_language_is_not_written_before_the_default_text(post, pay):
    assert "Write this text too" in post(**{"message-de": "Hallo"}).context["form"].errors["message"][0]


def test_what_a_text_held_before_may_stay(post, pay):
    ActionConfiguration.objects.filter(pk=pay.pk).update(message="To {{action.iban}}")
    assert post(message="Send it to {{action.iban}}").status_code == 302
    assert post(message="Send it to {{action.bic}}").status_code == 200


def test_another_tenants_data_points_are_unknown_and_its_page_is_not_there(post, pay, globex):
    make.make_point(globex, "theirs", "text")
    assert "no custom data point that" in post(message="{{action.theirs}}").content.decode()
    theirs = make.make_action(globex, "pay")
    assert signed_in(pay.tenant).client.post(path_of(theirs), {"message": "m"}).status_code == 404


def test_who_only_reads_sees_the_texts_and_changes_none(pay, acme):
    reader = signed_in(acme, Role.READ_ONLY).client
    page = reader.get(path_of(pay)).content.decode()
    assert '<fieldset class="portal-plain" disabled>' in page
    assert "data-insert=" not in page
    assert reader.post(path_of(pay), {"message": "m"}).status_code == 403
    assert kept(pay) == ("", {})


# -- two at once ---------------------------------------------------------------------------------


def test_who_saves_what_somebody_changed_meanwhile_undoes_nothing_and_keeps_what_was_typed(post, admin, acme, pay):
    post(message="Pay {{action.amount}}")
    opened = dict(Form(admin.client.get(path_of(pay)).content.decode(), "messages").fields)
    colleague = signed_in(acme).client
    colleague.post(path_of(pay), LINKED | {"seen": opened["seen"]})
    typed = opened | {"message": "Pay {{action.amount}}!", "message-de": "Zahlen!"}
    for sent in (typed, {name: text for name, text in typed.items() if name != "seen"}):
        answer = admin.client.post(path_of(pay), sent)
        told = answer.content.decode()
        assert "Somebody changed these messages after you opened them." in told
        assert "Nothing was saved" not in told
        pay.refresh_from_db()
        assert (pay.dynamic_linking, pay.message, pay.localized_messages) == (True, LINKED["message"], {})
    page = Form(told, "messages")
    shown = dict(page.fields)
    assert (shown["message"], shown["message-de"]) == (typed["message"], typed["message-de"])
    assert "Dynamic linking" in told.partition("Yours would change: ")[2].partition("<")[0]
    # Enter in a field presses the first button.
    buttons = re.findall(r'<button type="submit"[^>]*>', told.partition('id="messages"')[2])
    assert ['name="over"' in button for button in buttons] == [False, True, False]
    over = dict(page.buttons)["over"]
    assert admin.client.post(path_of(pay), shown | {"over": over}).status_code == 302
    pay.refresh_from_db()
    assert (pay.dynamic_linking, *kept(pay)) == (False, "Pay {{action.amount}}!", {"de": "Zahlen!"})


def test_over_what_was_shown_is_not_over_what_was_changed_since(post, admin, pay):
    opened = seen(admin.client, path_of(pay))
    post(message="One")
    over = dict(Form(post(seen=opened, message="Mine").content.decode(), "messages").buttons)["over"]
    post(message="Two")
    assert post(seen=opened, over=over, message="Mine").status_code == 200
    assert kept(pay) == ("Two", {})


# -- what users read of an action ----------------------------------------------------------------


def test_users_read_the_display_name_and_without_one_the_code_in_words(acme):
    make.make_action(acme, "withdraw-funds", display_name="Take money out")
    assert ActionConfiguration.name_of(acme, "withdraw-funds") == "Take money out"
    ActionConfiguration.objects.update(display_name="")
    assert ActionConfiguration.name_of(acme, "withdraw-funds") == "Withdraw funds"
    assert ActionConfiguration.name_of(make.make_tenant("Other"), "withdraw-funds") == "Withdraw funds"


def test_a_data_point_is_forwarded_only_where_somebody_says_so(admin, acme, pay):
    point = CustomDataPoint.objects.get(name="amount")
    assert (point.is_public, point.is_forwarded) == (False, False)
    change = f"/portal/rules/customdatapoint/{point.pk}/change/"
    assert admin.client.post(change, {"data_type": "number", "is_forwarded": "on"}).status_code == 302
    point.refresh_from_db()
    assert (point.is_public, point.is_forwarded) == (False, True)
