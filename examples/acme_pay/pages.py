"""Turns the bank's state into HTML. Every value is escaped unless it is Html already."""

from datetime import datetime
from decimal import Decimal
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from bank import Account, Entry, Status, Transfer
from order import ADDRESSES, PROOFS, SCENARIOS, Scenario, address_name
from proof import Verdict

TEMPLATES = Path(__file__).parent / "templates"

OUTCOME_TEXT = {
    Status.ASKING: (
        "Checking",
        "The bank is still asking whether this transfer may happen. Reload in a moment.",
    ),
    Status.CHALLENGED: ("Confirm that it is you", "This transfer needs a proof before any money moves."),
    Status.SENT: ("Sent", "The money is on its way."),
    Status.HELD: ("Held for review", "Someone at the bank will look at this transfer. No money has moved."),
    Status.BLOCKED: ("Blocked", "The bank’s rules refuse this transfer. No money has moved."),
    Status.FAILED: ("Not sent", "The transfer could not be decided, so it was refused. No money has moved."),
}
MARKS = {
    Status.ASKING: "…",
    Status.CHALLENGED: "?",
    Status.SENT: "✓",
    Status.HELD: "‖",
    Status.BLOCKED: "✕",
    Status.FAILED: "!",
}
PROVE_LABELS = {
    "passkey": "Confirm with a passkey",
    "popup": "Confirm in a pop-up",
    "redirect": "Confirm on the next page",
    "window": "Confirm in a new window",
}


class Html(str):
    """Text that is safe to put into a page as it is."""


def render(name: str, /, **values: Any) -> Html:
    """The template of that name, filled; a missing value is an error."""
    source = (TEMPLATES / f"{name}.html").read_text(encoding="utf-8")
    filled = {key: value if isinstance(value, Html) else escape(str(value)) for key, value in values.items()}
    return Html(Template(source).substitute(filled))


def join(parts: list[Html]) -> Html:
    return Html("".join(parts))


def money(amount: Decimal) -> str:
    return f"${amount:,.2f}"


class Pages:
    """The bank's pages; `settings` are the two values the browser SDK is constructed with."""

    def __init__(self, *, api_url: str, tenant_id: str) -> None:
        self._settings = {"api_url": api_url, "tenant_id": tenant_id}

    def sign_in(self) -> Html:
        return self._page("Sign in", render("sign_in"), user=None)

    def account(self, account: Account, *, passkeys: list[dict[str, Any]] | None) -> Html:
        body = render(
            "account",
            user=account.user,
            balance=money(account.balance),
            waiting=join([_waiting(each) for each in account.waiting()]),
            entries=join([_entry(each) for each in account.entries[:8]]),
            scenarios=join([_scenario(each) for each in SCENARIOS]),
            passkey=render("account_no_passkey") if passkeys == [] else Html(""),
        )
        return self._page("Your account", body, user=account.user, here="/account")

    def passkey(self, user: str, passkeys: list[dict[str, Any]] | None) -> Html:
        body = render(
            "passkey",
            username=f"{user}@acmepay.example",
            label="Add another passkey" if passkeys else "Set up a passkey",
            passkeys=_passkeys(passkeys),
        )
        return self._page("Passkeys", body, user=user, here="/passkey")

    def transfer_form(self, account: Account, query: dict[str, str]) -> Html:
        address = query.get("address", "home")
        body = render(
            "transfer",
            balance=money(account.balance),
            amount=query.get("amount", ""),
            recipient=query.get("recipient", ""),
            typed_address=query.get("typedAddress", ""),
            addresses=join([_address_choice(key, checked=key == address) for key in ADDRESSES]),
            typed_checked=Html(" checked" if address == "typed" else ""),
            proofs=join([_proof_choice(key, checked=key == query.get("prove", "passkey")) for key in PROOFS]),
        )
        return self._page("Transfer money", body, user=account.user, here="/transfer")

    def outcome(self, transfer: Transfer) -> Html:
        order = transfer.order
        title, text = OUTCOME_TEXT[transfer.status]
        what = f"{money(order.amount)} to {order.recipient}"
        body = render(
            "outcome",
            status=transfer.status,
            mark=MARKS[transfer.status],
            title=title,
            what=what,
            text=transfer.note or text,
            notice=_notice(transfer),
            action=_action(transfer),
            trace=_trace(transfer),
        )
        return self._page(f"{title}: {what}", body, user=transfer.visitor.user)

    def message(self, title: str, text: str, *, user: str | None) -> Html:
        """A page that says one thing, such as that there is no such page."""
        return self._page(title, render("message", title=title, text=text), user=user)

    def _page(self, title: str, body: Html, *, user: str | None, here: str = "") -> Html:
        header = render("header", user=user, links=_links(here)) if user else Html("")
        return render("base", title=title, header=header, body=body, **self._settings)


def _links(here: str) -> Html:
    current = Html(' aria-current="page"')
    pages = (("/account", "Account"), ("/transfer", "Transfer"), ("/passkey", "Passkeys"))
    return join([render("link", href=to, text=text, more=current if to == here else "") for to, text in pages])


def _entry(entry: Entry) -> Html:
    title = render("link", href=entry.link, text=entry.title, more="") if entry.link else Html(escape(entry.title))
    sign = "+" if entry.amount > 0 else "−"
    return render(
        "entry",
        initial=entry.title[:1].upper(),
        title=title,
        detail=f"{entry.detail} · {_day(entry.at)}",
        amount=f"{sign}{money(abs(entry.amount))}",
        direction="in" if entry.amount > 0 else "out",
    )


