"""Sealing (AES-256-GCM) and keyed hashing (HMAC-SHA-256), both with key rotation.

Keyrings come from settings as `{id: 32 bytes}`, newest first: the first key seals and hashes, all open and check.
Every value carries the id of the key that made it, so a key can be added before the old one is withdrawn.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

NONCE_BYTES = 12
KEY_BYTES = 32


class OpeningFailed(Exception):
    """A sealed value was altered, moved to another row, or its key is not in the keyring."""


def framed(*parts: str | bytes) -> bytes:
    """Join parts so that no two different lists give the same bytes (length-prefixed)."""
    raw = [part.encode() if isinstance(part, str) else part for part in parts]
    return b"".join(len(part).to_bytes(4, "big") + part for part in raw)


def _first(ring: Mapping[str, bytes]) -> tuple[str, bytes]:
    return next(iter(ring.items()))


def _encrypt(key: bytes, key_id: str, plaintext: bytes, bound_to: bytes) -> bytes:
    nonce = secrets.token_bytes(NONCE_BYTES)
    ident = key_id.encode()
    return bytes([len(ident)]) + ident + nonce + AESGCM(key).encrypt(nonce, plaintext, bound_to + framed(ident))


def _decrypt(ring: Mapping[str, bytes], sealed: bytes, bound_to: bytes) -> bytes:
    sealed = bytes(sealed)
    size = sealed[0] if sealed else 0
    ident, rest = sealed[1 : 1 + size], sealed[1 + size :]
    key = ring.get(ident.decode("ascii", "replace"))
    if key is None or len(rest) <= NONCE_BYTES:
        raise OpeningFailed("the key that sealed this value is not in the keyring")
    try:
        return AESGCM(key).decrypt(rest[:NONCE_BYTES], rest[NONCE_BYTES:], bound_to + framed(ident))
    except InvalidTag as error:
        raise OpeningFailed("a sealed value was altered or belongs to another row") from error


def new_data_key(owner: str) -> bytes:
    """A fresh 32-byte data key for one tenant, wrapped by the newest master key and bound to `owner`."""
    key_id, master = _first(settings.MASTER_KEYS)
    return _encrypt(master, key_id, secrets.token_bytes(KEY_BYTES), framed("data-key", owner))


@lru_cache(maxsize=1024)
def _data_key(wrapped: bytes, owner: str) -> bytes:
    return _decrypt(settings.MASTER_KEYS, wrapped, framed("data-key", owner))


def seal(plaintext: str | bytes, *, data_key: bytes, owner: str, place: tuple[str, ...]) -> bytes:
    """Seal a value for one place. `place` (table, column, row …) is bound in: elsewhere it does not open."""
    raw = plaintext.encode() if isinstance(plaintext, str) else plaintext
    return _encrypt(_data_key(bytes(data_key), owner), "d", raw, framed(owner, *place))


def unseal(sealed: bytes, *, data_key: bytes, owner: str, place: tuple[str, ...]) -> bytes:
    """Open what `seal` made. Raises OpeningFailed."""
    return _decrypt({"d": _data_key(bytes(data_key), owner)}, sealed, framed(owner, *place))


def short_hash(*parts: str, data_key: bytes, owner: str) -> int:
    """A signed 64-bit number under the tenant's data key: the same for the same parts, and a guess for nobody else.

    Unlike `keyed_hash` it does not change when a pepper does, so that counts go on.
    """
    digest = hashlib.blake2b(framed(*parts), key=_data_key(bytes(data_key), owner), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def keyed_hash(purpose: str, *parts: str | bytes) -> str:
    """`<pepper id>:<hex>` by the newest pepper."""
    pepper_id, pepper = _first(settings.PEPPERS)
    return _keyed(pepper_id, pepper, purpose, parts)


def keyed_hashes(purpose: str, *parts: str | bytes) -> list[str]:
    """The hash under every pepper still in the keyring, for look-ups by index."""
    return [_keyed(pepper_id, pepper, purpose, parts) for pepper_id, pepper in settings.PEPPERS.items()]


def is_keyed_hash(stored: str, purpose: str, *parts: str | bytes) -> bool:
    """Constant-time check of `keyed_hash`; False when its pepper was withdrawn."""
    pepper_id = stored.partition(":")[0]
    pepper = settings.PEPPERS.get(pepper_id)
    if pepper is None:
        return False
    # As bytes: `stored` may come out of a form, and of texts only ASCII can be compared.
    return hmac.compare_digest(
        stored.encode(errors="surrogatepass"), _keyed(pepper_id, pepper, purpose, parts).encode()
    )


def _keyed(pepper_id: str, pepper: bytes, purpose: str, parts: tuple[str | bytes, ...]) -> str:
    return f"{pepper_id}:{hmac.digest(pepper, framed(purpose, *parts), hashlib.sha256).hex()}"
