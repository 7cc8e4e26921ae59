"""Each page of the portal full, empty, busy and with long names: accessible, unmoving, no wider than a small phone.

With SCREENS=all (`python -m tests.screens portal`): every state of every page, light and dark, at two widths, pictured.
"""

import pytest
from playwright.sync_api import Page

from tests.conftest import Server
from tests.screens import look
from tests.screens.portal.catalogue import GROUPS, first_of_each
from tests.screens.portal.scene import Scene
from tests.screens.portal.stage import Stage

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(1800 if look.ALL else 300)]


def wanted(group: str) -> list[Scene]:
    scenes = GROUPS[group] if look.ALL else first_of_each(GROUPS[group])
    return [scene for scene in scenes if look.ONLY.search(scene.id)]


@pytest.mark.parametrize("group", GROUPS)
def test_pages_are_accessible_in_light_and_dark_and_fit_a_small_phone(server: Server, page: Page, group: str) -> None:
    page.context.set_default_timeout(8_000)
    stage = Stage(server, page, everywhere=look.ALL)
    wrong = look.faults(group, [stage.look_at(scene) for scene in wanted(group)])
    stage.page.wait_for_load_state("networkidle")
    assert wrong == {}
