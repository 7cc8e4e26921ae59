"""The templates of the hosted pages made to work without a script: what static/challenge/view.js does, done here.

`data-if` parts stand or fall, `data-slot` parts are filled, and every button with a `data-act` becomes one that sends
the form. So each screen has one template, with or without JavaScript.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser

from django.utils.html import conditional_escape, escape
from django.utils.safestring import SafeString, mark_safe

VOID = frozenset({"br", "hr", "img", "input", "link", "meta", "use"})
# Nothing without a script: a clipboard, and a file made in the browser.
SCRIPTED = frozenset({"copy", "download"})
# The form that stands outside the screen, for buttons and boxes that stand in none.
FORM = "plain"

ROW = re.compile(r'<template data-slot="row">(.*?)</template>', re.DOTALL)
ICON = re.compile(r"<svg.*?</svg>", re.DOTALL)
ICON_NAME = re.compile(r"#icon-[a-z]+")

Attributes = dict[str, str | None]


@dataclass(frozen=True, slots=True)
class Filling:
    """What goes into a template. `act`: what its buttons without a `data-act` send. Slots are text unless safe."""

    when: frozenset[str] = frozenset()
    slots: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    hidden: str = ""
    act: str = "answer"
    path: str = ""
    problem: str = ""
    # A page that reloads itself would close what somebody opened.
    stays_open: bool = False


def filled(html: str, filling: Filling) -> SafeString:
    """The template's rendered HTML, ready to be shown."""
    screen = _Screen(filling)
    screen.feed(html)
    screen.close()
    return mark_safe("".join(screen.parts))  # noqa: S308  (our own template; each filling is escaped)


