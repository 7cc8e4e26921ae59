"""Data points of the user, as known before the action."""

from functools import partial

from rules.registry import data_point
from rules.types import BOOLEAN, COUNTRY, NUMBER, TEXT

point = partial(data_point, category="User")

point("user.userId", TEXT, "User ID", "Your own id of the user.", optional=False)
point("user.email", TEXT, "Email address", "The email address kept for the user. Capitals count.")
point("user.emailDomain", TEXT, "Email domain", "What follows the @, in small letters.")
point(
    "user.emailIsDisposable",
    BOOLEAN,
    "Email address is disposable",
    "The domain is one of those that give out addresses for a few minutes.",
    otherwise="Email address is not disposable",
)
point("user.phoneNumber", TEXT, "Phone number", "The phone number kept for the user, such as +15555550100.")
point("user.phoneCountry", COUNTRY, "Phone country", "The country that the phone number belongs to.")
point(
    "user.phoneLineType",
    TEXT,
    "Phone line type",
    "What kind of number it is, as far as its digits tell.",
    choices=(
        "MOBILE", "FIXED_LINE", "FIXED_LINE_OR_MOBILE", "VOIP", "TOLL_FREE", "PREMIUM_RATE", "SHARED_COST",
        "PERSONAL_NUMBER", "PAGER", "UAN", "VOICEMAIL",
    ),
)  # fmt: skip
point("user.username", TEXT, "Username", "The username kept for the user.")
point(
    "user.isEnrolled",
    BOOLEAN,
    "User is enrolled",
    "The user has at least one verified authenticator.",
    otherwise="User is not enrolled",
    optional=False,
)
point(
    "user.hasPreviouslyVerified",
    BOOLEAN,
    "User has verified before",
    "The user has completed a challenge before.",
    otherwise="User has not verified before",
    optional=False,
)
point(
    "user.emailVerified",
    BOOLEAN,
    "Email address is verified",
    "The user has proved that the email address is theirs.",
    otherwise="Email address is not verified",
)
point(
    "user.phoneNumberVerified",
    BOOLEAN,
    "Phone number is verified",
    "The user has proved that the phone number is theirs.",
    otherwise="Phone number is not verified",
)
point(
    "user.accountAgeInDays",
    NUMBER,
    "Account age in days",
    "Whole days since this server first saw the user; 0 on the first day.",
    integer=True,
    minimum=0,
)
