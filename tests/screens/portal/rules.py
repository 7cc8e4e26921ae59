"""What should happen: actions, their rules and settings, versions, and what the rules did."""

from collections.abc import Mapping

from playwright.sync_api import Page

from authsignal_portal.vocabulary import Role
from tests.browser.builder import row, settled
from tests.screens.portal import tenants
from tests.screens.portal.scene import (
    Scene,
    fill_in,
    forbidden,
    has_class,
    open_all,
    pick,
    refused,
    states,
    tick,
    write,
)
from tests.screens.scene import HELD, OFFLINE, Reply, Step, click, see, see_alert

ACTIONS, ADD, SETTINGS = (f"rules_actionconfiguration_{name}" for name in ("changelist", "add", "change"))
MESSAGES = "rules_actionconfiguration_messages"
# What a translator makes of a placeholder, and of two braces.
UNKNOWN = (write("message-de", "Zahlen Sie {{action.betrag}}"), write("message-es", "Pague {{action.amount"))
INSERTED = (open_all, write("message-it", "Paga "), click("action.amount"), see("Paga 1250.00"))
RULES, PUBLISH, VERSIONS, VERSION = (
    f"rules_actionconfiguration_{name}" for name in ("rules", "publish", "versions", "version")
)
RULE, NEW_RULE, DELETE = "rules_rule_change", "rules_rule_add", "rules_rule_delete"
SENTENCE: Mapping[str, Reply] = {"/portal/rules/rule/sentence/": HELD}
SILENT: Mapping[str, Reply] = {"/portal/rules/rule/sentence/": OFFLINE}


def not_permitted(page: Page) -> None:
    """The method shown first is none of those that may be used."""
    page.locator("main [name=verification_methods][value=PASSKEY]").check(force=True)
    pick("default_verification_method", "SMS")(page)


def wrong_value(page: Page) -> None:
    with settled(page):
        row(page, "1.1").get_by_label("Value", exact=True).fill("2,000")


def open_points(page: Page) -> None:
    row(page, "1.1").get_by_role("button", name="Data point").click()


def try_values(page: Page) -> None:
    with settled(page):
        page.get_by_label("Try the conditions on").select_option("sample")


def save_over(page: Page) -> None:
    """While the page is open, somebody else saves the rule."""
    tenants.change_meanwhile(page.url.split("/")[-3])
    page.get_by_role("button", name="Save rule").click()


def save_messages_over(page: Page) -> None:
    """While the page is open, somebody else saves the messages."""
    tenants.switch_linking(page.url.split("/")[-3])
    page.get_by_role("button", name="Save", exact=True).click()


def overview() -> list[Scene]:
    return [
        *states(ACTIONS, "Actions", "full empty long"),
        Scene(ACTIONS, "empty-search", "Actions", query="?q=nothing", tenant="full"),
        Scene(ACTIONS, "full-reader", "Actions", role=Role.READ_ONLY),
        Scene(ADD, "full", "Add"),
        Scene(ADD, "error", "Add", steps=(write("action_code", "signIn"), refused())),
        forbidden(ADD),
        *states(SETTINGS, "Settings of", "full long", of=("transfer",)),
        Scene(SETTINGS, "error", "Settings of", of=("transfer",), steps=(not_permitted, refused())),
        *states(MESSAGES, "Messages of", "full", of=("payment",)),
        *states(MESSAGES, "Messages of", "long", of=("transfer",)),
        Scene(MESSAGES, "empty", "Messages of", of=("sign_in",), tenant="new"),
        Scene(MESSAGES, "full-reader", "Messages of", of=("payment",), role=Role.READ_ONLY),
        Scene(MESSAGES, "full-inserted", "Messages of", of=("payment",), steps=INSERTED),
        Scene(MESSAGES, "error", "Messages of", of=("payment",), steps=(open_all, *UNKNOWN, refused())),
        Scene(MESSAGES, "error-linked", "Messages of", of=("transfer",), steps=(tick("dynamic_linking"), refused())),
        Scene(
            MESSAGES,
            "error-overtaken",
            "Messages of",
            of=("payment",),
            steps=(
                open_all,
                write("message-it", "Paga"),
                save_messages_over,
                see_alert("Somebody changed these messages"),
            ),
        ),
        *states(RULES, "", "full long", of=("transfer",)),
        Scene(RULES, "full-in-force", "signIn", of=("sign_in",)),
        Scene(RULES, "full-reader", "adaptive-mfa-transfer", of=("transfer",), role=Role.READ_ONLY),
        Scene(RULES, "empty", "signIn", of=("sign_in",), tenant="new", steps=(see("No rules yet"),)),
        Scene(RULES, "error-gone", "", of=("00000000-0000-4000-8000-000000000001",), status=404),
        *states("rule_metrics", "What the rules of", "full long", of=("transfer",)),
        Scene("rule_metrics", "full-many", "What the rules of", of=("sign_in",)),
        Scene("rule_metrics", "empty", "What the rules of", of=("sign_in",), tenant="new"),
        *states("rule_metrics_of_rule", "", "full long", of=("transfer", "rule")),
    ]


