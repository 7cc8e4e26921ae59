"""Text: the texts that the rules name, and all others by how they begin and end and what they contain.

Of another text it is decided for each prefix, suffix and part in the rules whether it has it. The clauses say what
must hold of any text: who begins with "abc" begins with "ab" and contains "b"; nobody begins with "ab" and with "x".
They are enough: to a choice that keeps them belongs the text made of its longest prefix, its parts and its longest
suffix, with a filler before, between and after the parts that occurs in no literal. What the text begins with is then
a beginning of that prefix, since the filler follows; its clauses have made it chosen. Ends likewise. A part of the
text, free of filler, lies within the prefix, a chosen part or the suffix, and the clauses have made it chosen too.
And having filler in it the text is none of those named.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from itertools import chain, combinations, count, product
from string import ascii_lowercase, digits
from typing import Any, Final

from rules.abstraction.cnf import TRUE, holds
from rules.abstraction.domain import OPEN, Atom, Domain
from rules.types import storable

# What the forms that know a text only by its name say of one that no rule names.
_UNNAMED: Final = {"== value": -TRUE, "!= value": TRUE, "in list": -TRUE}
_BEGINS, _ENDS, _PART = "startsWith value", "endsWith value", "in member"
ASKS: Final = frozenset({*_UNNAMED, _BEGINS, _ENDS, _PART})


class Texts(Domain):
    asks = ASKS

    def list_named(self) -> Iterable[Any]:
        named = {text for atom in self.exact for text in _names(atom)}
        if any(atom.is_empty for atom in self.atoms):
            named.add("")
        return (*sorted(named), OPEN) if self.actual is None else (OPEN, *sorted(named))

    def open_atoms(self) -> Mapping[Atom, int]:
        self.begins, self.ends, self.parts = (self._chosen(form) for form in (_BEGINS, _ENDS, _PART))
        self._relate()
        chosen = {_BEGINS: self.begins, _ENDS: self.ends, _PART: self.parts}
        return {
            atom: _UNNAMED[atom.form] if atom.form in _UNNAMED else chosen[atom.form][atom.operand]
            for atom in self.exact
        }

    def _chosen(self, form: str) -> Mapping[str, int]:
        return {atom.operand: self.cnf.variable() for atom in self.exact if atom.form == form}

    def _relate(self) -> None:
        pieces = chain(self.begins.items(), self.ends.items(), self.parts.items())
        for (text, literal), (part, contained) in product(pieces, self.parts.items()):
            if part in text and literal != contained:
                self.cnf.never(literal, -contained)
        self._relate_edges(self.begins, str.startswith)
        self._relate_edges(self.ends, str.endswith)

    def _relate_edges(self, edges: Mapping[str, int], has: Callable[[str, str], bool]) -> None:
        for (one, chosen), (other, also) in combinations(sorted(edges.items(), key=lambda edge: len(edge[0])), 2):
            # The longer one comes second.
            self.cnf.never(also, -chosen) if has(other, one) else self.cnf.never(also, chosen)

    def open_value(self, model: Sequence[int]) -> str:
        begin, end = (_longest(edges, model) for edges in (self.begins, self.ends))
        parts = [part for part, literal in self.parts.items() if holds(model, literal)]
        needed = [part for part in parts if not any(part in other for other in (begin, end, *parts) if other != part)]
        return begin + self._filler.join(["", *needed, ""]) + end

    @cached_property
    def _filler(self) -> str:
        """A character that no literal has."""
        used = set().union(*self.begins, *self.ends, *self.parts, *(text for text in self.named if text is not OPEN))
        characters = chain(ascii_lowercase[::-1], digits, map(chr, count(0xA1)))
        return next(one for one in characters if one not in used and storable(one) == one)


def _names(atom: Atom) -> Iterable[str]:
    """The texts that the atom tells from all others."""
    if atom.form not in _UNNAMED:
        return ()
    return atom.operand if isinstance(atom.operand, frozenset) else (atom.operand,)


def _longest(edges: Mapping[str, int], model: Sequence[int]) -> str:
    return max((edge for edge, literal in edges.items() if holds(model, literal)), key=len, default="")
