"""Dynamic linking at `track`: the transaction of an action whose configuration wants one, or a refusal.

Nothing is hidden and nothing guessed: where the text that the payer must see cannot be written, nothing is challenged.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from actions import messages
from actions.models import Action, ActionFacts
from authenticators import lookalikes
from authenticators.transactions import Amount, Transaction
from authsignal_portal.errors import Conflict, InvalidRequest
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import ActionState
from rules import message_text
from rules.models import ActionConfiguration

MAX_PAYEE = 140
# Beyond it a JSON number is not exact everywhere (RFC 7493 §2.2).
MAX_EXACT = 2**53
DECIMAL = re.compile(r"(0|[1-9][0-9]{0,29})(\.[0-9]{1,18})?")
CURRENCY = re.compile(r"(?=[0-9]*[A-Za-z])[A-Za-z0-9]{2,12}")
# With a path a domain is a link to every mail program; alone it may be how a company is called (Booking.com).
DOMAIN = r"\w\.(?:[^\W\d_]{2,24}|xn--[a-z0-9-]+)|\b[0-9]{1,3}(?:\.[0-9]{1,3}){3}"
SCHEME = r"\b(?:mailto|tel|sms|bitcoin|ethereum|data|javascript):\S"
LINK = re.compile(rf"://|{SCHEME}|\bwww[0-9]*\.|(?:{DOMAIN})(?::[0-9]+|\.?:?[/?#])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Linking:
    """What an action's configuration says: the template, and the data points that hold the transaction."""

    template: str
    amount: str
    currency: str
    payee: str


def transaction(linking: Linking, *, action: Mapping[str, Any], user: Mapping[str, Any]) -> Transaction:
    """The transaction with the text that the payer will see. Raises InvalidRequest naming what is missing or wrong.

    `action` and `user` are their custom data.
    """
    names = (linking.amount, linking.currency, linking.payee)
    missing = [f"action.{name}" for name in names if action.get(name) in (None, "")]
    try:
        readable = {model: _readable(linking, model, values) for model, values in (("action", action), ("user", user))}
        text = messages.fill(linking.template, **readable)
    except messages.MissingValues as problem:
        missing += problem.names
    if missing:
        listed = ", ".join(_where(*name.split(".", 1)) for name in dict.fromkeys(missing))
        raise InvalidRequest(f"This action is linked to its transaction, and these values are missing: {listed}.")
    made = Transaction(
        amount=_amount(action[linking.amount], linking.amount),
        currency=_currency(action[linking.currency], linking.currency),
        payee=_payee(action[linking.payee], linking.payee),
        text=text,
    )
    _check_values(linking, action, user)
    if not text.strip() or len(text) > messages.MAX_MESSAGE:
        raise InvalidRequest(f"The message of this action must have 1 to {messages.MAX_MESSAGE} characters.")
    return made


