"""Where an address is and whose network it is in, from the operator's databases or from its country alone."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.ip_countries import COUNTRIES
from actions.ip_files import DATABASE_KINDS, Incoming, install
from actions.ip_intel import IpData
from actions.ip_location import CITY_RADIUS_KM, Location, location_of
from actions.travel import Place
from tests.actions.ip_data_files import make_database

ADDRESS = "5.1.1.1"
NETWORK = "5.1.1.0/24"
AUCKLAND = {
    "city": {"names": {"de": "Aucklandstadt", "en": "Auckland"}},
    "country": {"iso_code": "NZ"},
    "location": {
        "latitude": -36.85,
        "longitude": 174.76,
        "accuracy_radius": 20,
        "time_zone": "Pacific/Auckland",
    },
}
MUNICH = {
    "city": {"names": {"en": "Munich"}},
    "country": {"iso_code": "DE"},
    "location": {"latitude": 48.14, "longitude": 11.58},
    "subdivisions": [{"names": {"en": "Bavaria"}}],
}


def lookup(tmp_path, address=ADDRESS, **records):
    """What is said of the address when each kind's database, and no other, says this of its network."""
    incoming = [
        Incoming(kind, make_database(tmp_path / f"{kind}.mmdb", kind=kind, records={NETWORK: record}))
        for kind, record in records.items()
    ]
    install(tmp_path / "ip", incoming, clear=DATABASE_KINDS)
    return IpData(tmp_path / "ip").lookup(address)


def where(intel):
    return (intel.latitude, intel.longitude, intel.accuracy_radius_km)


def circle(code):
    country = COUNTRIES[code]
    return (country.latitude, country.longitude, country.radius_km)


def without(record, name):
    return {key: value for key, value in record.items() if key != name}


def placed(**location):
    return MUNICH | {"location": location}


def test_a_city_database_tells_the_city_its_coordinates_and_its_time_zone(tmp_path):
    intel = lookup(tmp_path, city=AUCKLAND)
    assert (intel.country_code, intel.city, intel.time_zone) == ("NZ", "Auckland", "Pacific/Auckland")
    assert where(intel) == (-36.85, 174.76, 20)


def test_a_city_database_may_be_given_as_the_country_database(tmp_path):
    assert lookup(tmp_path, country=AUCKLAND) == lookup(tmp_path, city=AUCKLAND)


def test_without_a_radius_a_city_is_fifty_kilometres_wide_and_on_its_countrys_clock(tmp_path):
    intel = lookup(tmp_path, city=MUNICH)
    assert where(intel) == (48.14, 11.58, CITY_RADIUS_KM) == (48.14, 11.58, 50)
    assert intel.time_zone == "Europe/Berlin"


def test_without_a_time_zone_none_is_known_where_the_country_has_several(tmp_path):
    chicago = {
        "city": {"names": {"en": "Chicago"}},
        "country": {"iso_code": "US"},
        "location": {"latitude": 41.9, "longitude": -87.6},
    }
    assert lookup(tmp_path, city=chicago).time_zone is None


def test_a_region_is_as_wide_as_the_database_says_and_else_as_its_country():
    region = without(MUNICH, "city")
    assert location_of(region, "DE") == Location(*circle("DE"), time_zone="Europe/Berlin")
    region["location"] = {"latitude": 48.9, "longitude": 11.4, "accuracy_radius": 200}
    assert location_of(region, "DE") == Location(48.9, 11.4, 200, time_zone="Europe/Berlin")


def test_where_only_the_country_is_known_the_place_is_all_of_it(tmp_path):
    # What MaxMind writes of addresses somewhere in the US: 1000 km around the middle reach neither coast.
    somewhere = {
        "country": {"iso_code": "US"},
        "location": {"latitude": 37.751, "longitude": -97.822, "accuracy_radius": 1000},
    }
    assert where(lookup(tmp_path, city=somewhere)) == circle("US")
    assert where(lookup(tmp_path, country={"country": {"iso_code": "FR"}})) == circle("FR")


def test_the_embedded_data_places_an_address_in_its_country():
    intel = IpData(None).lookup("81.2.69.142")
    assert (intel.country_code, intel.city, intel.time_zone) == ("GB", None, "Europe/London")
    assert where(intel) == circle("GB")
    assert (intel.asn, intel.organization) == (None, None)


