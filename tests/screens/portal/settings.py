"""The tenant's settings: methods, providers, the look and the texts, sending, keys, members, one's own password."""

from playwright.sync_api import Page

from authsignal_portal.vocabulary import ID_TOKENS, IDENTITY_CHECKS, Role
from tests.screens.portal.scene import Scene, fill_in, forbidden, open_all, pick, refused, states, write
from tests.screens.scene import click, see

TENANT, METHODS = "authsignal_portal_tenant_change", "authenticators_authenticatorconfiguration_changelist"
PROVIDERS, ADD_PROVIDER, PROVIDER, NO_PROVIDER, TEST = (
    f"authenticators_messageprovider_{name}" for name in ("changelist", "add_kind", "change", "remove", "test")
)
ADD_SERVICE = "authenticators_messageprovider_add_service"
VOUCHERS, VOUCHER, NO_VOUCHER = (
    f"authenticators_identityprovider_{name}" for name in ("changelist", "set_up", "remove")
)
APPS = "authenticators_attestedapps_changelist"
SENDING, PAUSE = "authenticators_sendingpause_changelist", "authenticators_sendingpause_end"
KEYS, ADD_KEY, REVOKE = (f"authsignal_portal_apikey_{name}" for name in ("changelist", "add", "revoke"))
MEMBERS, ADD_MEMBER, MEMBER, NO_MEMBER, LINK = (
    f"authsignal_portal_membership_{name}" for name in ("changelist", "add", "change", "remove", "link")
)
KINDS = ("twilio", "webhook", "smtp", "web_push", "anymail")
LOOK, TEXTS = "Look of hosted pages", "Texts of pages and messages"


def invite(page: Page) -> None:
    """Somebody new each time."""
    assert page.viewport_size
    page.locator("main [name=email]").fill(f"new.{page.viewport_size['width']}@acme.example")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("Invitation link").first.wait_for()


def tenant() -> list[Scene]:
    wrong = (write("app_origins", "https://app.example/path"), refused())
    return [
        *states(TENANT, "Tenant settings", "full long", of=("tenant",)),
        Scene(TENANT, "full-code", "Tenant settings", of=("tenant",), must_prove=True),
        Scene(TENANT, "full-reader", "Tenant settings", of=("tenant",), role=Role.READ_ONLY),
        Scene(TENANT, "error", "Tenant settings", of=("tenant",), steps=wrong),
        *states("tenants", "Switch tenant", "full long"),
        Scene("password_change", "full", "Password change"),
        Scene("password_change", "error", "Password change", steps=(refused("Change password"),)),
        Scene("password_change_done", "full", "Password change"),
    ]


def methods() -> list[Scene]:
    too_many = (open_all, fill_in("Wrong codes allowed", "99"), refused())
    return [
        Scene(METHODS, "full", "Authenticators"),
        Scene(METHODS, "full-open", "Authenticators", steps=(open_all,)),
        Scene(METHODS, "full-reader", "Authenticators", role=Role.READ_ONLY),
        Scene(METHODS, "full-code", "Authenticators", must_prove=True),
        Scene(METHODS, "error", "Authenticators", steps=too_many),
    ]


def providers() -> list[Scene]:
    kinds = [Scene(ADD_PROVIDER, f"full-{kind}", "Add", of=(kind,)) for kind in KINDS]
    wrong = [Scene(ADD_PROVIDER, f"error-{kind}", "Add", of=(kind,), steps=(refused(),)) for kind in KINDS[:3]]
    to = "Phone number"
    return [
        *states(PROVIDERS, "Message providers", "full empty long"),
        Scene(PROVIDERS, "full-reader", "Message providers", role=Role.READ_ONLY),
        *kinds,
        *wrong,
        forbidden(ADD_PROVIDER, of=("smtp",)),
        *states(ADD_SERVICE, "Add", "full", of=("mailgun",)),
        Scene(ADD_SERVICE, "error", "Add", of=("mailjet",), steps=(refused(),)),
        *states(PROVIDER, "", "full long", of=("provider",)),
        Scene(PROVIDER, "full-service", "", of=("sender",)),
        *states(NO_PROVIDER, "Remove", "full", of=("provider",)),
        *states(TEST, "Send a test by", "full", of=("provider",)),
        Scene(TEST, "error", "Send a test by", of=("provider",), steps=(fill_in(to, "me"), refused("Send a test"))),
    ]


