"""DB-IP's CSV files and packed ones, handed to `manage.py update_ip_data`, and what is then said of addresses."""

import io
import tarfile
import zipfile
from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command

from actions import ip_files
from actions.ip_countries import COUNTRIES
from actions.ip_files import MANIFEST, read_manifest
from actions.ip_intel import IpData
from actions.ip_location import CITY_RADIUS_KM
from actions.management.commands.update_ip_data import Command
from tests.actions.ip_data_files import make_database, make_list, packed

CITY_LINE = "5.1.1.0,5.1.1.255,OC,NZ,Auckland,Auckland (Ponsonby),-36.85,174.76"


@pytest.fixture
def directory(settings, tmp_path):
    settings.IP_DATA_DIR = tmp_path / "ip"
    return settings.IP_DATA_DIR


def update(*arguments):
    call_command(Command(), *map(str, arguments))


def lookup(directory, address):
    return IpData(directory).lookup(address)


# --- what is read


def test_a_country_file_tells_the_country_of_every_address_in_its_ranges(directory, tmp_path):
    update(
        "--country",
        make_list(
            tmp_path / "dbip-country-lite-2026-11.csv",
            "5.0.0.0,5.0.255.255,ZZ",
            "5.1.1.0,5.1.1.255,NZ",
            "5.1.2.4,5.1.2.4,de",
            "2a00:1::,2a00:1:ffff:ffff:ffff:ffff:ffff:ffff,FR",
        ),
    )
    addresses = ("5.1.0.255", "5.1.1.0", "5.1.1.255", "5.1.2.0", "5.1.2.4", "::ffff:5.1.2.4", "5.1.2.5", "2a00:1::9")
    # The embedded data answers where the file names no country.
    embedded = {address: IpData(None).lookup(address).country_code for address in addresses}
    told = {"5.1.1.0": "NZ", "5.1.1.255": "NZ", "5.1.2.4": "DE", "::ffff:5.1.2.4": "DE", "2a00:1::9": "FR"}
    assert {address: lookup(directory, address).country_code for address in addresses} == embedded | told
    assert lookup(directory, "5.1.1.7").latitude == COUNTRIES["NZ"].latitude
    assert lookup(directory, "5.0.0.1").country_code == IpData(None).lookup("5.0.0.1").country_code
    assert read_manifest(directory)[0].records == 4


@pytest.mark.parametrize("option", ["--city", "--country"])
def test_a_city_file_tells_the_city_and_where_it_is(directory, tmp_path, option):
    update(option, make_list(tmp_path / "dbip-city-lite.csv", CITY_LINE, '5.1.2.0,5.1.2.255,EU,DE,"A, B",,,'))
    intel = lookup(directory, "5.1.1.7")
    assert (intel.country_code, intel.city) == ("NZ", "Auckland (Ponsonby)")
    assert (intel.latitude, intel.longitude, intel.accuracy_radius_km) == (-36.85, 174.76, CITY_RADIUS_KM)
    # New Zealand has two time zones, and the file tells none.
    assert intel.time_zone is None
    bare = lookup(directory, "5.1.2.7")
    assert (bare.country_code, bare.city, bare.time_zone) == ("DE", None, "Europe/Berlin")
    assert bare.accuracy_radius_km == COUNTRIES["DE"].radius_km


def test_an_asn_file_tells_the_network_and_who_runs_it(directory, tmp_path):
    file = make_list(
        tmp_path / "dbip-asn-lite.csv",
        '5.1.1.0,5.1.1.255,64500,"Example Networks, Inc. ""North"""',
        "5.1.2.0,5.1.2.255,0,",
        "5.1.3.0,5.1.3.255,,nobody",
        "5.1.4.0,5.1.4.255,4294967295,Größte GmbH",
    )
    update("--asn", file)
    networks = [lookup(directory, f"5.1.{third}.1") for third in range(1, 6)]
    assert [(intel.asn, intel.organization) for intel in networks] == [
        (64500, 'Example Networks, Inc. "North"'),
        (None, None),
        (None, None),
        (4294967295, "Größte GmbH"),
        (None, None),
    ]


def test_lines_may_end_as_on_windows_and_blank_ones_do_not_count(directory, tmp_path):
    file = tmp_path / "c.csv"
    file.write_bytes(b"\xef\xbb\xbf5.1.1.0,5.1.1.255,NZ\r\n\r\n5.1.2.0,5.1.2.255,DE\r\n\r\n")
    update("--country", file)
    assert [lookup(directory, f"5.1.{third}.1").country_code for third in (1, 2)] == ["NZ", "DE"]
    assert read_manifest(directory)[0].records == 2


