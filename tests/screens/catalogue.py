"""All scenes of the hosted pages. The first of each screen stands for it in the test suite; the command goes to all."""

from tests.screens import app, elsewhere, ends, enrolling, links, plain, proving
from tests.screens.scene import Scene

TOTP = 5
GROUPS: dict[str, list[Scene]] = {
    "codes": [scene for scene in proving.SCENES if scene.number <= TOTP],
    "proving": [scene for scene in proving.SCENES if scene.number > TOTP],
    "elsewhere": elsewhere.SCENES,
    "enrolling": enrolling.SCENES,
    "ends": ends.SCENES,
    "links": links.SCENES,
    "plain": plain.SCENES,
    "app": app.SCENES,
}


def first_of_each(scenes: list[Scene]) -> list[Scene]:
    return list({scene.screen: scene for scene in reversed(scenes)}.values())[::-1]
