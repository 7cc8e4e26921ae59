"""Value lists, what stands on them, and a file that is to go there."""

from playwright.sync_api import Page

from authsignal_portal.vocabulary import Role
from tests.screens.portal.scene import Scene, choose, forbidden, refused, states, write
from tests.screens.scene import Step, see

LISTS, ADD, SETTINGS, DELETE = (f"rules_valuelist_{name}" for name in ("changelist", "add", "change", "delete"))
ITEMS, ITEM, REMOVE, EXPIRED, IMPORT = (
    f"rules_valuelist_{name}" for name in ("items", "edit_item", "remove_item", "remove_expired", "import")
)
GOOD = "value,note,expires_at\nzoe@mail.example,Chargeback,\nyan@mail.example,,2099-01-31\n"
BAD = "value,note,expires_at\n,,\nzoe@mail.example,,tomorrow\n" + "\n".join(f"x{n},,32-13" for n in range(60))


def look_at(content: str) -> Step:
    """Choose a file of this content and have the server read it."""

    def send(page: Page) -> None:
        file = {"name": "list.csv", "mimeType": "text/csv", "buffer": content.encode()}
        page.get_by_label("CSV file").set_input_files(files=[file])  # type: ignore[list-item]
        page.get_by_role("button", name="Check the file").click()

    return send


LIST, ITEM_OF = ("list",), ("list", "item")
SCENES = [
    *states(LISTS, "Value lists", "full empty long"),
    Scene(LISTS, "full-reader", "Value lists", role=Role.READ_ONLY),
    Scene(ADD, "full", "Add"),
    Scene(ADD, "error", "Add", steps=(write("name", "!!!"), refused())),
    forbidden(ADD),
    *states(SETTINGS, "Settings of", "full long", of=LIST),
    Scene(SETTINGS, "full-code", "Settings of", of=LIST, must_prove=True),
    Scene(SETTINGS, "error", "Settings of", of=LIST, steps=(write("name", ""), refused())),
    *states(DELETE, "Delete", "full long", of=("unused",)),
    Scene(DELETE, "error-used", "", of=LIST, steps=(see("It is used by"),)),
    *states(ITEMS, "", "full long", of=LIST),
    Scene(ITEMS, "empty", "Accounts of mules", of=LIST, tenant="new"),
    Scene(ITEMS, "empty-search", "", of=LIST, query="?q=nothing", tenant="full"),
    Scene(ITEMS, "full-off", "Last year's vouchers", of=("off",), steps=(see("This list is off"),)),
    Scene(ITEMS, "full-reader", "", of=LIST, role=Role.READ_ONLY),
    Scene(ITEMS, "error", "", of=LIST, steps=(choose("Expires", "At the end of a day"), refused("Add"))),
    *states(ITEM, "", "full long", of=ITEM_OF),
    Scene(ITEM, "error", "", of=ITEM_OF, steps=(choose("Expires", "At the end of a day"), refused())),
    *states(REMOVE, "Remove", "full long", of=ITEM_OF),
    Scene(EXPIRED, "full", "Remove expired values", of=LIST),
    *states(IMPORT, "Import into", "full long", of=LIST),
    Scene(IMPORT, "full-preview", "Import into", of=LIST, steps=(look_at(GOOD), see("This is what the file would do"))),
    Scene(IMPORT, "error", "Import into", of=LIST, steps=(look_at(BAD), see("lines are wrong"))),
    Scene(IMPORT, "error-nothing", "Import into", of=LIST, steps=(refused("Check the file"),)),
    forbidden(IMPORT, of=LIST),
]
