"""Each hosted screen once: accessible, light, unmoving, and never wider than a small phone.

With SCREENS=all (`python -m tests.screens`): every state of every screen, light and dark, at two widths, pictured.
"""

import json
import os

import pytest

from tests.browser.hosted import Hosted
from tests.screens.catalogue import GROUPS, first_of_each
from tests.screens.report import PICTURES
from tests.screens.scene import Scene
from tests.screens.stage import Finding, Stage

ALL = os.environ.get("SCREENS") == "all"
ONLY = os.environ.get("SCREENS_ONLY", "")


def wanted(group: str) -> list[Scene]:
    scenes = GROUPS[group] if ALL else first_of_each(GROUPS[group])
    return [scene for scene in scenes if ONLY in scene.id]


@pytest.mark.parametrize("group", GROUPS)
def test_screens_are_accessible_and_light_and_fit_a_small_phone(hosted: Hosted, group: str) -> None:
    hosted.page.context.set_default_timeout(8_000)
    stage = Stage(hosted, everywhere=ALL)
    findings = [stage.look_at(scene) for scene in wanted(group)]
    if ALL:
        write(group, findings)
    wrong = {finding.scene.id: finding.problems for finding in findings if finding.problems}
    hosted.problems.clear()
    assert wrong == {}


def write(group: str, findings: list[Finding]) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    rows = [
        {
            "scene": finding.scene.id,
            "pictures": finding.pictures,
            "weight": finding.weight,
            "sent": finding.sent,
            "shift": round(finding.shift, 4),
            "problems": finding.problems,
        }
        for finding in findings
    ]
    (PICTURES / f"{group}.json").write_text(json.dumps(rows, indent=1))
