"""The way in, and what stands where a page cannot be shown."""

from playwright.sync_api import Page

from tests.portal.staff import PASSWORD, make_staff
from tests.screens.portal.lengthening import EMAIL
from tests.screens.portal.scene import Scene, fill_in, refused
from tests.screens.scene import Step, see

LOGIN, INVITE = "login", "invite"
CODE, SET_UP = "Enter your code", "Set up your authenticator app"


def with_password(email: str = "", *, app: bool = True) -> Step:
    """Give the first factor, as somebody who is a member of nothing yet."""

    def send(page: Page) -> None:
        person = make_staff(None, email=f"{page.viewport_size['width']}{email}" if email else "", app=app)  # type: ignore[index]
        page.get_by_label("Email address").fill(person.email)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Continue").click()
        page.get_by_label("Code", exact=True).wait_for()

    return send


def from_another_page(page: Page) -> None:
    """The form is as old as another visit's."""
    page.context.clear_cookies()
    page.get_by_label("Email address").fill(EMAIL)
    page.get_by_label("Password").fill("whatever")
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("heading", name="The form was too old").wait_for()


def out(page: str, state: str, heading: str, *steps: Step, **more: object) -> Scene:
    return Scene(page, state, heading, role=None, steps=steps, **more)  # type: ignore[arg-type]


WRONG = (fill_in("Email address", "nobody@acme.example"), fill_in("Password", "wrong"), refused("Continue"))
SCENES = [
    out(LOGIN, "full", "Sign in"),
    out(LOGIN, "error", "Sign in", *WRONG),
    out(LOGIN, "full-code", CODE, with_password()),
    out(LOGIN, "error-code", CODE, with_password(), fill_in("Code", "000000"), refused("Sign in")),
    out(LOGIN, "full-set-up", SET_UP, with_password(app=False), see("Scan this code")),
    out(LOGIN, "error-set-up", SET_UP, with_password(app=False), fill_in("Code", "0"), refused("Confirm and sign in")),
    out(LOGIN, "long", CODE, with_password(EMAIL)),
    out(INVITE, "full", "Choose your password", of=("uid", "token")),
    out(
        INVITE,
        "error",
        "Choose your password",
        fill_in("New password", "short"),
        refused("Save password"),
        of=("uid", "token"),
    ),
    out(INVITE, "error-used", "This link no longer works", see("was used before"), of=("uid", "used-up")),
    Scene("nothing-here", "error", "There is nothing at this address", path="/portal/nothing/here/", status=404),
    out("too-old", "error", "The form was too old", from_another_page, path="/portal/login/"),
]
