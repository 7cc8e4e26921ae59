"""Which provider carries what, the built-in one, and which numbers get no SMS."""

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import phonenumbers
import pytest
from django.core.exceptions import ImproperlyConfigured

from authenticators import messaging
from authenticators.messaging import builtin, countries, provider_for
from authsignal_portal import checks
from authsignal_portal.errors import InvalidRequest
from authsignal_portal.sms_countries import HIGH_RISK
from authsignal_portal.vocabulary import Channel
from tests.authenticators.peers import IDENT, make_email, make_sms, refusal

# -- the registry --


def test_the_settings_check_knows_every_provider_and_its_channels():
    known = {
        channel.value: {name for name, provider in messaging.PROVIDERS.items() if channel in provider.channels}
        for channel in Channel
        # No setting chooses how alarms go.
        if channel != Channel.ALARM
    }
    assert {name: kinds | {"none"} for name, kinds in known.items()} == checks.PROVIDERS


@pytest.mark.parametrize("name", ["pigeon", "twilio", ""])
def test_a_provider_that_cannot_carry_the_channel_is_refused_loudly(settings, name):
    settings.MESSAGE_PROVIDERS = {"EMAIL": name, "SMS": "builtin"}
    with pytest.raises(ImproperlyConfigured, match="EMAIL_PROVIDER"):
        provider_for(Channel.EMAIL)


# -- built-in --


@pytest.fixture
def outbox_file(settings, tmp_path) -> Path:
    settings.OUTBOX_FILE = str(tmp_path / "made" / "outbox.jsonl")
    return Path(settings.OUTBOX_FILE)


def test_the_built_in_provider_writes_one_line_per_message(outbox_file):
    assert builtin.BuiltIn().send(make_email()) == IDENT
    builtin.BuiltIn().send(make_sms())
    first, second = map(json.loads, outbox_file.read_text().splitlines())
    assert first == {
        "channel": "EMAIL",
        "to": "alice@example.com",
        "text": "Your code: 123456 – grüße",
        "subject": "Your Acme verification code",
        "html": "<p>123456</p>",
        "code": "123456",
        "at": "2026-11-22T01:02:03.456Z",
    }
    assert second.keys() == {"channel", "to", "text", "code", "at"}
    assert second["channel"] == "SMS"


def test_only_we_may_read_the_outbox_file(outbox_file):
    builtin.BuiltIn().send(make_email())
    assert stat.S_IMODE(outbox_file.stat().st_mode) == 0o600


def test_lines_of_many_writers_stay_whole(outbox_file):
    text = "x" * 70_000
    with ThreadPoolExecutor(12) as writers:
        writers.map(lambda number: builtin.BuiltIn().send(make_email(text=f"{number} {text}")), range(12))
    lines = [json.loads(line) for line in outbox_file.read_text().splitlines()]
    assert sorted(int(line["text"].split()[0]) for line in lines) == list(range(12))


def test_an_outbox_file_that_cannot_be_written_is_tried_again_later(settings, tmp_path):
    settings.OUTBOX_FILE = str(tmp_path)
    assert not refusal(builtin.BuiltIn(), make_email()).permanent


def test_the_built_in_provider_refuses_production(settings, outbox_file):
    settings.PRODUCTION = True
    with pytest.raises(ImproperlyConfigured):
        builtin.BuiltIn().send(make_email())
    assert not outbox_file.exists()


# -- countries --


EU = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split()  # noqa: SIM905


def test_the_shipped_list_spares_our_markets():
    assert not HIGH_RISK & {"NZ", "AU", "US", "GB", *EU}
    assert len(HIGH_RISK) > 50
    assert HIGH_RISK <= phonenumbers.SUPPORTED_REGIONS


@pytest.mark.parametrize("country", ["NZ", "AU", "US", "GB", *EU])
def test_an_ordinary_mobile_number_of_our_markets_gets_sms(country):
    number = phonenumbers.example_number_for_type(country, phonenumbers.PhoneNumberType.MOBILE)
    countries.check(f"+{number.country_code}{number.national_number}", blocked=HIGH_RISK, allow_unknown=False)


@pytest.mark.parametrize(
    "number",
    [
        "+6427000000",
        "+64270000000",
        "+15555550100",  # set aside for fiction
        "+447700900000",  # likewise
        "+15005550006",  # Twilio's test number
        "12025550123",
    ],
)
def test_numbers_that_tests_and_demos_use_get_sms(number):
    countries.check(number, blocked=HIGH_RISK, allow_unknown=False)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("+99371234567", r"\(TM\)"),
        ("+8821612345", r"\(001\)"),
        ("+19005551234", "premium-rate"),
        ("+448431234567", "premium-rate"),
    ],
)
@pytest.mark.parametrize("allow_unknown", [True, False])
def test_costly_destinations_get_none(number, text, allow_unknown):
    with pytest.raises(InvalidRequest, match=text):
        countries.check(number, blocked=HIGH_RISK, allow_unknown=allow_unknown)


def test_an_empty_list_of_a_tenant_means_the_shipped_one():
    with pytest.raises(InvalidRequest):
        countries.check("+79161234567", blocked=HIGH_RISK, allow_unknown=True)


@pytest.mark.parametrize("number", ["1234567890", "+0000000", "999999999999999"])
def test_a_number_of_no_country_needs_a_provider_that_sends_nothing(number):
    countries.check(number, blocked=HIGH_RISK, allow_unknown=True)
    with pytest.raises(InvalidRequest):
        countries.check(number, blocked=HIGH_RISK, allow_unknown=False)
