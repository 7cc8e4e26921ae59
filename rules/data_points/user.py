"""Data points of the user, as known before the action."""

from functools import partial

from rules.facts import Facts
from rules.registry import data_point
from rules.types import BOOLEAN, TEXT

point = partial(data_point, category="User")


@point("user.userId", TEXT, "User ID", "Your own id of the user.", optional=False)
def user_id(facts: Facts) -> object:
    return facts.user.user_id


@point("user.email", TEXT, "Email address", "The email address kept for the user. Capitals count.")
def email(facts: Facts) -> object:
    return facts.user.email


@point("user.phoneNumber", TEXT, "Phone number", "The phone number kept for the user, such as +15555550100.")
def phone_number(facts: Facts) -> object:
    return facts.user.phone_number


@point("user.username", TEXT, "Username", "The username kept for the user.")
def username(facts: Facts) -> object:
    return facts.user.username


@point(
    "user.isEnrolled",
    BOOLEAN,
    "User is enrolled",
    "The user has at least one verified authenticator.",
    otherwise="User is not enrolled",
    optional=False,
)
def is_enrolled(facts: Facts) -> object:
    return facts.user.is_enrolled


@point(
    "user.hasPreviouslyVerified",
    BOOLEAN,
    "User has verified before",
    "The user has completed a challenge before.",
    otherwise="User has not verified before",
    optional=False,
)
def has_previously_verified(facts: Facts) -> object:
    return facts.user.has_previously_verified


@point(
    "user.emailVerified",
    BOOLEAN,
    "Email address is verified",
    "The user has proved that the email address is theirs.",
    otherwise="Email address is not verified",
)
def email_verified(facts: Facts) -> object:
    return facts.user.email_verified


@point(
    "user.phoneNumberVerified",
    BOOLEAN,
    "Phone number is verified",
    "The user has proved that the phone number is theirs.",
    otherwise="Phone number is not verified",
)
def phone_number_verified(facts: Facts) -> object:
    return facts.user.phone_number_verified
