"""What a customer may ask for: an order read from the form, the addresses to try, the four scenarios."""

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlencode

LIMIT = Decimal("1000000.00")
AMOUNT = re.compile(r"[0-9]{1,9}(\.[0-9]{1,2})?")
REQUEST_ID = re.compile(r"[0-9a-f-]{36}")


class Refused(Exception):
    """The customer asked for something impossible. The message is for them; `field` names the input."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class Order:
    """What the customer wants, checked."""

    amount: Decimal
    recipient: str
    address: str
    prove: str


@dataclass(frozen=True)
class Scenario:
    title: str
    amount: str
    address: str
    expected: str
    why: str

    @property
    def link(self) -> str:
        return "/transfer?" + urlencode({"amount": self.amount, "recipient": "Sam Rivera", "address": self.address})


# This is a demonstration, so the customer chooses where they seem to come from. 203.0.113.10 is reserved for
# documentation and stands for home; the other two belong to a real VPN provider and a real Tor exit.
ADDRESSES = {
    "home": ("203.0.113.10", "Home", "an ordinary connection"),
    "anonymous": ("185.213.154.66", "Anonymous", "of a VPN provider"),
    "tor": ("185.220.101.1", "Tor exit", "of the Tor network"),
}

# How the customer proves that it is them, in the words of the browser SDK.
PROOFS = {
    "passkey": ("Passkey, on this page", "Your device asks for your fingerprint, face or PIN"),
    "popup": ("Pop-up", "A dialog over this page"),
    "redirect": ("Redirect", "A page of its own, then back here"),
    "window": ("New window", "A small window beside this one"),
}

SCENARIOS = (
    Scenario("Anonymous, small amount", "100", "anonymous", "challenge", "The address is anonymous"),
    Scenario("Home, large amount", "3000", "home", "challenge", "More than $2,000"),
    Scenario("Home, everyday amount", "500", "home", "allow", "Nothing unusual"),
    Scenario("Tor, any amount", "25", "tor", "challenge", "The address is a Tor exit"),
)


def read_order(form: dict[str, Any]) -> Order:
    """The order in a submitted form; raises Refused with the field and what to do."""
    return Order(
        amount=_amount(_text(form, "amount")),
        recipient=_recipient(_text(form, "recipient")),
        address=_address(_text(form, "address"), _text(form, "typedAddress")),
        prove=_proof(_text(form, "prove")),
    )


def read_request_id(form: dict[str, Any]) -> str:
    """The id that the page made for this one form, so that sending it twice makes one transfer."""
    request_id = _text(form, "requestId")
    if not REQUEST_ID.fullmatch(request_id):
        raise Refused("The form was incomplete. Reload the page and try again.")
    return request_id


def address_name(address: str) -> str:
    """How the bank calls that address: the name of a preset, or the customer's own."""
    return next((name for known, name, _ in ADDRESSES.values() if known == address), "Your own choice")


def _text(form: dict[str, Any], name: str) -> str:
    value = form.get(name)
    return value.strip() if isinstance(value, str) else ""


def _amount(text: str) -> Decimal:
    text = text.replace(",", "").removeprefix("$")
    if not AMOUNT.fullmatch(text):
        raise Refused("Enter an amount in dollars, such as 100 or 49.90.", field="amount")
    amount = Decimal(text)
    if not 0 < amount <= LIMIT:
        raise Refused("Enter an amount between $0.01 and $1,000,000.", field="amount")
    return amount


def _recipient(text: str) -> str:
    text = " ".join(text.split())
    if not 1 <= len(text) <= 80 or any(unicodedata.category(c).startswith("C") for c in text):
        raise Refused("Enter who receives the money, in 1 to 80 characters.", field="recipient")
    return text


def _address(choice: str, typed: str) -> str:
    if choice in ADDRESSES:
        return ADDRESSES[choice][0]
    if choice != "typed":
        raise Refused("Choose where you connect from.", field="address")
    try:
        return str(ip_address(typed))
    except ValueError:
        raise Refused("Enter an IPv4 or IPv6 address, such as 198.51.100.7.", field="typedAddress") from None


def _proof(choice: str) -> str:
    if choice not in PROOFS:
        raise Refused("Choose how to prove that it is you.", field="prove")
    return choice
