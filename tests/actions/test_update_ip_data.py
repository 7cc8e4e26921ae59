"""`manage.py update_ip_data`, and what the running program then answers."""

import pytest
from django.core.management import CommandError, call_command

from actions import ip_intel
from actions.management.commands.update_ip_data import Command
from tests.actions.ip_data_files import make_database, make_list


@pytest.fixture
def directory(settings, tmp_path):
    settings.IP_DATA_DIR = tmp_path / "ip"
    return settings.IP_DATA_DIR


def update(*arguments, capsys):
    call_command(Command(), *map(str, arguments))
    return capsys.readouterr().out


def test_without_options_it_says_what_is_loaded(directory, capsys):
    output = update(capsys=capsys)
    assert "country: iptocc" in output
    assert "tor, vpn, hosting: iporigin" in output
    assert "days old)" in output
    assert not directory.exists()


def test_everything_at_once(directory, tmp_path, capsys):
    country = make_database(
        tmp_path / "c.mmdb", kind="country", records={"81.2.69.0/24": {"country": {"iso_code": "NZ"}}}
    )
    anonymous = make_database(tmp_path / "n.mmdb", kind="anonymous", records={"5.1.1.0/24": {"is_public_proxy": True}})
    asn = make_database(tmp_path / "s.mmdb", kind="asn", records={"81.2.69.0/24": {"autonomous_system_number": 64500}})
    vpns = make_list(tmp_path / "vpns.txt", "5.1.2.0/24", "5.1.3.0/24")
    office = make_list(tmp_path / "office.txt", "5.1.2.7")
    output = update(
        *("--country", country, "--anonymous", anonymous, "--asn", asn),
        *("--list", f"vpn={vpns}", "--list", f"trusted={office}"),
        capsys=capsys,
    )
    assert "country: c.mmdb (GeoLite2-Country), operator, built" in output
    assert "vpn: vpns.txt, operator" in output
    assert ", 2 records" in output

    intel = ip_intel.lookup("81.2.69.142")
    assert (intel.country_code, intel.asn, intel.anonymizer) == ("NZ", 64500, None)
    kinds = {a: ip_intel.lookup(a).anonymizer for a in ("5.1.1.1", "5.1.2.1", "5.1.2.7")}
    assert kinds == {"5.1.1.1": "PROXY", "5.1.2.1": "VPN", "5.1.2.7": None}
    assert {source.origin for source in ip_intel.sources()} == {"operator", "embedded"}
    assert ip_intel.problem() == ""


def test_one_bad_file_changes_nothing_and_is_named_with_its_line(directory, tmp_path, capsys):
    good = make_list(tmp_path / "good.txt", "5.1.1.1")
    bad = make_list(tmp_path / "bad.txt", "5.1.1.2", "not an address")
    with pytest.raises(CommandError, match=r"bad\.txt, line 2: .*\nNothing was changed"):
        update("--list", f"vpn={good}", "--list", f"tor={bad}", capsys=capsys)
    assert ip_intel.lookup("5.1.1.1").anonymizer is None
    assert ip_intel.lookup("185.220.101.1").anonymizer == "TOR"


def test_clear_forgets_one_kind(directory, tmp_path, capsys):
    exits, vpns = make_list(tmp_path / "exits", "5.1.1.1"), make_list(tmp_path / "vpns", "5.1.1.2")
    update("--list", f"tor={exits}", "--list", f"vpn={vpns}", capsys=capsys)
    output = update("--clear", "tor", capsys=capsys)
    assert "(replaced exits, operator, " in output
    assert "vpn: vpns, operator, " in output
    assert "tor, hosting: iporigin" in output
    assert "exits" not in update(capsys=capsys)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--list", "tor"], "should be KIND=FILE"),
        (["--list", "spam=x"], "should be KIND=FILE"),
        (["--list", "tor="], "should be KIND=FILE"),
        (["--list", "tor=x", "--clear", "tor"], "given and cleared at once"),
        (["--clear", "spam"], "invalid choice"),
        (["--country", "absent.mmdb"], "absent.mmdb: cannot be read"),
    ],
)
def test_what_makes_no_sense_is_refused(directory, arguments, complaint, capsys):
    with pytest.raises(CommandError, match=complaint):
        update(*arguments, capsys=capsys)


def test_a_damaged_manifest_is_told(directory, capsys):
    directory.mkdir()
    (directory / "manifest.json").write_text("{")
    with pytest.raises(CommandError, match=r"not in use: .*manifest\.json: not readable"):
        update(capsys=capsys)