def _waiting(transfer: Transfer) -> Html:
    return render(
        "entry",
        initial="?",
        title=render("link", href=f"/transfers/{transfer.id}", text=transfer.order.recipient, more=""),
        detail="Waiting for you to confirm",
        amount=money(transfer.order.amount),
        direction="out",
    )


def _day(at: datetime) -> str:
    return f"{at.day} {at:%b}"


def _scenario(scenario: Scenario) -> Html:
    address, name, _ = ADDRESSES[scenario.address]
    return render(
        "scenario",
        link=scenario.link,
        title=scenario.title,
        detail=f"{money(Decimal(scenario.amount))} from {name} ({address})",
        expected=scenario.expected,
        why=scenario.why,
    )


def _address_choice(key: str, *, checked: bool) -> Html:
    address, name, detail = ADDRESSES[key]
    return _choice("address", key, name, f"{address}, {detail}", checked=checked)


def _proof_choice(key: str, *, checked: bool) -> Html:
    name, detail = PROOFS[key]
    return _choice("prove", key, name, detail, checked=checked)


def _choice(group: str, value: str, name: str, detail: str, *, checked: bool) -> Html:
    mark = Html(" checked" if checked else "")
    return render("choice", group=group, value=value, name=name, detail=detail, checked=mark)


def _passkeys(passkeys: list[dict[str, Any]] | None) -> Html:
    if passkeys is None:
        return render("notice", kind="bad", text="Your passkeys cannot be listed now: Authsignal does not answer.")
    if not passkeys:
        return render("notice", kind="hint", text="You have no passkey yet.")
    return Html(f'<ul class="rows" aria-label="Your passkeys">{join([_passkey(each) for each in passkeys])}</ul>')


def _passkey(passkey: dict[str, Any]) -> Html:
    credential = passkey.get("webauthn_credential") or {}
    mapping = credential.get("aaguid_mapping") or {}
    name = mapping.get("name") or credential.get("name") or "Passkey"
    return render("passkey_row", name=name, created=str(passkey.get("created_at") or "")[:10])


def _notice(transfer: Transfer) -> Html:
    if transfer.status is not Status.CHALLENGED or transfer.verdict is None:
        return Html("")
    reason = _doubt(transfer, transfer.verdict)
    return render("notice", kind="bad", text=f"Not confirmed: {reason}. Nothing was sent.")


def _doubt(transfer: Transfer, verdict: Verdict) -> str:
    """Why a verdict did not send the money."""
    if verdict.error:
        return verdict.error.rstrip(".")
    if verdict.key != transfer.key:
        return "the token belongs to another request"
    if verdict.state == "CHALLENGE_REQUIRED":
        return "the challenge was left before it was finished"
    return f"the state is {verdict.state or 'not known'}"


def _action(transfer: Transfer) -> Html:
    if transfer.status is not Status.CHALLENGED or transfer.decision is None:
        return render("outcome_done")
    wanted = transfer.order.prove
    lacks_passkey = wanted == "passkey" and "PASSKEY" not in transfer.decision.methods
    first = "popup" if lacks_passkey else wanted
    return render(
        "outcome_prove",
        id=transfer.id,
        token=transfer.decision.token,
        url=transfer.decision.url,
        prove=first,
        label=PROVE_LABELS[first],
        others=join([_other(key) for key in PROOFS if key != first]),
        no_passkey=render("outcome_no_passkey") if lacks_passkey else Html(""),
    )


def _other(key: str) -> Html:
    return render("outcome_other", prove=key, label=PROVE_LABELS[key])


def _trace(transfer: Transfer) -> Html:
    """What happened, step by step, for whoever wants to see the product work."""
    order, is_sent = transfer.order, transfer.status is Status.SENT
    asked = f"ipAddress {order.address} ({address_name(order.address)}), custom.transactionValue {order.amount}"
    is_proved = transfer.verdict is not None and is_sent
    steps = [
        _step("Tracked", asked, done=True),
        _step("Decided", transfer.first_state or "no answer", done=bool(transfer.first_state)),
        _step("Rules that fired", _rules(transfer), done=bool(transfer.first_state)),
        _step("Token validated", _validated(transfer), done=is_proved),
        _step("Money moved", "yes, once" if is_sent else "no", done=is_sent),
    ]
    device = transfer.visitor.device_id or "not known"
    return render("trace", steps=join(steps), key=transfer.key, device=device)


def _rules(transfer: Transfer) -> str:
    if transfer.decision is None:
        return "not known"
    names = transfer.rule_names
    fired = [f"{names[rule]} ({rule})" if rule in names else rule for rule in transfer.decision.rule_ids]
    return "; ".join(fired) or "none"


def _validated(transfer: Transfer) -> str:
    verdict = transfer.verdict
    if verdict is None:
        return "not yet" if transfer.status is Status.CHALLENGED else "not needed"
    if transfer.status is not Status.SENT:
        return f"no: {_doubt(transfer, verdict)}"
    method = verdict.method or "a method that was not named"
    return f"yes: {verdict.state} by {method}, for this user, action and idempotency key"


def _step(name: str, text: str, *, done: bool) -> Html:
    return render("trace_step", name=name, text=text, state="reached" if done else "open")
