"""Data points that local data derives: a rule on each fires where it should, and nowhere else, through HTTP."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command

from actions.models import ActionFacts
from authsignal_portal import clock
from tests.actions.ip_data_files import make_database
from tests.api.test_data_points import decided, prove, var, watch

AUCKLAND, WELLINGTON, LONDON, NOWHERE = "81.2.69.1", "81.2.70.1", "81.2.71.1", "203.0.113.10"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.4 Mobile/15E148 Safari/604.1"
)
WINDOWS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
)


def city(code, name, latitude, longitude, zone):
    location = {"latitude": latitude, "longitude": longitude, "accuracy_radius": 20, "time_zone": zone}
    return {"country": {"iso_code": code}, "city": {"names": {"en": name}}, "location": location}


@pytest.fixture
def places(settings, tmp_path):
    """Operator's data about three cities, and who runs their networks."""
    settings.IP_DATA_DIR = tmp_path / "ip"
    cities = make_database(
        tmp_path / "city.mmdb",
        kind="city",
        records={
            "81.2.69.0/24": city("NZ", "Auckland", -36.85, 174.76, "Pacific/Auckland"),
            "81.2.70.0/24": city("NZ", "Wellington", -41.29, 174.78, "Pacific/Auckland"),
            "81.2.71.0/24": city("GB", "London", 51.51, -0.13, "Europe/London"),
        },
    )
    networks = make_database(
        tmp_path / "asn.mmdb",
        kind="asn",
        records={
            "81.2.69.0/24": {"autonomous_system_number": 9500, "autonomous_system_organization": "One NZ"},
            "81.2.71.0/24": {"autonomous_system_number": 2856, "autonomous_system_organization": "British Telecom"},
        },
    )
    call_command("update_ip_data", "--country", str(cities), "--asn", str(networks), verbosity=0)


@pytest.mark.parametrize(
    ("conditions", "fires", "rests"),
    [
        ({"==": [var("ip.city"), "Auckland"]}, [AUCKLAND], [LONDON, NOWHERE, None]),
        ({"==": [var("ip.asn"), 9500]}, [AUCKLAND], [LONDON, WELLINGTON, None]),
        ({"in": ["Telecom", var("ip.organization")]}, [LONDON], [AUCKLAND, WELLINGTON, None]),
        ({"==": [var("ip.countryCode"), "NZ"]}, [AUCKLAND, WELLINGTON], [LONDON, None]),
    ],
)
def test_where_an_address_is_and_who_runs_its_network(api, acme, places, conditions, fires, rests):
    watch(acme, conditions)
    for address in fires:
        assert decided(api, {"ipAddress": address}), address
    for address in rests:
        assert not decided(api, {"ipAddress": address}), address


def test_travel_is_impossible_where_no_plane_is_fast_enough(api, acme, places, advance):
    watch(acme, {"==": [var("ip.impossibleTravel"), True]})
    assert not decided(api, {"ipAddress": LONDON}), "nobody knows where the user was before"
    prove(api, {"ipAddress": AUCKLAND})
    assert decided(api, {"ipAddress": LONDON})
    assert not decided(api, {"ipAddress": NOWHERE})
    assert not decided(api)
    assert not decided(api, {"ipAddress": LONDON}, user="bob")
    # 18,330 kilometres at 900 an hour are 20 hours and some.
    advance(20 * 3600)
    assert decided(api, {"ipAddress": LONDON})
    advance(1 * 3600)
    assert not decided(api, {"ipAddress": LONDON})


def test_naming_an_address_is_no_proof_of_having_been_there(api, acme, places):
    watch(acme, {"==": [var("ip.impossibleTravel"), True]})
    assert not decided(api, {"ipAddress": AUCKLAND})
    assert not decided(api, {"ipAddress": LONDON})


def test_travel_is_atypical_far_from_every_place_of_ninety_days(api, acme, places, advance):
    watch(acme, {"==": [var("ip.atypicalTravel"), True]})
    assert not decided(api, {"ipAddress": LONDON})
    prove(api, {"ipAddress": AUCKLAND})
    advance(40 * 3600)
    assert decided(api, {"ipAddress": LONDON})
    assert not decided(api, {"ipAddress": WELLINGTON}), "within a day's drive"
    prove(api, {"ipAddress": LONDON})
    assert not decided(api, {"ipAddress": LONDON})
    advance(91 * 86400)
    assert not decided(api, {"ipAddress": LONDON}), "without history nothing is atypical"


def test_with_countries_alone_far_countries_are_told_apart_and_neighbours_are_not(api, acme):
    watch(acme, {"==": [var("ip.impossibleTravel"), True]})
    prove(api, {"ipAddress": "202.27.184.3"})  # New Zealand
    assert decided(api, {"ipAddress": "8.8.8.8"})  # United States
    assert not decided(api, {"ipAddress": "202.27.184.4"})


