"""The one place where the bank and Authsignal meet: ask before a transfer, finish it only on a proof."""

import logging
from typing import Any

from bank import Bank, Status, Transfer
from order import Order, Refused
from proof import ENROL_PASSKEY, TRANSFER, Authsignal, Decision, Unavailable, Verdict, number
from visitor import Visitor

log = logging.getLogger("acme_pay")


class Teller:
    def __init__(self, *, bank: Bank, authsignal: Authsignal, public_url: str) -> None:
        self._bank = bank
        self._authsignal = authsignal
        self._public_url = public_url

    def transfer(self, visitor: Visitor, *, request_id: str, order: Order) -> Transfer:
        """Book the order and ask whether it may happen. No answer is a refusal."""
        transfer, is_new = self._bank.begin(Transfer(id=request_id, order=order, visitor=visitor))
        if not is_new:
            return transfer
        try:
            self._bank.decide(transfer, self._track(transfer))
        except Unavailable as unavailable:
            self._bank.fail(transfer, f"{unavailable} Without an answer the bank sends nothing.")
        else:
            self._name_rules(transfer)
        return transfer

    def refresh(self, transfer: Transfer) -> None:
        """Track the same key again: the same decision with a fresh token, or a proof from another window."""
        if transfer.status is not Status.CHALLENGED:
            return
        try:
            decision = self._track(transfer)
            self._bank.decide(transfer, decision)
            if decision.state == "CHALLENGE_SUCCEEDED":
                self.settle(transfer, token=decision.token)
        except Unavailable as unavailable:
            log.warning("transfer %s keeps its old token: %s", transfer.id, unavailable)

    def settle(self, transfer: Transfer, *, token: str) -> None:
        """Have the token validated and book the verdict. Raises Unavailable; then nothing has changed."""
        self._bank.settle(transfer, self._validate(transfer.visitor, token=token, action=TRANSFER))

    def enrolment_token(self, visitor: Visitor) -> str:
        """A token with which the browser may add a passkey. A real bank asks for a proof first."""
        attributes = {"scope": "add:authenticators", **visitor.attributes}
        return self._authsignal.track(user=visitor.user, action=ENROL_PASSKEY, attributes=attributes).token

    def enrolment(self, visitor: Visitor, *, token: str) -> Verdict:
        """What became of the enrolment that ended with this token. Raises Unavailable."""
        return self._validate(visitor, token=token, action=ENROL_PASSKEY)

    def passkeys(self, user: str) -> list[dict[str, Any]] | None:
        """None where Authsignal does not say."""
        try:
            return self._authsignal.passkeys(user)
        except Unavailable:
            return None

    def _track(self, transfer: Transfer) -> Decision:
        user, order = transfer.visitor.user, transfer.order
        attributes = {
            **transfer.visitor.attributes,
            "idempotencyKey": transfer.key,
            "redirectUrl": f"{self._public_url}/transfers/{transfer.id}/return",
            "ipAddress": order.address,
            "email": f"{user}@acmepay.example",
            "username": user,
            "custom": {"transactionValue": number(order.amount), "recipient": order.recipient},
        }
        return self._authsignal.track(user=user, action=TRANSFER, attributes=attributes)

    def _validate(self, visitor: Visitor, *, token: str, action: str) -> Verdict:
        if not token:
            raise Refused("The answer came without a token, so nothing was confirmed.")
        return self._authsignal.validate(token=token, user=visitor.user, action=action)

    def _name_rules(self, transfer: Transfer) -> None:
        try:
            names = self._authsignal.rule_names(user=transfer.visitor.user, action=TRANSFER, key=transfer.key)
        except Unavailable:
            return  # The page then shows their ids alone.
        transfer.rule_names.update(names)
