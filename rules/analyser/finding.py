"""A finding: which rule, what about it, and an event that shows it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from rules.condition_tree import ROOT


class FindingKind(StrEnum):
    """In the order in which findings of one rule are told.

    NEVER_FIRES: on no event. The witness satisfies as many conditions as it can.
    ALWAYS_FIRES: on every event, whatever is missing. The witness is one.
    UNREACHABLE: can fire, but never decides: on each such event one of `others`, which come before it, fires too, and
        without any of them that would not be so. On the witness it fires and one of them decides.
    CONTRADICTION: fires exactly when each of `others`, which come before it, but wants another outcome.
    DUPLICATE: the same, and wants the same outcome. On the witness of either all fire.
    PART_NEVER: the node at `path` is never true, although the rule can fire, and no part of it alone is to blame.
    PART_ALWAYS: the node at `path` is never false, likewise: it is true, or unknown where something is missing. The
        rule fires on the witness of either.
    NEVER_SENT: the node at `path` asks for a data point that the tenant has not sent. On the witness, which has it,
        the rule fires.
    """

    NEVER_FIRES = "never_fires"
    ALWAYS_FIRES = "always_fires"
    UNREACHABLE = "unreachable"
    CONTRADICTION = "contradiction"
    DUPLICATE = "duplicate"
    PART_NEVER = "part_never"
    PART_ALWAYS = "part_always"
    NEVER_SENT = "never_sent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`others` are ids of rules; `text` is for an analyst. `witness` has JSON values by the keys of the data points
    that the rules mention; one that is left out is missing.
    """

    kind: FindingKind
    rule_id: str
    text: str
    witness: Mapping[str, Any]
    path: str = ROOT
    others: tuple[str, ...] = ()
