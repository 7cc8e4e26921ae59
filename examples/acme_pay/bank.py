"""The bank's own books: accounts, sessions, transfers. In memory only; a restart forgets everything."""

import re
import secrets
import threading
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from order import Order, Refused
from proof import TRANSFER, Decision, Verdict
from visitor import Visitor

OPENING_BALANCE = Decimal("48250.00")
USER_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")


class Status(StrEnum):
    """Where a transfer stands. Money has moved in SENT and nowhere else."""

    ASKING = "asking"
    CHALLENGED = "challenged"
    SENT = "sent"
    HELD = "held"
    BLOCKED = "blocked"
    FAILED = "failed"


# What the bank does with each state that Authsignal may decide on; any other state fails the transfer.
OUTCOMES = {
    "ALLOW": Status.SENT,
    "CHALLENGE_REQUIRED": Status.CHALLENGED,
    "REVIEW_REQUIRED": Status.HELD,
    "BLOCK": Status.BLOCKED,
}
STILL_OPEN = ("CHALLENGE_REQUIRED", "CHALLENGE_SUCCEEDED")


@dataclass
class Transfer:
    """One transfer, tracked with the idempotency key `key`: only a proof of that instance finishes it."""

    id: str
    order: Order
    visitor: Visitor
    key: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: Status = Status.ASKING
    note: str = ""
    first_state: str = ""
    decision: Decision | None = None
    rule_names: dict[str, str] = field(default_factory=dict)
    verdict: Verdict | None = None


@dataclass(frozen=True)
class Entry:
    """One line of an account's history; the amount is negative where money left."""

    title: str
    detail: str
    amount: Decimal
    at: datetime
    link: str = ""


@dataclass
class Account:
    user: str
    balance: Decimal
    entries: list[Entry]
    transfers: dict[str, Transfer] = field(default_factory=dict)

    def waiting(self) -> list[Transfer]:
        """The latest three that wait for a proof, newest first."""
        return [each for each in reversed(self.transfers.values()) if each.status is Status.CHALLENGED][:3]


class Bank:
    """Everything behind one lock, so that a transfer is finished once, however often that is asked."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._accounts: dict[str, Account] = {}
        self._sessions: dict[str, str] = {}

    def sign_in(self, name: str) -> str:
        """A new session for that customer. There is no password: this is a demonstration."""
        user = name.strip().lower()
        if not USER_NAME.fullmatch(user):
            raise Refused("Use 1 to 32 letters, digits, dots, dashes or underscores.", field="username")
        session = secrets.token_urlsafe(32)
        with self._lock:
            self._sessions[session] = user
        return session

    def sign_out(self, session: str) -> None:
        with self._lock:
            self._sessions.pop(session, None)

    def user(self, session: str) -> str | None:
        with self._lock:
            return self._sessions.get(session)

    def account(self, user: str) -> Account:
        with self._lock:
            return self._account(user)

    def transfer(self, user: str, transfer_id: str) -> Transfer | None:
        """That customer's own transfer; another customer's does not exist."""
        with self._lock:
            return self._account(user).transfers.get(transfer_id)

    def begin(self, transfer: Transfer) -> tuple[Transfer, bool]:
        """Book the intention; if one with this id stands already, that one and False."""
        with self._lock:
            account = self._account(transfer.visitor.user)
            if transfer.id in account.transfers:
                return account.transfers[transfer.id], False
            if transfer.order.amount > account.balance:
                raise Refused(f"That is more than your balance of ${account.balance:,.2f}.", field="amount")
            account.transfers[transfer.id] = transfer
            return transfer, True

    def decide(self, transfer: Transfer, decision: Decision) -> None:
        """Book an answer to `track`. Asked again with the same key, the state may have moved on meanwhile."""
        with self._lock:
            transfer.decision = decision
            transfer.first_state = transfer.first_state or decision.state
            if transfer.status is Status.ASKING:
                self._move(transfer, OUTCOMES.get(decision.state, Status.FAILED))
            elif transfer.status is Status.CHALLENGED and decision.state not in STILL_OPEN:
                self._move(transfer, Status.FAILED)
            if transfer.status is Status.FAILED and not transfer.note:
                transfer.note = f"Authsignal closed this request with the state {decision.state}."

    def settle(self, transfer: Transfer, verdict: Verdict) -> None:
        """Book an answer to `validate`: it sends a challenged transfer if it proves exactly this one."""
        with self._lock:
            if transfer.status is not Status.CHALLENGED:
                return
            transfer.verdict = verdict
            if verdict.proves(user=transfer.visitor.user, action=TRANSFER, key=transfer.key):
                self._move(transfer, Status.SENT)

    def fail(self, transfer: Transfer, note: str) -> None:
        """Give up on a transfer that was never decided. Nothing has moved and nothing will."""
        with self._lock:
            if transfer.status is Status.ASKING:
                transfer.status, transfer.note = Status.FAILED, note

    def _move(self, transfer: Transfer, status: Status) -> None:
        account = self._account(transfer.visitor.user)
        transfer.status = status
        if status is not Status.SENT:
            return
        # Several transfers may have waited for their proof at once.
        if transfer.order.amount > account.balance:
            transfer.status, transfer.note = Status.FAILED, "Your balance no longer covers this transfer."
            return
        account.balance -= transfer.order.amount
        account.entries.insert(0, _entry(transfer))

    def _account(self, user: str) -> Account:
        if user not in self._accounts:
            self._accounts[user] = Account(user=user, balance=OPENING_BALANCE, entries=_history())
        return self._accounts[user]


def _entry(transfer: Transfer) -> Entry:
    return Entry(
        title=transfer.order.recipient,
        detail="Transfer",
        amount=-transfer.order.amount,
        at=datetime.now(UTC),
        link=f"/transfers/{transfer.id}",
    )


def _history() -> list[Entry]:
    now = datetime.now(UTC)
    lines = (
        ("Corner Grocery", "Card payment", "-64.20", 1),
        ("Northwind Ltd.", "Salary", "5210.00", 3),
        ("Harbour Flats", "Rent", "-1450.00", 6),
        ("City Transit", "Card payment", "-12.80", 7),
    )
    return [
        Entry(title=title, detail=detail, amount=Decimal(amount), at=now - timedelta(days=days))
        for title, detail, amount, days in lines
    ]
