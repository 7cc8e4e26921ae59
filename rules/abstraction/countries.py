"""Countries, and what is true or false: the ones that the rules name, and one that they do not."""

from collections.abc import Iterable
from itertools import chain, product
from string import ascii_uppercase, digits
from typing import Any, Final

from rules.abstraction.domain import Domain

# Forms that tell countries apart only by those of their operand.
ASKS: Final = frozenset({"== value", "!= value", "in list"})
_ORDINARY: Final = ("NZ", "AU", "US", "GB", "DE", "FR", "JP", "BR", "ZA", "IN")


class Countries(Domain):
    asks = ASKS

    def list_named(self) -> Iterable[Any]:
        operands = (atom.operand for atom in self.exact)
        listed = sorted({code for one in operands for code in (one if isinstance(one, frozenset) else (one,))})
        codes = chain(_ORDINARY, map("".join, product(ascii_uppercase, ascii_uppercase + digits)))
        unlisted = next(code for code in codes if code not in listed)
        return [unlisted, *listed] if self.actual is None else [*listed, unlisted]


class Booleans(Domain):
    asks = frozenset({"== value", "!= value"})

    def list_named(self) -> Iterable[Any]:
        return (False, True)
