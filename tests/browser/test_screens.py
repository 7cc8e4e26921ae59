"""Each hosted screen once: accessible, light, unmoving, and never wider than a small phone.

With SCREENS=all (`python -m tests.screens`): every state of every screen, light and dark, at two widths, pictured.
"""

import pytest

from tests.browser.hosted import Hosted
from tests.screens import look
from tests.screens.catalogue import GROUPS, first_of_each
from tests.screens.scene import Scene
from tests.screens.stage import Stage


def wanted(group: str) -> list[Scene]:
    scenes = GROUPS[group] if look.ALL else first_of_each(GROUPS[group])
    return [scene for scene in scenes if look.ONLY.search(scene.id)]


@pytest.mark.parametrize("group", GROUPS)
def test_screens_are_accessible_and_light_and_fit_a_small_phone(hosted: Hosted, group: str) -> None:
    hosted.page.context.set_default_timeout(8_000)
    stage = Stage(hosted, everywhere=look.ALL)
    findings = [stage.look_at(scene) for scene in wanted(group)]
    wrong = look.faults(group, findings)
    hosted.problems.clear()
    assert wrong == {}