def test_every_format_may_be_packed_and_tells_its_date(directory, tmp_path):
    written = datetime(2026, 11, 1, 4, 5, 6, tzinfo=UTC)
    database = make_database(tmp_path / "a.mmdb", kind="asn", records={"5.1.1.0/24": {"autonomous_system_number": 7}})
    update(
        *("--country", packed(make_list(tmp_path / "c.csv", "5.1.1.0,5.1.1.255,NZ"), written=written)),
        *("--asn", packed(database)),
        *("--list", f"vpn={packed(make_list(tmp_path / 'v.txt', '5.1.1.0/24'), written=written)}"),
    )
    intel = lookup(directory, "5.1.1.1")
    assert (intel.country_code, intel.asn, intel.anonymizer) == ("NZ", 7, "VPN")
    dates = {entry.name: entry.built_at for entry in read_manifest(directory)}
    assert dates["c.csv.gz"] == dates["v.txt.gz"] == written
    # A database has a date of its own.
    assert dates["a.mmdb.gz"].date() == datetime.now(UTC).date()


def test_comments_of_a_list_begin_as_is_usual_and_may_hold_any_bytes(directory, tmp_path):
    file = tmp_path / "vpns"
    file.write_bytes(b"// of the office\n5.1.1.10 // caf\xe9\n5.1.1.11 ; SBL1\n5.1.1.12 # ours\n")
    update("--list", f"vpn={file}")
    assert [lookup(directory, f"5.1.1.{last}").anonymizer for last in (10, 11, 12, 13)] == ["VPN", "VPN", "VPN", None]


def test_a_list_may_name_ranges(directory, tmp_path):
    file = make_list(
        tmp_path / "vpns",
        "5.1.1.10-5.1.1.20 # ours",
        "5.1.1.15 - 5.1.1.30",
        "2a00:1::5-2a00:1::ffff",
        "::ffff:5.1.2.0-::ffff:5.1.2.7",
        "5.0.0.0-5.0.0.0",
    )
    update("--list", f"vpn={file}")
    inside = ("5.1.1.10", "5.1.1.30", "2a00:1::5", "2a00:1::ffff", "5.1.2.7", "5.0.0.0")
    outside = ("5.1.1.9", "5.1.1.31", "2a00:1::4", "2a00:1::1:0", "5.1.2.8", "5.0.0.1")
    assert [lookup(directory, address).anonymizer for address in inside] == ["VPN"] * 6
    assert [lookup(directory, address).anonymizer for address in outside] == [None] * 6


# --- what it replaced


def test_the_command_says_what_is_in_use_and_what_it_replaced(directory, tmp_path, capsys):
    def run(*arguments):
        update(*arguments)
        return capsys.readouterr().out.splitlines()

    october, november = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
    old = packed(make_list(tmp_path / "old.csv", "5.1.1.0,5.1.1.255,NZ"), written=october)
    new = packed(make_list(tmp_path / "new.csv", "5.1.1.0,5.1.1.255,NZ", "5.1.2.0,5.1.2.9,DE"), written=november)
    told = {
        file: f"{file}.csv.gz (CSV), operator, built {date}"
        for file, date in (("old", "2026-10-01"), ("new", "2026-11-01"))
    }

    first = run("--country", old)[0]
    assert first.startswith(f"country: {told['old']} (")
    assert "days old), 1 records (replaced iptocc " in first
    second = run("--country", new)[0]
    assert second.startswith(f"country: {told['new']} (")
    assert f"days old), 2 records (replaced {told['old']} (" in second
    assert second.endswith("days old), 1 records)")
    cleared = run("--clear", "country")[0]
    assert cleared.startswith("country: iptocc ")
    assert f"(replaced {told['new']} (" in cleared

    assert "replaced nothing" in run("--city", make_list(tmp_path / "city.csv", CITY_LINE))[0]
    assert run("--clear", "city")[0].startswith("city: nothing (replaced city.csv (CSV), operator, ")
    two = [make_list(tmp_path / name, "5.1.1.1") for name in ("exits", "more")]
    exits = run(*(f"--list=tor={file}" for file in two))[0]
    assert exits.startswith("tor: exits, operator, ")
    assert "; more, operator, " in exits
    assert "(replaced iporigin " in exits
    anonymous = make_database(tmp_path / "n.mmdb", kind="anonymous", records={"5.1.1.0/24": {"is_anonymous": True}})
    assert "(replaced iporigin " in run("--anonymous", anonymous)[0]
    assert not [line for line in run() if "replaced" in line]


