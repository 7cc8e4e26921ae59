"""What users read in place of an action's code."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.action_name import readable


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("withdraw-funds", "Withdraw funds"),
        ("withdraw_funds", "Withdraw funds"),
        ("withdrawFunds", "Withdraw funds"),
        ("WITHDRAW_FUNDS", "Withdraw funds"),
        ("signIn", "Sign in"),
        ("KYCCheck", "KYC check"),
        ("reset2FA", "Reset 2FA"),
        ("step2Verify", "Step 2 verify"),
        ("2fa-reset", "2fa reset"),
        ("login", "Login"),
        ("--pay--", "Pay"),
        ("---", "---"),
    ],
)
def test_a_code_is_read_as_words(code, name):
    assert readable(code) == name


@given(st.text(string.ascii_letters + string.digits + "-_", min_size=1, max_size=64))
def test_no_letter_of_a_code_is_lost_and_something_is_always_left(code):
    name = readable(code)
    assert name.strip() == name != ""
    assert re.sub(r"[-_ ]", "", name).lower() == re.sub(r"[-_]", "", code).lower()
