"""MaxMind's zips of CSV files, handed to `manage.py update_ip_data`, and what is then said of addresses."""

import zipfile
from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command

from actions import ip_files
from actions.ip_files import read_manifest
from actions.ip_intel import IpData
from tests.actions.ip_data_files import make_list

BLOCKS = (
    "network,geoname_id,registered_country_geoname_id,represented_country_geoname_id,"
    "is_anonymous_proxy,is_satellite_provider"
)
CITY_BLOCKS = f"{BLOCKS},postal_code,latitude,longitude,accuracy_radius,is_anycast"
LOCATIONS = "geoname_id,locale_code,continent_code,continent_name,country_iso_code,country_name"
CITY_LOCATIONS = f"{LOCATIONS},subdivision_1_iso_code,city_name,metro_code,time_zone,is_in_european_union"
NZ, DE = "2186224,en,OC,Oceania,NZ,New Zealand", "2921044,en,EU,Europe,DE,Germany"


@pytest.fixture
def directory(settings, tmp_path):
    settings.IP_DATA_DIR = tmp_path / "ip"
    return settings.IP_DATA_DIR


def update(*arguments):
    call_command("update_ip_data", *map(str, arguments))


def make_zip(path, **members):
    """Members by their ends: `v4`, `v6`, `places`, each a tuple of lines."""
    ends = {"v4": "Blocks-IPv4", "v6": "Blocks-IPv6", "places": "Locations-en", "german": "Locations-de"}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("GeoLite2-X-CSV_20261103/LICENSE.txt", "…")
        for member, lines in members.items():
            archive.writestr(f"GeoLite2-X-CSV_20261103/GeoLite2-X-{ends[member]}.csv", "\n".join(lines) + "\n")
    return path


def test_a_country_zip_tells_where_an_address_is_used_else_where_it_is_registered(directory, tmp_path):
    update(
        "--country",
        make_zip(
            tmp_path / "c.zip",
            german=(LOCATIONS, "1,de,OC,Ozeanien,XX,Neuseeland"),
            places=(LOCATIONS, NZ, DE, "6255148,en,EU,Europe,,"),
            v4=(BLOCKS, "5.1.1.0/24,2186224,2921044,,0,0", "5.1.2.0/24,,2921044,,0,0", "5.1.3.0/24,6255148,,,0,0"),
            v6=(BLOCKS, "2a00:1::/32,2921044,2921044,,0,0"),
        ),
    )
    data = IpData(directory)
    codes = [data.lookup(address).country_code for address in ("5.1.1.9", "5.1.2.255", "2a00:1::7")]
    assert codes == ["NZ", "DE", "DE"]
    # A continent is no country: the embedded data answers.
    assert data.lookup("5.1.3.1").country_code == IpData(None).lookup("5.1.3.1").country_code
    (entry,) = read_manifest(directory)
    assert (entry.records, entry.database_type, entry.built_at) == (4, "CSV", datetime(2026, 11, 3, tzinfo=UTC))


def test_a_city_zip_tells_the_city_where_it_is_how_surely_and_its_time(directory, tmp_path):
    update(
        "--city",
        make_zip(
            tmp_path / "c.zip",
            places=(CITY_LOCATIONS, f"{NZ},AUK,Auckland,,Pacific/Auckland,0", f"{DE},,,,,1"),
            v4=(
                CITY_BLOCKS,
                "5.1.1.0/24,2186224,2186224,,0,0,1010,-36.85,174.76,20,",
                "5.1.2.0/24,2921044,2921044,,0,0,,,,,",
            ),
        ),
    )
    found = IpData(directory).lookup("5.1.1.1")
    assert (found.country_code, found.city, found.time_zone) == ("NZ", "Auckland", "Pacific/Auckland")
    assert (found.latitude, found.longitude, found.accuracy_radius_km) == (-36.85, 174.76, 20)
    assert (IpData(directory).lookup("5.1.2.1").country_code, IpData(directory).lookup("5.1.2.1").city) == ("DE", None)