# --- what is refused


ORDER = "ranges must ascend and not overlap"


@pytest.mark.parametrize(
    ("option", "line", "complaint"),
    [
        ("--country", "5.1.1.0,5.1.1.255", "2 columns; expected 3"),
        ("--country", "5.1.1.0,5.1.1.255,NZ,more", "4 columns; expected 3"),
        ("--country", "<html>", "1 columns; expected 3"),
        ("--country", "5.1.1.0,5.1.1.255,New Zealand", "no two-letter country code"),
        ("--country", "5.1.1,5.1.1.255,NZ", "'5.1.1' is no IPv4 or IPv6 address"),
        ("--country", "5.1.1.0,5.1.1.256,NZ", "no IPv4 or IPv6 address"),
        ("--country", "5.1.1.0,05.1.1.255,NZ", "no IPv4 or IPv6 address"),
        ("--country", "83951872,83952127,NZ", "no IPv4 or IPv6 address"),
        ("--country", "5.1.1.9,5.1.1.0,NZ", "ends before it starts"),
        ("--country", "5.1.1.0,2a00::,NZ", "different versions of IP"),
        ("--country", "5.1.0.255,5.1.0.255,NZ", ORDER),
        ("--country", "5.0.255.0,5.1.1.0,NZ", ORDER),
        ("--country", "5.0.0.0,5.0.0.255,NZ", ORDER),
        ("--country", '5.1.1.0,5.1.1.255,"NZ', "unexpected end of data"),
        ("--country", '5.1.1.0,5.1.1.255,"N"Z', "expected after"),
        ("--city", "5.1.1.0,5.1.1.255,OC,NZ,Auckland,Auckland,-36.85", "7 columns; expected 8"),
        ("--city", "5.1.1.0,5.1.1.255,OC,NZ,Auckland,Auckland,-90.01,174.76", "no place on earth"),
        ("--city", "5.1.1.0,5.1.1.255,OC,NZ,Auckland,Auckland,-36.85,180.01", "no place on earth"),
        ("--city", "5.1.1.0,5.1.1.255,OC,NZ,Auckland,Auckland,nan,174.76", "no place on earth"),
        ("--city", "5.1.1.0,5.1.1.255,OC,NZ,Auckland,Auckland,-36.85,", "no latitude and longitude"),
        ("--city", "5.1.1.0,5.1.1.255,OC,NZ,Auckland,Auckland,south,east", "no latitude and longitude"),
        ("--asn", "5.1.1.0,5.1.1.255,64500", "3 columns; expected 4"),
        ("--asn", "5.1.1.0,5.1.1.255,4294967296,X", "no autonomous system's number"),
        ("--asn", "5.1.1.0,5.1.1.255,-1,X", "no autonomous system's number"),
        ("--asn", "5.1.1.0,5.1.1.255,٧,X", "no autonomous system's number"),
        ("--asn", f"5.1.1.0,5.1.1.255,{'9' * 5000},X", "no autonomous system's number"),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_changed(directory, tmp_path, option, line, complaint):
    good = {
        "--country": "5.1.0.0,5.1.0.255,FR",
        "--city": "5.1.0.0,5.1.0.255,EU,FR,,Paris,48.9,2.4",
        "--asn": "5.1.0.0,5.1.0.255,64499,W",
    }
    update(option, make_list(tmp_path / "before.csv", good[option]))
    before = (directory / MANIFEST).read_bytes()
    bad = make_list(tmp_path / "bad.csv", good[option], line)
    other = make_list(tmp_path / "other.txt", "5.1.0.1")
    with pytest.raises(CommandError, match=rf"bad\.csv, line [23]: .*{complaint}.*\nNothing was changed") as refusal:
        update("--list", f"tor={other}", option, bad)
    assert len(str(refusal.value)) < 400
    assert (directory / MANIFEST).read_bytes() == before
    intel = lookup(directory, "5.1.0.1")
    assert (intel.country_code == "FR", intel.asn == 64499, intel.anonymizer) == (
        option != "--asn",
        option == "--asn",
        None,
    )
    assert len([path for path in directory.iterdir() if path.name != ".lock"]) == 2


@pytest.mark.parametrize(
    ("option", "lines", "complaint"),
    [
        ("--country", [], "holds nothing about country"),
        ("--country", ["5.1.1.0,5.1.1.255,ZZ"], "holds nothing about country"),
        ("--country", ["country,start"], "line 1: 2 columns are neither"),
        ("--country", ["5.1.1.0,5.1.1.255,64500,Example"], "line 1: 4 columns are neither"),
        ("--city", ["5.1.1.0,5.1.1.255,NZ"], "line 1: 3 columns are neither"),
        ("--city", ["5.1.1.0,5.1.1.255,OC,NZ,Auckland,Auckland,,"], "holds nothing about city"),
        ("--asn", ["5.1.1.0,5.1.1.255,NZ"], "line 1: 3 columns are neither"),
        ("--asn", ["5.1.1.0,5.1.1.255,,"], "holds nothing about asn"),
        ("--anonymous", ["5.1.1.0,5.1.1.255,1"], "CSV files are not read for anonymous"),
    ],
)
def test_a_file_about_something_else_is_refused(directory, tmp_path, option, lines, complaint):
    with pytest.raises(CommandError, match=rf"x\.csv.*{complaint}"):
        update(option, make_list(tmp_path / "x.csv", *lines))
    assert read_manifest(directory) == ()


def test_a_file_that_is_no_text_is_refused_with_its_line(directory, tmp_path):
    file = tmp_path / "latin.csv"
    file.write_bytes(b"5.1.1.0,5.1.1.255,64500,Gr\xf6\xdfte GmbH\n")
    with pytest.raises(CommandError, match=r"latin\.csv, line 1: .*utf-8"):
        update("--asn", file)


@pytest.mark.parametrize("keep", [1, 5, 18, -1, -8, -9])
def test_a_packed_file_that_is_cut_short_is_refused(directory, tmp_path, keep):
    lines = [f"5.1.{third}.0,5.1.{third}.255,NZ" for third in range(200)]
    whole = packed(make_list(tmp_path / "c.csv", *lines))
    update("--country", whole)
    before = (directory / MANIFEST).read_bytes()
    cut = tmp_path / "cut.csv.gz"
    cut.write_bytes(whole.read_bytes()[:keep])
    with pytest.raises(CommandError, match=r"cut\.csv\.gz"):
        update("--country", cut)
    damaged = bytearray(whole.read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    cut.write_bytes(damaged)
    with pytest.raises(CommandError, match=r"cut\.csv\.gz: cannot be unpacked \(.*\); download it again"):
        update("--country", cut)
    assert (directory / MANIFEST).read_bytes() == before
    assert lookup(directory, "5.1.7.7").country_code == "NZ"


def test_a_packed_database_or_list_that_is_cut_short_is_refused(directory, tmp_path):
    database = make_database(
        tmp_path / "c.mmdb", kind="country", records={"5.1.1.0/24": {"country": {"iso_code": "NZ"}}}
    )
    exits = make_list(tmp_path / "exits", *(f"5.1.1.{last}" for last in range(200)))
    for option, prefix, file in (("--country", "", packed(database)), ("--list", "tor=", packed(exits))):
        file.write_bytes(file.read_bytes()[:-12])
        with pytest.raises(CommandError, match=r"cannot be unpacked .*download it again"):
            update(option, f"{prefix}{file}")
    assert read_manifest(directory) == ()


def test_archives_of_several_files_are_refused_with_what_to_do(directory, tmp_path):
    inside = make_list(tmp_path / "c.csv", "5.1.1.0,5.1.1.255,NZ")
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        archive.add(inside, "GeoLite2-Country_20261101/c.csv")
    (tmp_path / "c.tar.gz").write_bytes(content.getvalue())
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.write(inside, "c.csv")
    with pytest.raises(CommandError, match=r"c\.tar\.gz: is a tar archive; unpack it"):
        update("--country", tmp_path / "c.tar.gz")
    for file, kind in (("c.tar.gz", "tar"), ("c.zip", "zip")):
        with pytest.raises(CommandError, match=rf"{file}: is a {kind} archive; unpack it"):
            update("--list", f"tor={tmp_path / file}")


def test_what_unpacks_to_too_much_is_refused_before_it_fills_the_disk(directory, tmp_path, monkeypatch):
    monkeypatch.setattr(ip_files, "MAX_LIST_BYTES", 3 * 2**20)
    bomb = tmp_path / "bomb.gz"
    bomb.write_bytes(packed(make_list(tmp_path / "bomb", "#" * 50 * 2**20)).read_bytes())
    assert bomb.stat().st_size < 2**17
    with pytest.raises(CommandError, match=r"bomb\.gz: may have 3 MB at most; split it"):
        update("--list", f"tor={bomb}")
    assert [path.name for path in directory.iterdir()] == [".lock"]
