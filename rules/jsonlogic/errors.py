"""What can be wrong with a rule or its evaluation: one exception, whose `type` a rule can read in `try`."""

from typing import Any, Final

# The first two are the community's; a rule throws types of its own.
INVALID_ARGUMENTS: Final = "Invalid Arguments"
NOT_A_NUMBER: Final = "NaN"
UNKNOWN_OPERATOR: Final = "Unknown Operator"
# Ours: what is not JSON, and what is larger than the limits allow.
INVALID_RULE: Final = "Invalid Rule"
LIMIT_EXCEEDED: Final = "Limit Exceeded"


class JsonLogicError(ValueError):
    """`payload` is what `try` gives to its next operand: the object that was thrown, or {"type": <what was>}.

    `path` says where, for errors of the rule itself; where an evaluation failed, a trace tells.
    """

    def __init__(self, thrown: object, message: str = "", *, path: str = "") -> None:
        self.payload: dict[str, Any] = thrown if isinstance(thrown, dict) else {"type": thrown}
        self.path = path
        kind = self.type if isinstance(self.type, str) else "An error without a text was thrown."
        super().__init__(": ".join(part for part in (path, message or kind) if part))

    @property
    def type(self) -> Any:
        """Text, unless a rule threw something else."""
        return self.payload.get("type")


def invalid_arguments(message: str) -> JsonLogicError:
    return JsonLogicError(INVALID_ARGUMENTS, message)


def not_a_number(message: str) -> JsonLogicError:
    return JsonLogicError(NOT_A_NUMBER, message)


def limit_exceeded(message: str, *, path: str = "") -> JsonLogicError:
    return JsonLogicError(LIMIT_EXCEEDED, message, path=path)