@pytest.mark.parametrize(
    ("point", "agent", "value", "other"),
    [
        ("device.type", IPHONE, "mobile", WINDOWS),
        ("device.type", WINDOWS, "desktop", IPHONE),
        ("device.browser", WINDOWS, "Chrome", IPHONE),
        ("device.os", IPHONE, "iOS", WINDOWS),
        ("device.os", WINDOWS, "Windows", IPHONE),
    ],
)
def test_what_the_user_agent_says(api, acme, point, agent, value, other):
    watch(acme, {"==": [var(point), value]})
    assert decided(api, {"userAgent": agent})
    assert not decided(api, {"userAgent": other})
    assert not decided(api)


@pytest.mark.parametrize(
    ("conditions", "fires", "rests"),
    [
        ({"==": [var("user.emailDomain"), "acme.example"]}, "a@ACME.example", "a@mail.acme.example"),
        ({"==": [var("user.emailIsDisposable"), True]}, "a@mailinator.com", "a@gmail.com"),
        ({"==": [var("user.emailIsDisposable"), False]}, "a@gmail.com", "a@sub.mailinator.com"),
    ],
)
def test_what_an_email_address_says(api, acme, conditions, fires, rests):
    watch(acme, conditions)
    assert not decided(api)
    assert decided(api, {"email": fires})
    assert decided(api), "the address is kept with the user"
    assert not decided(api, {"email": rests})


@pytest.mark.parametrize(
    ("conditions", "fires", "rests"),
    [
        ({"==": [var("user.phoneCountry"), "NZ"]}, "+64211234567", "+447400123456"),
        ({"in": [var("user.phoneCountry"), ["GB", "IE"]]}, "+447400123456", "+64211234567"),
        ({"==": [var("user.phoneLineType"), "MOBILE"]}, "+447400123456", "+442079460000"),
        ({"in": [var("user.phoneLineType"), ["PREMIUM_RATE", "SHARED_COST"]]}, "+449098790000", "+447400123456"),
    ],
)
def test_what_a_phone_number_says(api, acme, conditions, fires, rests):
    watch(acme, conditions)
    assert not decided(api)
    assert decided(api, {"phoneNumber": fires})
    assert decided(api), "the number is kept with the user"
    assert not decided(api, {"phoneNumber": rests})


def wait_until(advance, hour):
    """Move the clock to the next time that it is this hour in UTC, and half past."""
    now = clock.now().astimezone(UTC)
    wanted = now.replace(hour=hour, minute=30, second=0, microsecond=0)
    advance((wanted + timedelta(days=wanted <= now) - now).total_seconds())
    return clock.now().astimezone(UTC)


def test_the_local_hour_is_that_of_the_address_else_of_the_tenant(api, acme, places, advance):
    watch(acme, {"and": [{">=": [var("time.hour"), 22]}, {"<=": [var("time.hour"), 23]}]})
    now = wait_until(advance, 22)
    assert decided(api), "UTC is the tenant's time zone"
    there = 22 + (now.astimezone(ZoneInfo("Pacific/Auckland")).utcoffset().total_seconds()) / 3600
    assert not decided(api, {"ipAddress": AUCKLAND}), f"it is {there % 24} o'clock in Auckland"
    acme.time_zone = "Asia/Tokyo"
    acme.save()
    assert not decided(api)
    assert not decided(api, {"ipAddress": NOWHERE})
    wait_until(advance, 13)
    assert decided(api), "it is half past ten in the evening in Tokyo"


def test_the_local_weekday(api, acme, places, advance):
    here = wait_until(advance, 20)
    names = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
    watch(acme, {"==": [var("time.weekday"), names[here.weekday()]]})
    assert decided(api)
    assert not decided(api, {"ipAddress": AUCKLAND}), "there it is tomorrow"


def test_the_age_of_a_user_is_counted_from_when_they_were_first_seen(api, acme, advance):
    watch(acme, {">=": [var("user.accountAgeInDays"), 30]})
    assert not decided(api)
    advance(29 * 86400)
    assert not decided(api)
    advance(86400 + 60)
    assert decided(api)
    assert not decided(api, user="bob")


def test_what_is_kept_says_where_and_when(api, acme, places):
    watch(acme, {"==": [var("ip.city"), "Auckland"]})
    assert decided(api, {"ipAddress": AUCKLAND, "userAgent": IPHONE})
    known = ActionFacts.objects.get().facts
    assert known["ip"]["city"] == "Auckland"
    assert (known["ip"]["latitude"], known["ip"]["accuracyRadiusKm"]) == (-36.85, 20)
    assert known["time"]["zone"] == "Pacific/Auckland"
    assert datetime.fromtimestamp(known["time"]["at"], UTC) <= clock.now()
    assert known["device"]["type"] == "mobile"