def vouchers() -> list[Scene]:
    methods = (*ID_TOKENS, *IDENTITY_CHECKS)
    return [
        *states(VOUCHERS, "Identity providers", "full empty long"),
        *(Scene(VOUCHER, f"full-{method.lower()}", "", of=(method.value,)) for method in methods),
        Scene(VOUCHER, "long", "", of=("OIDC_PROVIDER",)),
        Scene(VOUCHER, "long-check", "", of=("VERIFF",)),
        Scene(VOUCHER, "error", "", of=("GOOGLE_ID_TOKEN",), steps=(refused(),)),
        Scene(VOUCHER, "error-check", "", of=("ONFIDO",), steps=(fill_in("Address", "http://10.0.0.1/"), refused())),
        forbidden(VOUCHER, of=("VERIFF",)),
        *states(NO_VOUCHER, "Remove", "full", of=("VERIFF",)),
    ]


def attested_apps() -> list[Scene]:
    wrong = (fill_in("Apple team id", "acme"), fill_in("Decryption key", "a key"), refused())
    return [
        *states(APPS, "App attestation", "full empty long"),
        Scene(APPS, "full-reader", "App attestation", role=Role.READ_ONLY),
        Scene(APPS, "full-code", "App attestation", must_prove=True),
        Scene(APPS, "error", "App attestation", steps=wrong),
    ]


def appearance() -> list[Scene]:
    unreadable = (open_all, fill_in("Headings", "#dddddd"))
    wrong = (open_all, fill_in("SMS with a code", "no code at all"), refused())
    return [
        *states("theme", LOOK, "full empty long"),
        Scene("theme", "full-open", LOOK, steps=(open_all,)),
        Scene("theme", "full-reader", LOOK, role=Role.READ_ONLY),
        Scene("theme", "error", LOOK, steps=(*unreadable, see("Hard to read"))),
        Scene("theme", "error-saved", LOOK, steps=(*unreadable, refused())),
        *states("theme_preview", "", "full long"),
        Scene("theme_preview", "full-dark", "", query="?mode=dark"),
        *states("wording", TEXTS, "full empty long"),
        Scene("wording", "full-open", TEXTS, query="?language=de", steps=(open_all,)),
        Scene("wording", "error", TEXTS, steps=wrong),
        *states(SENDING, "Sending", "full empty"),
        Scene(SENDING, "full-reader", "Sending", role=Role.READ_ONLY),
        Scene(SENDING, "error", "Sending", steps=(fill_in("Prices of your contract", "New Zealand cheap"), refused())),
        Scene(PAUSE, "full", "End a pause", of=("pause",)),
    ]


def keys_and_members() -> list[Scene]:
    made = (pick("kind", "management"), click("Save", exact=True), see("Your new API key"))
    last = (pick("role", "READ_ONLY"), refused())
    return [
        *states(KEYS, "API keys", "full empty"),
        Scene(KEYS, "full-reader", "API keys", role=Role.READ_ONLY),
        Scene(ADD_KEY, "full", "Add"),
        Scene(ADD_KEY, "full-made", "Your new API key", steps=made),
        Scene(ADD_KEY, "full-code", "Add", must_prove=True),
        forbidden(ADD_KEY),
        Scene(REVOKE, "full", "Revoke", of=("key",)),
        *states(MEMBERS, "Members", "full long"),
        Scene(MEMBERS, "full-reader", "Members", role=Role.READ_ONLY),
        Scene(ADD_MEMBER, "full", "Add"),
        Scene(ADD_MEMBER, "full-invited", "Invite new.", steps=(invite,)),
        Scene(ADD_MEMBER, "error", "Add", steps=(write("email", "nobody"), refused())),
        forbidden(ADD_MEMBER),
        *states(MEMBER, "", "full", of=("member",)),
        Scene(MEMBER, "error", "", of=("owner",), tenant="long", steps=last),
        *states(NO_MEMBER, "Remove", "full", of=("member",)),
        Scene(NO_MEMBER, "long", "Remove", of=("owner",)),
        *states(LINK, "New link for", "full", of=("invited",)),
    ]


SCENES = [*tenant(), *methods(), *providers(), *vouchers(), *attested_apps(), *appearance(), *keys_and_members()]