def _readable(linking: Linking, model: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that the text names, each word that passes for another with its alphabet."""
    named = {name for of, name in message_text.PLACEHOLDER.findall(linking.template) if of == model} & values.keys()
    return {name: lookalikes.shown(value) if isinstance(value := values[name], str) else value for name in named}


def _amount(value: object, name: str) -> Amount:
    if isinstance(value, str) and DECIMAL.fullmatch(value):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        if value >= MAX_EXACT:
            raise InvalidRequest(f"custom.{name} is too large for an exact number. Send it as text.")
        return value
    raise InvalidRequest(
        f'custom.{name} must be the amount: a number from 0 up, or digits with at most a point ("12.50").'
    )


def _currency(value: object, name: str) -> str:
    if isinstance(value, str) and CURRENCY.fullmatch(value):
        return value
    raise InvalidRequest(f"custom.{name} must be the currency's code, such as EUR.")


def _payee(value: object, name: str) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > MAX_PAYEE:
        raise InvalidRequest(f"custom.{name} must be the payee: a text of 1 to {MAX_PAYEE} characters.")
    # Vowel signs of Indic domains are marks.
    letters = "".join(char for char in value if unicodedata.category(char)[0] != "M")
    if LINK.search(letters):
        raise InvalidRequest(f"custom.{name} must be the payee's name, not a link.")
    return value


def _check_values(linking: Linking, action: Mapping[str, Any], user: Mapping[str, Any]) -> None:
    """No value that the payer reads may look like another one."""
    used = [*message_text.PLACEHOLDER.findall(linking.template), ("action", linking.payee)]
    for model, name in used:
        value = (action if model == "action" else user).get(name)
        try:
            if isinstance(value, str):
                lookalikes.check(value)
        except lookalikes.Misleading as problem:
            told = f"{_where(model, name)} {problem}: the payer could not tell what they confirm."
            raise InvalidRequest(told) from problem


def _where(model: str, name: str) -> str:
    """Where the backend sends it."""
    return f"custom.{name}" if model == "action" else f"user.custom.{name}"


def check_needs_none(tenant: Tenant, action_code: str) -> None:
    """Raises InvalidRequest where a challenge must not begin before its transaction is known."""
    rows = ActionConfiguration.objects.filter(tenant=tenant, action_code=action_code, dynamic_linking=True)
    if rows.exists():
        raise InvalidRequest("This action is linked to its transaction: track it with its user and custom data first.")


def asked_for(tenant: Tenant, action_code: str, custom: Mapping[str, Any]) -> Transaction | None:
    """The transaction of a challenge whose user is not known yet; None where the action is linked to none.

    Its text is the default one: who will read it is not known, nor in which language.

    Raises InvalidRequest, also where the text tells something of the user.
    """
    row = ActionConfiguration.objects.filter(tenant=tenant, action_code=action_code, dynamic_linking=True).first()
    if row is None:
        return None
    linking = Linking(row.message, row.amount_data_point, row.currency_data_point, row.payee_data_point)
    return transaction(linking, action=custom, user={})


def check_may_become(action: Action, state: ActionState) -> None:
    """Nobody is asked to prove a transaction that could not be written. Raises InvalidRequest."""
    if state != ActionState.CHALLENGE_REQUIRED:
        return
    reason = ActionFacts.objects.filter(pk=action.pk).values_list("trace__notLinked", flat=True).first()
    if reason:
        raise InvalidRequest(
            f"state: this action was tracked without the transaction that it must be linked to. {reason} "
            "Track a new action with these values."
        )


# -- showing -------------------------------------------------------------------------------------


class AlteredTransaction(Conflict):
    """The rows do not say what was tracked: nothing is shown, challenged or proved."""

    default_description = "The transaction of this action is not the one that was tracked."
    default_reason = "transaction-altered"


def transaction_of(facts: ActionFacts) -> Transaction | None:
    """The transaction of an action that is linked to one. Raises AlteredTransaction."""
    if not facts.transaction_hash:
        return None
    try:
        stored = Transaction.read(facts.transaction)
    except ValueError as error:
        raise AlteredTransaction from error
    if stored.hash != facts.transaction_hash:
        raise AlteredTransaction
    return stored


def check_same(facts: ActionFacts, transaction_hash: str) -> None:
    """What was proved must be what was tracked, to the byte. Raises InvalidRequest, AlteredTransaction."""
    transaction_of(facts)
    if facts.transaction_hash != transaction_hash:
        raise InvalidRequest("The challenge was begun for another transaction.")


@dataclass(frozen=True, slots=True)
class Shown:
    """What a screen tells the user that they confirm; texts are empty where there is nothing to tell."""

    text: str = ""
    amount: str = ""
    currency: str = ""
    payee: str = ""
    hash: str = ""

    @property
    def is_linked(self) -> bool:
        """Whether a proof is bound to exactly this; if not, `text` is for information."""
        return bool(self.hash)


def transaction_shown(action: Action) -> Shown:
    """What to show with every challenge of an action, on whatever screen. Raises AlteredTransaction."""
    linked = transaction_of(action.facts)
    if linked is None:
        return Shown(text=action.facts.message)
    return Shown(
        text=linked.text,
        amount=messages.written(linked.amount),
        currency=linked.currency,
        payee=lookalikes.shown(linked.payee),
        hash=linked.hash,
    )