@pytest.mark.parametrize("address", [None, "10.1.2.3", "2001:db8::1"])
def test_no_address_and_addresses_for_special_purposes_are_nowhere(address):
    intel = IpData(None).lookup(address)
    assert (*where(intel), intel.city, intel.time_zone) == (None,) * 5


def test_a_country_without_a_circle_is_nowhere(tmp_path):
    intel = lookup(tmp_path, country={"country": {"iso_code": "QQ"}})
    assert (intel.country_code, where(intel)) == ("QQ", (None, None, None))


@pytest.mark.parametrize(
    "record",
    [
        placed(latitude=90.5, longitude=11.0),
        placed(latitude=48.0, longitude=-180.5),
        placed(latitude=float("nan"), longitude=11.0),
        placed(latitude="48", longitude="11"),
        placed(latitude=True, longitude=True),
        placed(latitude=48.0),
        # Open sea: not known.
        placed(latitude=0.0, longitude=0.0),
        MUNICH | {"location": [48.0, 11.0]},
        without(MUNICH, "location"),
    ],
)
def test_coordinates_that_cannot_be_leave_the_country(record):
    assert location_of(record, "DE") == Location(*circle("DE"), city="Munich", time_zone="Europe/Berlin")


@pytest.mark.parametrize("radius", [0, -5, 20_100, float("nan"), float("inf"), "20", None, True])
def test_a_radius_that_cannot_be_is_none(radius):
    record = placed(latitude=48.0, longitude=11.0, accuracy_radius=radius)
    assert location_of(record, "DE").accuracy_radius_km == CITY_RADIUS_KM


def test_the_place_comes_whole_from_the_city_database_else_from_the_country_database_else_embedded(tmp_path):
    assert lookup(tmp_path, city=AUCKLAND, country=MUNICH).country_code == "NZ"
    assert lookup(tmp_path, city=AUCKLAND, country=MUNICH).city == "Auckland"
    # A place in no country is not to be mixed with the country that another file names.
    nowhere = lookup(tmp_path, city=without(AUCKLAND, "country"), country=MUNICH)
    assert (nowhere.country_code, nowhere.city, where(nowhere)) == ("DE", "Munich", (48.14, 11.58, 50))
    embedded = lookup(tmp_path, "81.2.69.142", city=AUCKLAND, country=MUNICH)
    assert (embedded.country_code, where(embedded)) == ("GB", circle("GB"))


def test_the_network_and_who_runs_it_come_from_the_asn_database(tmp_path):
    record = {"autonomous_system_number": 64500, "autonomous_system_organization": "Example Networks Ltd"}
    intel = lookup(tmp_path, asn=record)
    assert (intel.asn, intel.organization) == (64500, "Example Networks Ltd")
    nameless = lookup(tmp_path, asn={"autonomous_system_number": 64500, "autonomous_system_organization": ""})
    assert (nameless.asn, nameless.organization) == (64500, None)


def test_a_combined_file_tells_the_network_too(tmp_path):
    traits = {"autonomous_system_number": 64501, "autonomous_system_organization": "Combined", "isp": "x"}
    combined = AUCKLAND | {"traits": traits}
    for kinds in ({"city": combined}, {"country": combined}, {"asn": combined}, {"city": AUCKLAND, "asn": combined}):
        intel = lookup(tmp_path, **kinds)
        assert (intel.asn, intel.organization) == (64501, "Combined")
    # Never the number of the one file with the name of the other.
    intel = lookup(tmp_path, city=combined, asn={"autonomous_system_number": 64500})
    assert (intel.asn, intel.organization) == (64500, None)


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
locations = st.fixed_dictionaries(
    {}, optional={"latitude": json, "longitude": json, "accuracy_radius": json, "time_zone": json}
)


@given(
    st.fixed_dictionaries(
        {}, optional={"city": json, "country": json, "location": locations | json, "subdivisions": json}
    ),
    st.sampled_from(["NZ", "QQ", None]),
)
def test_whatever_a_record_holds_the_place_is_one_or_none(record, country_code):
    location = location_of(record, country_code)
    if location.latitude is not None:
        Place(location.latitude, location.longitude, location.accuracy_radius_km, datetime.now(UTC))
    else:
        assert location.longitude is location.accuracy_radius_km is None