class _Screen(HTMLParser):
    def __init__(self, filling: Filling) -> None:
        super().__init__(convert_charrefs=False)
        self.filling = filling
        self.parts: list[str] = []
        self.in_form = False
        self.focused = False
        self.is_link = False
        # While something is left out: how deep in it we are, and what is written at its end.
        self.depth = 0
        self.ending = ""

    # -- what the parser meets -------------------------------------------------------------------

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open(tag, dict(attrs), is_void=tag in VOID)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open(tag, dict(attrs), is_void=True)

    def handle_endtag(self, tag: str) -> None:
        if self.depth:
            self.depth -= 1
            if not self.depth:
                self.parts.append(self.ending)
            return
        self.in_form = self.in_form and tag != "form"
        if tag == "button" and self.is_link:
            self.is_link, tag = False, "a"
        self.parts.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        self._write(data)

    def handle_entityref(self, name: str) -> None:
        self._write(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self._write(f"&#{name};")

    def _write(self, text: str) -> None:
        if not self.depth:
            self.parts.append(text)

    # -- elements --------------------------------------------------------------------------------

    def _open(self, tag: str, attrs: Attributes, *, is_void: bool) -> None:
        if self.depth:
            self.depth += not is_void
            return
        if self._is_left_out(tag, attrs):
            self._skip(is_void, "")
            return
        if attrs.get("data-act") == "secret":
            # What the button would open is open already.
            self.parts.append(f'<a class="{escape(attrs.get("class"))}" href="#secret">')
            self.is_link = True
            return
        content = self._content(tag, attrs)
        self._dress(tag, attrs)
        self.parts.append(_start(tag, attrs))
        if tag == "form":
            self.in_form = True
            self.parts.append(self.filling.hidden)
        if content is not None and not is_void:
            self.parts.append(conditional_escape(content))
            self._skip(is_void, f"</{tag}>")

    def _is_left_out(self, tag: str, attrs: Attributes) -> bool:
        part = attrs.pop("data-if", None)
        if "data-script" in attrs:
            return True
        unwanted = part is not None and part not in self.filling.when
        return unwanted or tag == "template" or attrs.get("data-act") in SCRIPTED

    def _skip(self, is_void: bool, ending: str) -> None:
        if not is_void:
            self.depth, self.ending = 1, ending

    def _content(self, tag: str, attrs: Attributes) -> str | None:
        """What takes the place of what stands in the element, if anything does."""
        if tag == "button":
            return self.filling.labels.get(attrs.get("data-act") or "")
        if (attrs.get("id") or "").endswith("-problem") or attrs.get("data-slot") == "problem":
            return self.filling.problem
        return self.filling.slots.get(attrs.get("data-slot") or "")

    def _dress(self, tag: str, attrs: Attributes) -> None:
        slot = attrs.pop("data-slot", None) or ""
        attrs.pop("hidden", None)
        if tag == "details" and self.filling.stays_open:
            attrs["open"] = None
        if slot == "note" and slot in self.filling.slots:
            # It is what the press of a button came to.
            attrs["class"] = "note"
        if tag == "form":
            attrs.pop("novalidate", None)
            attrs |= {"method": "post", "action": self.filling.path}
        elif tag == "button":
            attrs |= {"type": "submit", "name": "act", "value": attrs.pop("data-act", None) or self.filling.act}
        elif tag == "a" and (target := attrs.pop("data-href", None)):
            attrs["href"] = self.filling.slots.get(target, "")
        elif tag == "img" and slot in self.filling.slots:
            attrs["src"] = self.filling.slots[slot]
        elif tag == "input":
            self._dress_input(attrs, slot)
        if tag in ("button", "input") and not self.in_form:
            attrs["form"] = FORM

    def _dress_input(self, attrs: Attributes, slot: str) -> None:
        name = attrs.setdefault("name", slot) or ""
        if attrs.get("type") == "checkbox":
            attrs["value"] = "yes"
            return
        if name in self.filling.values:
            attrs["value"] = self.filling.values[name]
        if self.filling.problem:
            attrs["aria-invalid"] = "true"
        if not self.focused:
            self.focused = True
            attrs["autofocus"] = None


def _start(tag: str, attrs: Attributes) -> str:
    written = (f" {name}" if value is None else f' {name}="{escape(value)}"' for name, value in attrs.items())
    return f"<{tag}{''.join(written)}>"


class _Texts(HTMLParser):
    """Reads strings.html: what `data-text` names, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self.name = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.name = dict(attrs).get("data-text") or ""

    def handle_endtag(self, tag: str) -> None:
        self.name = ""

    def handle_data(self, data: str) -> None:
        if self.name:
            self.found[self.name] = self.found.get(self.name, "") + data


def texts(html: str) -> dict[str, str]:
    """The sentences that the pages put together, by name; {braces} are still to be filled in."""
    reader = _Texts()
    reader.feed(html)
    reader.close()
    return reader.found


def row_template(html: str) -> str:
    """What a list's screen keeps aside for each of its rows."""
    found = ROW.search(html)
    return found[1] if found else ""


def icon_of(html: str) -> SafeString:
    """The first icon."""
    found = ICON.search(html)
    return mark_safe(found[0] if found else "")  # noqa: S308  (our own template)


def with_icon(html: str, name: str) -> str:
    """A card or a row with this icon in place of its own."""
    return ICON_NAME.sub(f"#icon-{name}", html, count=1)


class _Words(HTMLParser):
    """Reads what stands in the first element of a class, without what a script might hide of it."""

    def __init__(self, css_class: str) -> None:
        super().__init__()
        self.css_class = css_class
        self.depth = 0
        self.hidden = 0
        self.found = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if self.depth:
            self.depth += 1
            if self.hidden or "data-if" in given:
                self.hidden += 1
        elif given.get("class") == self.css_class and not self.found:
            self.depth = 1

    def handle_endtag(self, tag: str) -> None:
        self.depth = max(0, self.depth - 1)
        self.hidden = max(0, self.hidden - 1)

    def handle_data(self, data: str) -> None:
        if self.depth and not self.hidden:
            self.found += data


def text_of(html: str, css_class: str) -> str:
    reader = _Words(css_class)
    reader.feed(html)
    reader.close()
    return " ".join(reader.found.split())
