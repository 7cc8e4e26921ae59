"""`manage.py jsonlogic_suite`, and the cases that the community publishes for every engine."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from rules.jsonlogic.suite import Case, cases, outcome, passes
from rules.management.commands.jsonlogic_suite import Command

COMPATIBLE = Path(__file__).parent / "jsonlogic" / "compatible.json"
ROOT = Path(__file__).resolve().parent.parent.parent


def suite(path: Path, *entries: Any) -> Path:
    path.write_text(json.dumps(list(entries)))
    return path


def run(capsys: pytest.CaptureFixture[str], *files: Path) -> tuple[list[str], int]:
    code = 0
    try:
        call_command(Command(), *map(str, files))
    except SystemExit as exit_:
        code = int(str(exit_.code))
    return capsys.readouterr().out.splitlines(), code


def test_every_published_case_passes() -> None:
    found = [case for case in cases(json.loads(COMPATIBLE.read_text())) if isinstance(case, Case)]
    assert len(found) == 278
    assert [case for case in found if not passes(case, outcome(case))] == []


def test_the_command_ends_with_what_passed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, COMPATIBLE) == (["278/278"], 0)


def test_the_command_needs_no_database() -> None:
    nowhere = "postgresql://nobody@127.0.0.1:1/none"
    environment = os.environ | {"DATABASE_URL": nowhere, "DATABASE_OWNER_URL": nowhere}
    command = [sys.executable, "manage.py", "jsonlogic_suite", str(COMPATIBLE)]
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "278/278"


def test_files_are_counted_together_and_failures_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = suite(tmp_path / "good.json", "# a comment", {"rule": {"var": "a"}, "data": {"a": 1}, "result": 1})
    bad = suite(
        tmp_path / "bad.json",
        {"rule": {"+": [1, 1]}, "result": 2},
        "a comment",
        {"description": "sums", "rule": {"+": [1, {"var": "a"}]}, "data": {"a": 2}, "result": 4},
        {"rule": {"/": [1, 0]}, "error": {"type": "Invalid Arguments"}},
        [{"var": "a"}, {"a": True}, 1],
    )
    lines, code = run(capsys, good, bad)
    assert code == 1
    assert lines == [
        f"{bad}, case 2: sums",
        '  rule: {"+": [1, {"var": "a"}]}',
        '  data: {"a": 2}',
        '  expected: {"result": 4}',
        '  got: {"result": 3}',
        f"{bad}, case 3",
        '  rule: {"/": [1, 0]}',
        "  data: null",
        '  expected: {"error": {"type": "Invalid Arguments"}}',
        '  got: {"error": {"type": "NaN"}}',
        f"{bad}, case 4",
        '  rule: {"var": "a"}',
        '  data: {"a": true}',
        '  expected: {"result": 1}',
        '  got: {"result": true}',
        "2/5",
    ]


@pytest.mark.parametrize(
    "entry",
    [
        {"rule": {"var": ""}, "result": None},
        {"rule": {"preserve": {"a": [1]}}, "data": None, "result": {"a": [1.0]}},
        {"rule": {"throw": "mine"}, "error": {"type": "mine"}},
        {"rule": {"throw": {"preserve": {"type": "mine", "code": 1}}}, "error": {"type": "mine"}},
        {"rule": {"+": ["x"]}, "error": {"type": "NaN"}},
        {"rule": {"if": None}, "error": {"type": "Invalid Arguments"}},
        {"rule": {"no such": None}, "error": {"type": "Unknown Operator"}},
        [{"var": "a"}, {"a": 1}, 1],
        [{"var": "a"}, None, None],
    ],
)
def test_what_passes(entry: Any) -> None:
    [case] = cases([entry])
    assert isinstance(case, Case)
    assert passes(case, outcome(case))


@pytest.mark.parametrize(
    "entry",
    [
        {"rule": {"==": [1, 1]}, "result": 1},
        {"rule": 1, "result": True},
        {"rule": {"preserve": [1, 2]}, "result": [2, 1]},
        {"rule": {"preserve": {"a": 1}}, "result": {"a": True}},
        {"rule": "1", "result": 1},
        {"rule": None, "result": False},
        {"rule": {"throw": "mine"}, "result": None},
        {"rule": {"throw": "mine"}, "error": {"type": "other"}},
        {"rule": "NaN", "error": {"type": "NaN"}},
    ],
)
def test_what_does_not_pass(entry: Any) -> None:
    [case] = cases([entry])
    assert isinstance(case, Case)
    assert not passes(case, outcome(case))


def test_a_case_that_breaks_the_engine_fails_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(rule: Any, data: Any) -> Any:
        return 1 / rule

    monkeypatch.setattr("rules.jsonlogic.suite.apply", broken)
    lines, code = run(capsys, suite(tmp_path / "a.json", {"rule": 0, "result": 1}, {"rule": 1, "result": 1}))
    assert (lines[-2:], code) == (['  got: {"error": {"type": "ZeroDivisionError: division by zero"}}', "1/2"], 1)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{}", "it is no JSON list"),
        ('"text"', "it is no JSON list"),
        ("[", "it is no JSON: "),
        ("", "it is no JSON: "),
        ("\xff", "it is no JSON: "),
        ("[" * 100_000, "it is no JSON: "),
    ],
)
def test_a_file_of_another_form_is_told_and_the_others_are_run(
    content: str, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "suite.json"
    file.write_bytes(content.encode("latin-1"))
    with pytest.raises(SystemExit) as ended:
        call_command(Command(), str(file), str(COMPATIBLE))
    told = capsys.readouterr()
    assert told.err.startswith(f"{file}: {complaint}")
    assert (told.out, ended.value.code) == ("278/278\n", 1)


def test_a_file_that_is_not_there_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        call_command(Command(), str(tmp_path / "none.json"))
    told = capsys.readouterr()
    assert told.err == f"{tmp_path / 'none.json'}: No such file or directory.\n"
    assert told.out == "0/0\n"


@pytest.mark.parametrize(
    "odd", [1, None, {"rule": 1}, {"result": 1}, [1, 2], [1, 2, 3, 4], ["a comment in a list"], {}]
)
def test_an_entry_of_another_form_is_a_case_that_fails(
    odd: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = suite(tmp_path / "a.json", "a comment", {"rule": 1, "result": 1}, odd, {"rule": 2, "result": 2})
    lines, code = run(capsys, file)
    forms = '[rule, data, result] or an object with "rule" and "result" or "error"'
    assert (lines, code) == ([f"{file}, case 2: write {forms}, not {json.dumps(odd)}", "2/3"], 1)
