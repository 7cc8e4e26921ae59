"""What happened: the dashboard, the activity, one action, a test action, the audit log."""

from authsignal_portal.vocabulary import Role
from tests.browser.portal import TOR
from tests.screens.portal.lengthening import CODE
from tests.screens.portal.scene import Scene, choose, fill_in, forbidden, refused, states
from tests.screens.scene import Step, click, see

ACTIVITY, ACTION, ON_A_LIST = "actions_action_changelist", "actions_action_change", "actions_action_list"
AUDIT, TRIAL = "audit_auditevent_changelist", "test_action"
GONE = "00000000-0000-4000-8000-000000000001"


def tried(code: str, button: str, data: str) -> tuple[Step, ...]:
    fields = (("Action", code), ("User ID", "test-user"), ("IP address", TOR), ("Custom data", data))
    return (*(fill_in(label, text) for label, text in fields), click(button, exact=True))


TRANSFER = '{"transactionValue": 3000, "tags": ["web"]}'
SCENES = [
    *states("index", "Dashboard", "full empty long"),
    *states(ACTIVITY, "Activity", "full empty long"),
    Scene(
        ACTIVITY, "empty-narrowed", "Activity", query="?user=nobody", tenant="full", steps=(see("No action matches"),)
    ),
    *states(ACTION, "", "full long", of=("action",)),
    Scene(ACTION, "full-linked", "pay", of=("linked",), steps=(see("Kōwhai Garden Supplies"),)),
    Scene(ACTION, "full-reader", "adaptive-mfa-transfer", of=("action",), role=Role.READ_ONLY),
    Scene(ACTION, "empty", "signIn", of=("action",), tenant="new", steps=(see("is no longer kept"),)),
    Scene(ACTION, "error-gone", "Activity", of=(GONE,), steps=(see("is not here"),)),
    *states(ON_A_LIST, "Add to a list", "full long", of=("action",)),
    Scene(ON_A_LIST, "empty", "Add to a list", of=("action",), tenant="new", steps=(see("There is no list"),)),
    Scene(
        ON_A_LIST,
        "error",
        "Add to a list",
        of=("action",),
        query="?value=user.userId",
        steps=(choose("Expires", "At the end of a day"), refused("Add to the list")),
    ),
    forbidden(ON_A_LIST, of=("action",)),
    Scene(TRIAL, "full", "Track a test action", query="?action=signIn"),
    Scene(TRIAL, "full-tracked", "Track a test action", steps=tried("adaptive-mfa-transfer", "Track it", TRANSFER)),
    Scene(
        TRIAL,
        "full-dry-run",
        "Track a test action",
        steps=tried("adaptive-mfa-transfer", "Dry run with the draft", TRANSFER),
    ),
    Scene(TRIAL, "long", "Track a test action", steps=tried(CODE, "Dry run with the draft", TRANSFER)),
    Scene(
        TRIAL,
        "error",
        "Track a test action",
        steps=(*tried("no spaces please", "Track it", "{]"), see("Use 1 to 64 letters")),
    ),
    forbidden(TRIAL),
    *states(AUDIT, "Audit log", "full long"),
    Scene(AUDIT, "empty", "Audit log", query="?since=1999-01-01&until=1999-01-02", steps=(see("No event matches"),)),
]
