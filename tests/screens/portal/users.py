"""The people who prove themselves, and how the help desk helps them."""

from authsignal_portal.vocabulary import Role
from tests.screens.portal.scene import Scene, choose, fill_in, forbidden, refused, states
from tests.screens.scene import see

USERS, USER, ON_A_LIST, UNLOCK, REMOVE, INVALIDATE = (
    f"authenticators_enduser_{name}"
    for name in ("changelist", "change", "list", "unlock", "remove_authenticator", "invalidate_device")
)
ONE = ("user",)
SCENES = [
    *states(USERS, "Users", "full empty long"),
    Scene(USERS, "empty-search", "Users", query="?q=nobody", tenant="full", steps=(see("Nobody found"),)),
    Scene(USERS, "full-reader", "Users", role=Role.READ_ONLY),
    *states(USER, "", "full long", of=ONE),
    Scene(USER, "full-reader", "alice", of=ONE, role=Role.READ_ONLY),
    Scene(USER, "empty", "alice", of=ONE, tenant="new", steps=(see("nothing to prove themselves with"),)),
    *states(ON_A_LIST, "Add to a list", "full long", of=ONE),
    Scene(ON_A_LIST, "empty", "Add to a list", of=ONE, tenant="new", steps=(see("There is no list"),)),
    Scene(
        ON_A_LIST,
        "error",
        "Add to a list",
        of=ONE,
        steps=(choose("Expires", "At the end of a day"), refused("Add to the list")),
    ),
    *states(UNLOCK, "Unlock", "full long", of=ONE),
    Scene(UNLOCK, "full-code", "Unlock", of=ONE, must_prove=True),
    Scene(
        UNLOCK,
        "error",
        "Unlock",
        of=ONE,
        must_prove=True,
        steps=(fill_in("Code from your authenticator app", "000000"), refused("Unlock the user")),
    ),
    forbidden(UNLOCK, of=ONE),
    *states(REMOVE, "Remove an authenticator", "full long", of=("user", "authenticator")),
    *states(INVALIDATE, "Invalidate a device", "full long", of=("user", "device")),
]
