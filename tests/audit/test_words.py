"""Events as staff read them."""

import pytest

from audit.events import Tag
from audit.words import phrase


@pytest.mark.parametrize(
    ("tag", "data", "told"),
    [
        (Tag.SENDING_PAUSED, {"kind": "country", "country": "NZ"}, "Paused SMS to New Zealand (country)"),
        (Tag.SENDING_PAUSE_ENDED, {"kind": "prefix", "country": "LT"}, "Ended the pause of SMS to Lithuania (prefix)"),
        (Tag.CHALLENGE_STARTED, {"method": "EMAIL_OTP"}, "Began a challenge: Code by email"),
        (Tag.CHALLENGE_STARTED, {}, "Began a challenge: –"),
    ],
)
def test_codes_of_the_wire_stand_in_words(tag, data, told):
    assert phrase(tag, data).startswith(told)
