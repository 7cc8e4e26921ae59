"""What an email address or a phone number says of itself, without asking anybody."""

from typing import Literal

import disposable_email_domains
import idna
import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberType

from authenticators import contact

LineType = Literal[
    "MOBILE",
    "FIXED_LINE",
    "FIXED_LINE_OR_MOBILE",
    "VOIP",
    "TOLL_FREE",
    "PREMIUM_RATE",
    "SHARED_COST",
    "PAGER",
    "UAN",
    "VOICEMAIL",
    "PERSONAL_NUMBER",
]

DISPOSABLE = frozenset(disposable_email_domains.blocklist)
# Providers that were taken for disposable and are not.
NOT_DISPOSABLE = frozenset(disposable_email_domains.allowlist)
LINE_TYPES: dict[int, LineType] = {
    PhoneNumberType.MOBILE: "MOBILE",
    PhoneNumberType.FIXED_LINE: "FIXED_LINE",
    # As in North America, where the number does not tell.
    PhoneNumberType.FIXED_LINE_OR_MOBILE: "FIXED_LINE_OR_MOBILE",
    PhoneNumberType.VOIP: "VOIP",
    PhoneNumberType.TOLL_FREE: "TOLL_FREE",
    PhoneNumberType.PREMIUM_RATE: "PREMIUM_RATE",
    PhoneNumberType.SHARED_COST: "SHARED_COST",
    PhoneNumberType.PAGER: "PAGER",
    PhoneNumberType.UAN: "UAN",
    PhoneNumberType.VOICEMAIL: "VOICEMAIL",
    PhoneNumberType.PERSONAL_NUMBER: "PERSONAL_NUMBER",
}
# Satellite and other networks of no country (+870, +881, +882, +979 …).
NO_COUNTRY = "001"


def email_domain(email: str) -> str:
    """The domain in its one form: lower case, ASCII (`xn--…`, by IDNA 2008 and UTS 46), no dot at the end.

    A domain that cannot be written in ASCII, which no mail reaches, is returned in lower case as it is. Raises
    ValueError for a text without @.
    """
    _, at, domain = email.strip().rpartition("@")
    if not at:
        raise ValueError("expected an email address, with an @")
    if domain.isascii():
        return domain.lower().removesuffix(".")
    try:
        return idna.encode(domain, uts46=True).decode("ascii").lower().removesuffix(".")
    except idna.IDNAError:
        return domain.lower()


def is_disposable(email_domain: str) -> bool:
    """Whether it, or a domain that it is part of, gives addresses away for minutes. Expects `email_domain`'s form."""
    labels = email_domain.split(".")
    for first in range(len(labels)):
        domain = ".".join(labels[first:])
        if domain in NOT_DISPOSABLE:
            return False
        if domain in DISPOSABLE:
            return True
    return False


def phone_country(e164: str) -> str | None:
    """ISO code of the country whose numbering plan it is in; None for networks of no country and for no number."""
    number = contact.e164(e164)
    country = None if number is None else region(number)
    return None if country == NO_COUNTRY else country


def phone_line_type(e164: str) -> LineType | None:
    """What the numbering plan says of the number, which may have been ported since; None where it says nothing."""
    number = contact.e164(e164)
    return None if number is None else LINE_TYPES.get(phonenumbers.number_type(number))


def region(number: PhoneNumber) -> str | None:
    """ISO code, "001" for none, or None. An unassigned range counts to the calling code's main country."""
    exact: str | None = phonenumbers.region_code_for_number(number)
    if exact or not phonenumbers.is_possible_number(number):
        return exact
    main: str = phonenumbers.region_code_for_country_code(number.country_code or 0)
    return None if main == phonenumbers.UNKNOWN_REGION else main
