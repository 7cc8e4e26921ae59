"""The transaction that a proof is linked to: what the payer was shown, in one form that cannot be read two ways.

Source: RTS on strong customer authentication (EU 2018/389) Art. 5; canonical JSON is RFC 8785. A passkey signs
SHA-256(nonce ‖ SHA-256(canonical)), where the nonce is 32 random bytes of the one challenge; an app's key signs the
challenge's id, which is the same in hexadecimal.
"""

import json
from dataclasses import asdict, dataclass
from decimal import Decimal
from hashlib import sha256

import rfc8785

Amount = str | int | float


@dataclass(frozen=True, slots=True)
class Transaction:
    """Amount (a JSON number, or a decimal number as text) and currency, payee, and the text that was shown."""

    amount: Amount
    currency: str
    payee: str
    text: str

    @property
    def canonical(self) -> str:
        """The JSON of {amount, currency, payee, text} by RFC 8785. Raises ValueError for what has no exact one."""
        return rfc8785.dumps(asdict(self)).decode()

    @property
    def hash(self) -> str:
        """SHA-256 of the canonical JSON, in hexadecimal."""
        return sha256(self.canonical.encode()).hexdigest()

    @property
    def sum(self) -> str:
        """Amount and currency for a reader: `1000 EUR`."""
        return f"{plain_number(self.amount)} {self.currency}"

    @classmethod
    def read(cls, canonical: str) -> "Transaction":
        """The inverse of `canonical`. Raises ValueError for anything else."""
        given = json.loads(canonical)
        if not isinstance(given, dict) or set(given) != set(cls.__slots__):
            raise ValueError("a transaction has amount, currency, payee and text")
        read = cls(**given)
        if read.canonical != canonical:
            raise ValueError("the transaction is not in its canonical form")
        return read


def plain_number(value: Amount) -> str:
    """Digits and at most a point, never an exponent: equal numbers are written alike."""
    if isinstance(value, str):
        return value
    return format(Decimal(rfc8785.dumps(value).decode()), "f")


def linked_challenge(nonce: bytes, transaction_hash: str) -> bytes:
    """The 32 bytes that a key signs: both parts have a fixed length, so that they cannot be shifted."""
    linked = bytes.fromhex(transaction_hash)
    if len(nonce) != 32 or len(linked) != 32:
        raise ValueError("a nonce and a transaction's hash have 32 bytes each")
    return sha256(nonce + linked).digest()
