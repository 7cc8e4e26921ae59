"""Two ways to work the rule builder: with a mouse, and with nothing but a keyboard."""

from dataclasses import dataclass
from typing import Any, Protocol

from playwright.sync_api import Page, expect

from tests.browser import builder
from tests.browser.builder import settled

# The accessible name of what has the focus, as far as these tests need it.
NAME_OF_FOCUSED = """() => {
    const focused = document.activeElement;
    const plain = (element) => {
        const copy = element.cloneNode(true);
        copy.querySelectorAll("[aria-hidden]").forEach(icon => icon.remove());
        return copy.textContent.replace(/\\s+/g, " ").trim();
    };
    return focused.getAttribute("aria-label") || (focused.labels?.length ? plain(focused.labels[0]) : plain(focused));
}"""


class Hands(Protocol):
    page: Page

    def open_action(self, code: str) -> None: ...
    def new_rule(self, name: str) -> None: ...
    def point(self, number: str, label: str) -> None: ...
    def new_point(self, number: str, name: str, kind: str) -> None: ...
    def compare(self, number: str, operator: str) -> None: ...
    def value(self, number: str, text: str) -> None: ...
    def press(self, button: str) -> None: ...
    def any_may_hold(self) -> None: ...
    def save(self) -> None: ...


@dataclass
class Mouse:
    page: Page

    def open_action(self, code: str) -> None:
        self.page.get_by_role("navigation", name="Main").get_by_role("link", name="Actions", exact=True).click()
        self.page.get_by_role("link", name=code, exact=True).click()

    def new_rule(self, name: str) -> None:
        self.page.get_by_role("link", name="Add rule").click()
        self.page.get_by_label("Name", exact=True).first.fill(name)

    def point(self, number: str, label: str) -> None:
        builder.choose_point(self.page, number, label)

    def new_point(self, number: str, name: str, kind: str) -> None:
        builder.row(self.page, number).get_by_role("button", name="Data point").click()
        dialog = self.page.get_by_role("dialog")
        dialog.get_by_text("New custom data point").click()
        dialog.get_by_label("Name", exact=True).fill(name)
        dialog.get_by_label("Type").select_option(label=kind)
        with settled(self.page):
            dialog.get_by_role("button", name="Add it and use it").click()
        expect(dialog).to_be_hidden()

    def compare(self, number: str, operator: str) -> None:
        with settled(self.page):
            builder.row(self.page, number).get_by_label("Comparison").select_option(label=operator)

    def value(self, number: str, text: str) -> None:
        field = builder.row(self.page, number).get_by_label("Value", exact=True)
        with settled(self.page):
            if field.evaluate("field => field.tagName") == "SELECT":
                field.select_option(label=text)
            else:
                field.fill(text)
                field.blur()

    def press(self, button: str) -> None:
        builder.press(self.page, button)

    def any_may_hold(self) -> None:
        with settled(self.page):
            self.page.get_by_text("ANY may hold").first.click()

    def save(self) -> None:
        builder.save(self.page)


@dataclass
class Keyboard:
    """Presses keys, and looks at where the focus is; nothing else."""

    page: Page

    def open_action(self, code: str) -> None:
        self.tab_to("Actions")
        self.page.keyboard.press("Enter")
        expect(self.page.get_by_role("heading", name="Actions", exact=True)).to_be_visible()
        self.tab_to(code)
        self.page.keyboard.press("Enter")
        expect(self.page.get_by_role("heading", name=code, exact=True)).to_be_visible()

    def new_rule(self, name: str) -> None:
        self.tab_to("Add rule")
        self.page.keyboard.press("Enter")
        expect(self.page.get_by_role("heading", name="New rule")).to_be_visible()
        self.tab_to("Name")
        self.page.keyboard.type(name)

    def point(self, number: str, label: str) -> None:
        self._open_points(number)
        self.page.keyboard.type(label)
        self.page.keyboard.press("ArrowDown")
        with settled(self.page):
            self.page.keyboard.press("Enter")

    def new_point(self, number: str, name: str, kind: str) -> None:
        self._open_points(number)
        self.tab_to("New custom data point")
        self.page.keyboard.press("Enter")
        self.tab_to("Name")
        self.page.keyboard.type(name)
        self.tab_to("Type")
        # No request follows a choice in the dialog, so that its first letters choose.
        self.page.keyboard.type(kind)
        self.tab_to("Add it and use it")
        with settled(self.page):
            self.page.keyboard.press("Enter")
        expect(self.page.get_by_role("dialog")).to_be_hidden()

    def compare(self, number: str, operator: str) -> None:
        self._enter(number)
        self.tab_to("Comparison")
        self._choose(operator)

    def value(self, number: str, text: str) -> None:
        self._enter(number)
        self.tab_to("Value")
        if self.page.evaluate("document.activeElement.tagName") == "SELECT":
            self._choose(text)
            return
        self.page.keyboard.press("Control+a")
        self.page.keyboard.type(text)
        with settled(self.page):
            self.page.keyboard.press("Tab")

    def press(self, button: str) -> None:
        self.tab_to(button)
        with settled(self.page):
            self.page.keyboard.press("Enter")

    def any_may_hold(self) -> None:
        self.tab_to("ALL must hold AND")
        with settled(self.page):
            self.page.keyboard.press("ArrowRight")

    def save(self) -> None:
        self.tab_to("Save rule")
        self.page.keyboard.press("Enter")
        expect(self.page.get_by_text("was saved")).to_be_visible()

    # -- keys -------------------------------------------------------------------------------------

    def tab_to(self, name: str, *, most: int = 150) -> None:
        """Press Tab until the element of this name has the focus."""
        for _ in range(most):
            self.page.keyboard.press("Tab")
            if self.page.evaluate(NAME_OF_FOCUSED) == name:
                return
        raise AssertionError(f"{name} cannot be reached by keyboard")

    def _enter(self, number: str) -> None:
        """Press Tab until the focus comes to the data point of this row."""
        for _ in range(150):
            self.page.keyboard.press("Tab")
            if self._row_of_focus() == number and "Data point:" in self.page.evaluate(NAME_OF_FOCUSED):
                return
        raise AssertionError(f"Condition {number} cannot be reached by keyboard")

    def _row_of_focus(self) -> Any:
        return self.page.evaluate(
            "document.activeElement.closest('.portal-row')?.closest('[data-number]').dataset.number ?? ''"
        )

    def _open_points(self, number: str) -> None:
        if self._row_of_focus() != number or "Data point:" not in self.page.evaluate(NAME_OF_FOCUSED):
            self._enter(number)
        self.page.keyboard.press("Enter")
        expect(self.page.get_by_role("dialog")).to_be_visible()
        expect(self.page.get_by_label("Search the data points")).to_be_focused()

    def _choose(self, label: str) -> None:
        """In a drop-down list: first to its beginning, then down to the option."""
        chosen = "document.activeElement.selectedOptions[0].textContent"
        if self.page.evaluate("document.activeElement.selectedIndex"):
            with settled(self.page):
                self.page.keyboard.press("Home")
        for _ in range(40):
            if self.page.evaluate(chosen) == label:
                return
            with settled(self.page):
                self.page.keyboard.press("ArrowDown")
        raise AssertionError(f"There is no {label} to choose")
