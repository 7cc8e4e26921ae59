"""All scenes of the portal. The test suite goes to the first of each page's full, empty, loading and long ones."""

from tests.screens.portal import door, lists, overview, rules, settings, users
from tests.screens.portal.scene import Scene

GROUPS: dict[str, list[Scene]] = {
    "portal-overview": [*overview.SCENES, *users.SCENES, *door.SCENES],
    "portal-rules": [*rules.SCENES, *lists.SCENES],
    "portal-settings": settings.SCENES,
}
IN_THE_SUITE = ("full", "empty", "loading", "long")


def first_of_each(scenes: list[Scene]) -> list[Scene]:
    """Of each page and kind of state."""
    wanted = [scene for scene in scenes if scene.kind in IN_THE_SUITE]
    return list({(scene.page, scene.kind): scene for scene in reversed(wanted)}.values())[::-1]
