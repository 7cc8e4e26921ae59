"""A page's form as a browser that runs no scripts holds it."""

import re
from datetime import date
from html import unescape
from html.parser import HTMLParser
from typing import Any


class Form(HTMLParser):
    """The fields of the form with this id (empty: of everything) as a browser sends them, and the buttons in it."""

    def __init__(self, html: str, ident: str = "rule_form") -> None:
        super().__init__()
        self.ident, self.inside, self.fields, self.buttons = ident, not ident, [], []
        self._select = self._textarea = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        has = dict(attrs)
        if tag == "form" and self.ident:
            self.inside = has.get("id") == self.ident
        if not self.inside:
            return
        if tag == "input" and has.get("name") and (has.get("type") not in ("checkbox", "radio") or "checked" in has):
            self.fields.append((has["name"], _value(has)))
        elif tag == "select":
            self._select, self._first = has["name"], True
        elif tag == "option" and self._select and ("selected" in has or self._first):
            if not self._first:
                self.fields.pop()
            self.fields.append((self._select, has.get("value", "")))
            self._first = False
        elif tag == "textarea":
            self._textarea = has["name"]
            self.fields.append((self._textarea, ""))
        elif tag == "button":
            self.buttons.append((has.get("name"), has.get("value")))

    def handle_data(self, data: str) -> None:
        if self._textarea and self.inside:
            # The line break after the tag is not part of the text.
            self.fields[-1] = (self._textarea, data.removeprefix("\n"))

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = None
        elif tag == "textarea":
            self._textarea = None
        elif tag == "form" and self.ident:
            self.inside = False


def _value(has: dict[str, Any]) -> str:
    """What a browser makes of the value that an input is given."""
    value, kind = has.get("value") or "", has.get("type", "text")
    if kind == "checkbox":
        return has.get("value", "on")
    if kind == "date" and value:
        try:
            date.fromisoformat(value)
        except ValueError:
            return ""
    return value if kind in ("hidden", "radio") else value.replace("\n", "")


class Page:
    """One page with the rule's form, worked without scripts: fill in, press, look at what comes back."""

    def __init__(self, client: Any, path: str) -> None:
        self.client, self.path = client, path
        self._take(client.get(path))

    def _take(self, answer: Any) -> None:
        self.answer = answer
        if answer.status_code == 200:
            self.html = answer.content.decode()
            self.form = Form(self.html)

    def fill(self, **values: str | list[str] | None) -> "Page":
        """Several values are boxes that are ticked; None leaves the field out."""
        for name, value in values.items():
            name = name.replace("__", "-")
            self.form.fields = [(one, text) for one, text in self.form.fields if one != name]
            listed = value if isinstance(value, list) else [] if value is None else [value]
            self.form.fields += [(name, text) for text in listed]
        return self

    def press(self, name: str, value: str = "") -> "Page":
        assert (name, value or None) in self.form.buttons or (name, value) in self.form.buttons, self.form.buttons
        body: dict[str, list[str]] = {}
        for one, text in [*self.form.fields, (name, value)]:
            body.setdefault(one, []).append(text)
        self._take(self.client.post(self.path, body))
        return self

    @property
    def sentence(self) -> str:
        found = re.search(r'id="builder-sentence"[^>]*>(.*?)</p>', self.html, re.S)
        assert found
        return " ".join(unescape(re.sub("<[^>]+>", " ", found[1])).split())
