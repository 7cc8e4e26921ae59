"""Which numbers get no SMS: those of countries that the tenant refuses, and kinds that cost."""

from collections.abc import Collection

import phonenumbers
from phonenumbers import PhoneNumberType

from authenticators import contact
from authenticators.contact_facts import NO_COUNTRY, region
from authsignal_portal.errors import InvalidRequest

# Numbers that Twilio gives its customers to test with, and that reach nobody.
TEST_NUMBERS = "+1500555"
COSTLY = {
    PhoneNumberType.PREMIUM_RATE: "premium-rate",
    PhoneNumberType.SHARED_COST: "shared-cost",
    PhoneNumberType.UAN: "company-wide",
    PhoneNumberType.PAGER: "pager",
    PhoneNumberType.PERSONAL_NUMBER: "personal",
}


def check(number: str, *, blocked: Collection[str], allow_unknown: bool, refuse_voip: bool = False) -> None:
    """Raises InvalidRequest for a number that gets no SMS.

    `blocked`: ISO codes of countries. `allow_unknown`: accept what fits no country's numbering plan, which only a
    provider that sends nothing should.
    """
    parsed = contact.e164(number)
    country = None if parsed is None else region(parsed)
    if parsed is None or country is None:
        if allow_unknown:
            return
        raise InvalidRequest("phoneNumber is not an international number: begin with + and the country code.")
    if country in blocked or country == NO_COUNTRY:
        raise InvalidRequest(f"No SMS is sent to this destination ({country}). Use another number or method.")
    line = phonenumbers.number_type(parsed)
    if number.startswith(TEST_NUMBERS):
        return
    kind = "VoIP" if refuse_voip and line == PhoneNumberType.VOIP else COSTLY.get(line)
    if kind:
        raise InvalidRequest(f"phoneNumber is a {kind} number, which gets no SMS. Use a mobile number.")
