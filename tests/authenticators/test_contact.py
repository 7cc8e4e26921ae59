"""One mailbox, one address: whatever is written, it is kept, counted and sent to in one form, or refused."""

from uuid import UUID

import pytest
from django.core.mail.message import sanitize_address
from hypothesis import example, given
from hypothesis import strategies as st

from authenticators import contact
from authsignal_portal.errors import RefusedAddress

TENANT = UUID(int=1)
# What mail software drops, maps to another character or decodes; and ordinary characters beside it.
UNSEEN = "\u00ad\u034f\u1806\u200b\u200c\u200d\u200e\u2060\ufe0f\ufeff"
ODD = UNSEEN + "\u3002\uff0e\uff61\u0130\u0131\u017f\u212aßςﬁａ=?%+.-_' "
SPELLING = st.text(st.one_of(st.sampled_from("abAB1é" + "тест"), st.sampled_from(ODD), st.characters()), max_size=6)
PLAIN = st.sampled_from(["bob", "example", "тест", "xn--e1aybc", "XN--E1AYBC", "=?utf-8?q?bob?="])
PART = st.builds("".join, st.lists(st.one_of(PLAIN, SPELLING), min_size=1, max_size=3))


@example(name="=?utf-8?q?bob?=", domain="b", end=".example")
@given(name=PART, domain=PART, end=st.sampled_from([".example", "。example", ".example.", ".EXAMPLE"]))
def test_what_goes_to_one_mailbox_is_one_address_or_refused(name, domain, end):
    try:
        kept = contact.clean_email(f"{name}@{domain}{end}")
        recipient = sanitize_address(kept, "utf-8")
    except (RefusedAddress, ValueError):
        return
    if recipient.isascii() and "=?" not in recipient:
        assert contact.index(TENANT, kept) == contact.index(TENANT, recipient)
        assert contact.index(TENANT, contact.clean_email(recipient)) == contact.index(TENANT, kept)
    assert contact.clean_email(kept) == kept


@given(
    digits=st.text("0123456789", min_size=5, max_size=9),
    odd=st.sampled_from("\u200e\u202c\u00ad٣３;x,"),
    at=st.integers(0, 5),
)
def test_a_number_is_of_plain_digits_alone(digits, odd, at):
    """Digits of other alphabets, marks of direction and extensions: no second spelling of a number."""
    with pytest.raises(RefusedAddress):
        contact.clean_phone(f"+64{digits[:at]}{odd}{digits[at:]}")