def one_rule() -> list[Scene]:
    nested = ("nested",)
    duplicate = click("Duplicate condition 3", exact=True)
    return [
        *states(RULE, "", "full long", of=nested),
        Scene(RULE, "full-dialog", "Unusual", of=nested, steps=(open_points,)),
        Scene(RULE, "full-trial", "Unusual", of=nested, steps=(try_values,)),
        Scene(RULE, "full-json", "Unusual", of=nested, query="?as=json"),
        Scene(RULE, "full-reader", "Unusual", of=nested, role=Role.READ_ONLY),
        Scene(
            RULE, "loading", "Unusual", of=nested, replies=SENTENCE, steps=(duplicate, has_class("#builder", "busy"))
        ),
        Scene(RULE, "error", "Unusual", of=nested, steps=(wrong_value,)),
        Scene(
            RULE, "error-offline", "Unusual", of=nested, replies=SILENT, steps=(duplicate, see_alert("did not answer"))
        ),
        Scene(
            RULE,
            "error-overtaken",
            "Large payout",
            of=("payout_rule",),
            steps=(save_over, see_alert("Somebody changed this rule")),
        ),
        Scene(
            RULE,
            "error-json",
            "Unusual",
            of=nested,
            query="?as=json",
            steps=(
                fill_in("Conditions as JsonLogic", '{"nonsense": ['),
                click("Save rule"),
                see_alert("no valid JSON"),
            ),
        ),
        *states(NEW_RULE, "New rule", "full long", query="?configuration={transfer}"),
        Scene(
            NEW_RULE,
            "error",
            "New rule",
            query="?configuration={transfer}",
            steps=(click("Save rule"), see_alert("Some conditions are not right yet")),
        ),
        forbidden(NEW_RULE, query="?configuration={transfer}"),
        *states(DELETE, "Delete", "full long", of=("rule",)),
    ]


def versions() -> list[Scene]:
    wrong_code: tuple[Step, ...] = (fill_in("Code from your authenticator app", "000000"), refused("Publish"))
    return [
        *states(PUBLISH, "Publish", "full long", of=("transfer",)),
        Scene(PUBLISH, "full-code", "Publish", of=("transfer",), must_prove=True),
        Scene(PUBLISH, "full-reader", "Publish", of=("transfer",), role=Role.READ_ONLY),
        Scene(PUBLISH, "empty", "Publish", of=("sign_in",), tenant="full", steps=(see("nothing to publish"),)),
        Scene(PUBLISH, "error", "Publish", of=("transfer",), must_prove=True, steps=wrong_code),
        Scene(VERSIONS, "full", "Versions of payout", of=("payout",), steps=(see("Older"),)),
        Scene(VERSIONS, "long", "Versions of", of=("transfer",)),
        Scene(VERSIONS, "empty", "Versions of", of=("sign_in",), tenant="new"),
        *states(VERSION, "Version 3", "full", of=("transfer", "3")),
        Scene(VERSION, "full-in-force", "Version 1", of=("transfer", "1"), query="?against=in-force"),
        Scene(VERSION, "long", "Version", of=("transfer", "7")),
        Scene(VERSION, "long-right-to-left", "Version", of=("transfer", "9")),
        Scene(VERSION, "empty", "Version 1", of=("sign_in", "1"), tenant="new", steps=(see("It has no rules"),)),
    ]


def backtests() -> list[Scene]:
    new, one, sample = "backtest_new", "actions_backtest_change", "actions_backtest_action"
    wanted, title = "?configuration={transfer}", "Try the draft on past actions"
    asking: Mapping[str, Reply] = {"/portal/actions/backtest/*/progress/": OFFLINE}
    return [
        *states(new, title, "full long", query=wanted),
        Scene(new, "empty", title, query="?configuration={sign_in}", tenant="full", steps=(see("None yet."),)),
        Scene(new, "error", title, query=wanted, steps=(refused("Start the backtest"),)),
        Scene(new, "full-reader", title, query=wanted, role=Role.READ_ONLY),
        *states(one, "Backtest of", "full long", of=("done",)),
        Scene(one, "loading", "Backtest of", of=("running",), steps=(see("41 % done"),)),
        Scene(
            one, "loading-queued", "Backtest of", of=("waiting",), tenant="new", steps=(see("Waiting for its turn"),)
        ),
        Scene(one, "empty", "Backtest of", of=("tried",), tenant="new", steps=(see("no action to decide again"),)),
        Scene(one, "error", "Backtest of", of=("failed",), steps=(see_alert("cut off"),)),
        Scene(one, "error-offline", "Backtest of", of=("running",), replies=asking, steps=(see("did not answer"),)),
        Scene(one, "full-cancelled", "Backtest of", of=("cancelled",), steps=(see("It was cancelled"),)),
        *states(sample, "Before and with the draft", "full long", of=("done", "sample")),
    ]


def data_points() -> list[Scene]:
    lists, add, change, delete = (f"rules_customdatapoint_{name}" for name in ("changelist", "add", "change", "delete"))
    point = ("point",)
    return [
        *states(lists, "Custom data points", "full empty long"),
        Scene(add, "full", "Add"),
        Scene(add, "error", "Add", steps=(write("name", "2nd value"), refused())),
        forbidden(add),
        *states(change, "", "full long", of=point),
        Scene(change, "error", "", of=("used_point",), steps=(pick("data_type", "text"), refused())),
        Scene(delete, "full", "Delete", of=point),
        Scene(delete, "error-used", "", of=("used_point",), steps=(see("It is used by"),)),
    ]


SCENES = [*overview(), *one_rule(), *versions(), *backtests(), *data_points()]