def test_a_network_and_an_anonymous_zip_need_no_places(directory, tmp_path):
    header = "network,autonomous_system_number,autonomous_system_organization"
    flags = "network,is_anonymous,is_anonymous_vpn,is_hosting_provider,is_public_proxy,is_tor_exit_node"
    # Not in every edition.
    flags += ",is_residential_proxy"
    told = ("5.1.1.0/24,1,1,0,0,0,0", "5.1.2.0/24,1,0,0,0,1,0", "5.1.3.0/24,0,0,0,0,0,0", "5.1.4.0/24,0,0,0,0,0,1")
    update(
        *("--asn", make_zip(tmp_path / "a.zip", v4=(header, '5.1.1.0/24,64500,"Example, Inc."'))),
        *("--anonymous", make_zip(tmp_path / "n.zip", v4=(flags, *told))),
    )
    data = IpData(directory)
    assert (data.lookup("5.1.1.1").asn, data.lookup("5.1.1.1").organization) == (64500, "Example, Inc.")
    assert [data.lookup(f"5.1.{third}.1").anonymizer for third in (1, 2, 4)] == ["VPN", "TOR", "PROXY"]


def test_a_single_file_of_blocks_is_enough_where_no_places_are_named(directory, tmp_path):
    header = "network,autonomous_system_number,autonomous_system_organization"
    update("--asn", make_list(tmp_path / "GeoLite2-ASN-Blocks-IPv4.csv", header, "5.1.1.0/24,64500,Example"))
    assert IpData(directory).lookup("5.1.1.1").asn == 64500
    with pytest.raises(CommandError, match="names places only by number; hand over the zip that it came in"):
        update("--country", make_list(tmp_path / "blocks.csv", BLOCKS, "5.1.1.0/24,2186224,,,0,0"))
    wrong = make_list(tmp_path / "bad.csv", header, "5.1.1.0/24,64500,Example", "5.1.2.0/24,minus,Example")
    with pytest.raises(CommandError, match=r"bad\.csv, network '5\.1\.2\.0/24': 'minus' is no autonomous system"):
        update("--asn", wrong)


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"v4": (BLOCKS,)}, r"no -Locations-en\.csv inside"),
        ({"places": (LOCATIONS, NZ)}, r"no -Blocks-IPv4\.csv or -Blocks-IPv6\.csv inside"),
        ({"places": (LOCATIONS, NZ), "v4": ("network,geoname_id",)}, "has no column registered_country_geoname_id"),
        (
            {"places": (LOCATIONS, NZ), "v4": (BLOCKS, "5.1.1.0/24,2186224,,,0,0", "5.1.2.0/24,7,,,0,0")},
            r"network '5\.1\.2\.0/24': the place '7' is not among the locations",
        ),
        (
            {"places": (LOCATIONS, NZ), "v4": (BLOCKS, "5.1.2.0/24,2186224,,,0,0", "5.1.1.0/24,2186224,,,0,0")},
            r"network '5\.1\.1\.0/24': begins before the end of an earlier line",
        ),
        ({"places": (LOCATIONS, NZ), "v4": (BLOCKS, "5.1.1.1/24,2186224,,,0,0")}, r"is no network such as 192\.0\.2"),
        ({"places": (LOCATIONS, NZ), "v4": (BLOCKS, "5.1.1.0/24,2186224")}, "line 2: not as many columns"),
        ({"places": (LOCATIONS, NZ), "v4": (BLOCKS, "5.1.1.0/24,,,,0,0")}, "holds nothing about country"),
    ],
)
def test_a_zip_that_is_not_sound_changes_nothing_and_names_the_place(directory, tmp_path, members, why):
    with pytest.raises(CommandError, match=why):
        update("--country", make_zip(tmp_path / "bad.zip", **members))
    assert read_manifest(directory) == ()


def test_a_zip_that_is_torn_or_holds_too_much_is_refused(directory, tmp_path, monkeypatch):
    sound = make_zip(tmp_path / "c.zip", places=(LOCATIONS, NZ), v4=(BLOCKS, "5.1.1.0/24,2186224,,,0,0"))
    torn = tmp_path / "torn.zip"
    torn.write_bytes(sound.read_bytes()[:-40])
    with pytest.raises(CommandError, match=r"torn\.zip: cannot be unpacked .*download it again"):
        update("--country", torn)
    monkeypatch.setattr(ip_files, "MAX_DATABASE_BYTES", 2 * 2**20)
    bomb = make_zip(tmp_path / "bomb.zip", places=(LOCATIONS, NZ), v4=(BLOCKS, "#" * 3 * 2**20))
    with pytest.raises(CommandError, match=r"bomb\.zip: may hold 2 MB at most"):
        update("--country", bomb)
    assert read_manifest(directory) == ()
