"""What an email address or a phone number says of itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authenticators import contact_facts
from authenticators.contact_facts import DISPOSABLE, email_domain, is_disposable, phone_country, phone_line_type


@pytest.mark.parametrize(
    ("email", "domain"),
    [
        ("alice@example.com", "example.com"),
        ("Alice@EXAMPLE.com", "example.com"),
        (" alice@example.com ", "example.com"),
        ("alice@example.com.", "example.com"),
        ("odd@name@example.com", "example.com"),
        ("alice@München.DE", "xn--mnchen-3ya.de"),
        ("alice@xn--mnchen-3ya.de", "xn--mnchen-3ya.de"),
        ("alice@XN--MNCHEN-3YA.de", "xn--mnchen-3ya.de"),
        # The two spellings of ü.
        ("alice@mu\u0308nchen.de", "xn--mnchen-3ya.de"),
        # Two names since IDNA 2008, and not to be taken for one another.
        ("alice@straße.de", "xn--strae-oqa.de"),
        ("alice@strasse.de", "strasse.de"),
        ("alice@例え.jp", "xn--r8jz45g.jp"),
        # Disguises that mail servers see through.
        ("alice@ＭＡＩＬＩＮＡＴＯＲ.com", "mailinator.com"),
        ("alice@mailinator。com", "mailinator.com"),
        ("alice@mail\u00adinator.com", "mailinator.com"),
        ("alice@mailinator。com。", "mailinator.com"),
        # No domain at all.
        ("alice@-Ünder_.de", "-ünder_.de"),
        ("alice@" + "Ü" * 80 + ".de", "ü" * 80 + ".de"),
        ("alice@", ""),
    ],
)
def test_a_domain_has_one_form(email, domain):
    assert email_domain(email) == domain


@given(st.emails())
def test_the_form_of_a_domain_is_its_own_form(email):
    domain = email_domain(email)
    assert email_domain(f"x@{domain.upper()}") == domain


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_any_text_with_an_at_has_a_domain(text):
    is_disposable(email_domain(f"@{text}"))


def test_a_text_without_an_at_is_refused():
    with pytest.raises(ValueError, match="with an @"):
        email_domain("example.com")


@pytest.mark.parametrize(
    ("domain", "disposable"),
    [
        ("mailinator.com", True),
        ("anything.mailinator.com", True),
        ("a.b.c.mailinator.com", True),
        ("mailinator.company", False),
        ("xmailinator.com.au", False),
        ("mailinator.com.example.com", False),
        ("gmail.com", False),
        ("example.com", False),
        ("com", False),
        ("", False),
        (".", False),
    ],
)
def test_disposable_are_the_listed_domains_and_what_is_below_them(domain, disposable):
    assert is_disposable(domain) is disposable


def test_a_domain_that_is_cleared_is_not_disposable_nor_is_what_is_below_it(monkeypatch):
    monkeypatch.setattr(contact_facts, "NOT_DISPOSABLE", frozenset({"staff.mailinator.com"}))
    assert not is_disposable("staff.mailinator.com")
    assert not is_disposable("x.staff.mailinator.com")
    assert is_disposable("mailinator.com")
    assert is_disposable("other.mailinator.com")


def test_the_list_is_in_the_form_of_a_domain():
    assert len(DISPOSABLE) > 5000
    # A single label would make a whole top level disposable.
    assert all("." in domain and email_domain(f"x@{domain}") == domain for domain in DISPOSABLE)


@pytest.mark.parametrize(
    ("number", "country", "line_type"),
    [
        ("+64211234567", "NZ", "MOBILE"),
        ("+64 21 123 4567", "NZ", "MOBILE"),
        ("64211234567", "NZ", "MOBILE"),
        ("+6493001234", "NZ", "FIXED_LINE"),
        ("+12015550123", "US", "FIXED_LINE_OR_MOBILE"),
        ("+14165550123", "CA", "FIXED_LINE_OR_MOBILE"),
        ("+447400123456", "GB", "MOBILE"),
        ("+442071234567", "GB", "FIXED_LINE"),
        ("+445612345678", "GB", "VOIP"),
        ("+448001234567", "GB", "TOLL_FREE"),
        ("+449012345678", "GB", "PREMIUM_RATE"),
        ("+43810123456", "AT", "SHARED_COST"),
        ("+41860123456789", "CH", "VOICEMAIL"),
        ("+447640123456", "GB", "PAGER"),
        ("+445512345678", "GB", "UAN"),
        ("+447012345678", "GB", "PERSONAL_NUMBER"),
        ("+4917699123456", "DE", "MOBILE"),
        # A range nobody has been given: the country is that of the calling code.
        ("+15555550100", "US", None),
        # A satellite telephone is in no country.
        ("+870773111632", None, "MOBILE"),
        ("+999123456789", None, None),
        ("+12", None, None),
        ("no number", None, None),
        ("", None, None),
    ],
)
def test_a_number_tells_its_country_and_its_kind_of_line(number, country, line_type):
    assert (phone_country(number), phone_line_type(number)) == (country, line_type)


@given(st.text() | st.from_regex(r"\+?[0-9]{1,17}", fullmatch=True))
def test_any_text_is_answered(text):
    country = phone_country(text)
    assert country is None or (len(country) == 2 and country.isupper())
    assert phone_line_type(text) in {*contact_facts.LINE_TYPES.values(), None}
