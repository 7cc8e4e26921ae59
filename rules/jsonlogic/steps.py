"""How much one evaluation can still go through and make."""

from typing import Final

from rules.jsonlogic.errors import limit_exceeded

# Items that one evaluation of a rule can go through, loops within loops and what `reduce` gathers included.
MAX_STEPS: Final = 1_000_000
# Characters of a text that an evaluation makes, and items or values of a list, that count as one item gone through.
CHARACTERS_A_STEP: Final = 100
VALUES_A_STEP: Final = 10


class Steps:
    """How many items an evaluation can still go through."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = MAX_STEPS

    def take(self, count: int) -> None:
        """Raises an error where fewer are left."""
        self.left -= count
        if self.left < 0:
            raise limit_exceeded(f"A rule can go through {MAX_STEPS:,} items.")
