"""Email addresses and phone numbers: normal forms, look-up indexes and masks."""

import re
import unicodedata
import uuid

import idna
import phonenumbers

from authenticators import lookalikes
from authsignal_portal import crypto
from authsignal_portal.errors import RefusedAddress

# Shape only; whether it can be reached is shown by the code that arrives.
EMAIL = re.compile(r"[^@\s<>\",;:()\[\]\\]{1,64}@[^@\s<>\",;:()\[\]\\]{1,253}")
# One provider, to whom the dots of a name are nothing.
WITHOUT_DOTS = ("gmail.com", "googlemail.com")
PHONE = re.compile(r"\+?[0-9]{7,15}")


def clean_email(text: str) -> str:
    """The address as it is kept, counted and written to: without surrounding space, its domain in one form.

    Raises RefusedAddress.
    """
    text = text.strip()
    if len(text) > 254 or not EMAIL.fullmatch(text):
        raise RefusedAddress("email is not an email address.", reason="bad-email")
    return one_spelling(text)


def one_spelling(text: str) -> str:
    """The address with its domain in one form. Raises RefusedAddress where mail software may take it for another."""
    _check_seen(text)
    _check_letters(text)
    name, at, domain = text.rpartition("@")
    try:
        cleaned = f"{name}{at}{_domain(domain)}"
    except ValueError as error:
        raise RefusedAddress("email has a domain that no mail reaches.", reason="bad-email") from error
    _check_letters(cleaned)
    return cleaned


def _check_seen(text: str) -> None:
    """Mail software drops what cannot be seen, and reads `=?utf-8?q?bob?=` as bob. Raises RefusedAddress."""
    if "=?" in text or any(lookalikes.is_unseen(char) for char in text):
        description = "email holds a character that cannot be seen, or an encoded one. Write it with the plain letter."
        raise RefusedAddress(description, reason="bad-email")


def _domain(text: str) -> str:
    """A domain in the one form of all its spellings: one of ASCII letters alone as it is, else by IDNA 2008 and UTS 46
    with its own letters. Raises ValueError, also for one that means another domain to software that follows IDNA 2003.
    """
    if not all(text.split(".")):
        raise ValueError("A part of the domain is empty.")
    if text.isascii() and "xn--" not in text.lower():
        return text
    encoded = idna.encode(text, uts46=True)
    own = idna.decode(encoded)
    if own.encode("idna") != encoded:
        raise ValueError("The domain has two meanings.")
    return own


def _check_letters(text: str) -> None:
    """Raises RefusedAddress for an address that we take for the same as another one, and a mail server may not: it has
    letters that are forms of others (ſ for s), or whose small form is not theirs alone (ß for ss).
    """
    if unicodedata.normalize("NFKC", text) != text or text.casefold() != text.lower():
        description = "email holds a letter that stands for another one. Write it with the plain letter."
        raise RefusedAddress(description, reason="bad-email")


def clean_phone(text: str) -> str:
    """Digits with an optional plus; separators are dropped. Lenient on purpose. Raises RefusedAddress."""
    compact = re.sub(r"[\s().-]", "", text)
    if not PHONE.fullmatch(compact):
        description = "phoneNumber must have 7 to 15 digits, with an optional leading +."
        raise RefusedAddress(description, reason="bad-phone")
    return compact


def index(tenant_id: uuid.UUID, text: str) -> str:
    """The blind index of an address or number within a tenant: same for every spelling of the same one."""
    return crypto.keyed_hash("contact", tenant_id.bytes, normal(text))


def indexes(tenant_id: uuid.UUID, text: str) -> list[str]:
    """The blind index under every pepper in use, for look-ups."""
    return crypto.keyed_hashes("contact", tenant_id.bytes, normal(text))


def limit_index(tenant_id: uuid.UUID, text: str) -> str:
    """As `index`, for counting: the same for all addresses that lead to one mailbox by a tag or by its dots."""
    return index(tenant_id, _mailbox(text))


def limit_indexes(tenant_id: uuid.UUID, text: str) -> list[str]:
    return indexes(tenant_id, _mailbox(text))


def _mailbox(text: str) -> str:
    name, at, domain = normal(text).rpartition("@")
    if not at:
        return text
    name = name.partition("+")[0] or name
    if domain in WITHOUT_DOTS:
        name, domain = name.replace(".", ""), WITHOUT_DOTS[0]
    return f"{name}@{domain}"


def normal(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold().strip()
    name, at, domain = folded.rpartition("@")
    if at:
        return f"{name}@{_known_domain(domain)}"
    digits = "+" + re.sub(r"[^0-9]", "", folded)
    parsed = e164(digits)
    # One line, one form: +64 021… is +64 21….
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164) if parsed else digits


def _known_domain(text: str) -> str:
    """Where it is asked for and not kept, a domain that none can be stored with is what it is."""
    try:
        return _domain(text)
    except ValueError:
        return text


def e164(text: str) -> phonenumbers.PhoneNumber | None:
    """The number for sending, or None when it is not a possible international number."""
    try:
        return phonenumbers.parse(text if text.startswith("+") else f"+{text}")
    except phonenumbers.NumberParseException:
        return None


def is_address(text: str) -> bool:
    """Whether it has the shape of an address or a number, whatever it is called: apps name accounts by them."""
    return bool(EMAIL.fullmatch(text.strip()) or PHONE.fullmatch(re.sub(r"[\s().-]", "", text)))


def mask(text: str) -> str:
    """`a•••@example.com`, `•••• 789`: enough to recognise, not enough to learn."""
    name, at, domain = text.partition("@")
    if at:
        return f"{name[:1]}•••@{domain}"
    return f"•••• {text[-3:]}"
