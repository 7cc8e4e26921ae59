"""Each hosted screen once: accessible, light, unmoving, and never wider than a small phone.

With SCREENS=all (`python -m tests.screens`): every state of every screen, light and dark, at two widths, pictured.
"""

import re
from pathlib import Path

import pytest

from tests.browser.hosted import Hosted
from tests.screens import look
from tests.screens.catalogue import GROUPS, first_of_each
from tests.screens.scene import Scene
from tests.screens.stage import Stage

SCENES = [scene for scenes in GROUPS.values() for scene in scenes]
TEMPLATES = Path(__file__).resolve().parent.parent.parent / "templates"
TITLE = re.compile(r"<h1[^>]*>(.*?)</h1>", re.DOTALL)
WORDS = re.compile(r'{% translate "([^"]+)" %}')


def wanted(group: str) -> list[Scene]:
    scenes = GROUPS[group] if look.ALL else first_of_each(GROUPS[group])
    return [scene for scene in scenes if look.ONLY.search(scene.id)]


def test_every_screen_of_the_templates_is_in_the_catalogue() -> None:
    """By its headings: each of them is what some scene shows."""
    templates = [path for folder in ("challenge", "app") for path in (TEMPLATES / folder).rglob("*.html")]
    found = {words for path in templates for title in TITLE.findall(path.read_text()) for words in WORDS.findall(title)}
    assert found - {scene.heading for scene in SCENES} == set()


def test_the_web_app_has_every_screen_and_the_named_states_in_the_catalogue() -> None:
    screens = set(re.findall(r'id="screen-(\w+)"', (TEMPLATES / "app" / "page.html").read_text())) | {"offline"}
    scenes = GROUPS["app"]
    assert {f"app-{name}" for name in screens} <= {scene.screen for scene in scenes}
    assert {"empty", "loading", "error", "long", "full"} <= {scene.name for scene in scenes}
    assert len({scene.id for scene in SCENES}) == len(SCENES)


@pytest.mark.parametrize("group", GROUPS)
def test_screens_are_accessible_and_light_and_fit_a_small_phone(hosted: Hosted, group: str) -> None:
    hosted.page.context.set_default_timeout(8_000)
    stage = Stage(hosted, everywhere=look.ALL)
    findings = [stage.look_at(scene) for scene in wanted(group)]
    wrong = look.faults(group, findings)
    hosted.problems.clear()
    assert wrong == {}
