"""All scenes. The first of each screen stands for it in the test suite; `python -m tests.screens` goes to all."""

from tests.screens import ends, enrolling, links, plain, proving
from tests.screens.scene import Scene

GROUPS: dict[str, list[Scene]] = {
    "proving": proving.SCENES,
    "enrolling": enrolling.SCENES,
    "ends": ends.SCENES,
    "links": links.SCENES,
    "plain": plain.SCENES,
}


def first_of_each(scenes: list[Scene]) -> list[Scene]:
    return list({scene.screen: scene for scene in reversed(scenes)}.values())[::-1]
