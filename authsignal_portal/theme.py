"""How a tenant's hosted pages look: the tokens there are, what they may be, their style sheet, and its legibility.

The words are the product's: `primaryColor`, `colors` (22), `borders` (7, in px), `container`, `pageBackground`,
`links`, `shadows`, `typography`, and `darkMode` with the same less the last three. Only colours, numbers and choices:
no text of a tenant ever becomes CSS. What a theme leaves out is as in static/challenge/tokens.css. Pictures stand
beside the tokens (actions.hosted_theme). Pure; contrast is counted as WCAG 2.2 does.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypeAlias

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Mode: TypeAlias = Literal["light", "dark"]
Theme: TypeAlias = Mapping[str, Any]
Palette: TypeAlias = dict[str, str]

MODES: tuple[Mode, ...] = ("light", "dark")

TOKENS_CSS = Path(__file__).resolve().parent.parent / "static" / "challenge" / "tokens.css"
COLOR = re.compile("#[0-9a-fA-F]{6}")
ASSIGNED = re.compile(r"(--[a-z-]+):\s*([^;]+);")
REFERENCE = re.compile(r"var\((--[a-z-]+)\)")

# Each token's custom property in tokens.css.
COLORS: dict[str, str] = {
    "buttonPrimaryText": "--on-accent",
    "buttonPrimaryBorder": "--primary-line",
    "buttonSecondaryText": "--secondary-text",
    "buttonSecondaryBackground": "--secondary-surface",
    "buttonSecondaryBorder": "--secondary-line",
    "cardBackground": "--choice-surface",
    "cardBorder": "--choice-line",
    "inputBackground": "--input-surface",
    "inputBorder": "--input-line",
    "link": "--link",
    "headingText": "--heading",
    "bodyText": "--text",
    "containerBackground": "--surface",
    "containerBorder": "--container-line",
    "divider": "--divider",
    "icon": "--icon-color",
    "loader": "--loader",
    "positive": "--good",
    "critical": "--bad",
    "information": "--notice",
    "hover": "--surface-hover",
    "focus": "--focus",
}
BORDERS: dict[str, tuple[str, int]] = {  # the property and the most px
    "buttonBorderRadius": ("--button-radius", 32),
    "buttonBorderWidth": ("--button-line-width", 4),
    "cardBorderRadius": ("--choice-radius", 32),
    "cardBorderWidth": ("--choice-line-width", 4),
    "inputBorderRadius": ("--input-radius", 32),
    "inputBorderWidth": ("--input-line-width", 4),
    "containerBorderRadius": ("--radius-card", 48),
}
CONTAINER_CHOICES: dict[str, tuple[str, ...]] = {
    "contentAlignment": ("left", "center"),
    "logoAlignment": ("left", "center", "right"),
    "logoPosition": ("inside", "outside"),
    "exitPosition": ("top", "bottom"),
}
CONTAINER_SIZES: dict[str, tuple[str, int, int]] = {
    "padding": ("--card-padding", 8, 48),
    "paddingHorizontal": ("--card-padding-x", 8, 48),
    "paddingVertical": ("--card-padding-y", 8, 48),
    "logoHeight": ("--logo-height", 16, 96),
}
# Fonts that every device has: another's server would learn of each challenge.
FONTS: dict[str, str] = {
    "system": "",
    "serif": 'ui-serif, "New York", "Iowan Old Style", Georgia, "Noto Serif", serif',
    "rounded": 'ui-rounded, "SF Pro Rounded", "Hiragino Maru Gothic ProN", Quicksand, Nunito, "Noto Sans", sans-serif',
    "monospace": 'ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace',
}
TEXT_CONTRAST = 4.5  # WCAG 2.2, 1.4.3
PART_CONTRAST = 3.0  # 1.4.11


class BadTheme(ValueError):
    """A theme says something it cannot; `where` is the token, such as darkMode.colors.link."""

    def __init__(self, where: str, text: str) -> None:
        super().__init__(f"{where}: {text}")
        self.where, self.text = where, text


@dataclass(frozen=True, slots=True)
class Contrast:
    """Two colours that are hard to tell apart: the token to change, why, and the nearest colour that would do."""

    mode: Mode
    token: str
    what: str | Promise
    ratio: float
    needed: float
    suggestion: str


# -- what a theme may say --------------------------------------------------------------------------


def checked(given: object) -> dict[str, Any]:
    """The theme as it may be kept. Raises BadTheme for the first token that is unknown or out of bounds."""
    return _section(given, "", dark=False)


def _section(given: object, at: str, *, dark: bool) -> dict[str, Any]:
    readers: dict[str, Callable[[object, str], Any]] = {
        "primaryColor": _color,
        "colors": lambda value, where: _each(value, where, COLORS, lambda v, w, _name: _color(v, w)),
        "borders": lambda value, where: _each(value, where, BORDERS, lambda v, w, n: _whole(v, w, 0, BORDERS[n][1])),
        "container": lambda value, where: _container(value, where, dark=dark),
        "pageBackground": lambda value, where: _each(value, where, ["backgroundColor"], lambda v, w, _n: _color(v, w)),
    }
    if not dark:
        readers |= {
            "links": lambda value, where: _each(value, where, ["underline"], _switch),
            "shadows": lambda value, where: _each(value, where, ["enabled"], _switch),
            "typography": lambda value, where: _each(value, where, ["font"], lambda v, w, _n: _choice(v, w, FONTS)),
            "darkMode": lambda value, where: _section(value, f"{where}.", dark=True),
        }
    parts = _known(_mapping(given, at or "theme"), at, readers)
    read = {name: readers[name](value, f"{at}{name}") for name, value in parts.items()}
    return {name: value for name, value in read.items() if value != {}}


def _known(parts: Mapping[str, Any], at: str, names: Collection[str]) -> dict[str, Any]:
    """Those that say something. Raises BadTheme for a name that is none of these."""
    for name in parts:
        if name not in names:
            raise BadTheme(f"{at}{name}", f"no such token; known are {', '.join(names)}")
    return {name: value for name, value in parts.items() if value is not None}


def _mapping(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise BadTheme(where, "expected an object")
    return value


def _each(value: object, where: str, names: Collection[str], read: Callable[[Any, str, str], Any]) -> dict[str, Any]:
    parts = _known(_mapping(value, where), f"{where}.", names)
    return {name: read(part, f"{where}.{name}", name) for name, part in parts.items()}


def _container(value: object, where: str, *, dark: bool) -> dict[str, Any]:
    names = [name for name in (*CONTAINER_CHOICES, *CONTAINER_SIZES) if not (dark and name == "exitPosition")]

    def read(part: object, at: str, name: str) -> Any:
        if name in CONTAINER_CHOICES:
            return _choice(part, at, CONTAINER_CHOICES[name])
        return _whole(part, at, *CONTAINER_SIZES[name][1:])

    return _each(value, where, names, read)


def _color(value: object, where: str) -> str:
    if not isinstance(value, str) or not COLOR.fullmatch(value):
        raise BadTheme(where, "write a colour as #rrggbb")
    return value.lower()


def _whole(value: object, where: str, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise BadTheme(where, f"write a whole number of pixels from {least} to {most}")
    return value


def _choice(value: object, where: str, choices: Collection[str]) -> str:
    if not isinstance(value, str) or value not in choices:
        raise BadTheme(where, f"choose one of {', '.join(choices)}")
    return value


def _switch(value: object, where: str, _name: str) -> bool:
    if not isinstance(value, bool):
        raise BadTheme(where, "write true or false")
    return value


# -- the style sheet -------------------------------------------------------------------------------


def css(theme: Theme) -> str:
    """What goes behind tokens.css. Empty for an empty theme."""
    parts = [_rule(declarations(theme, "light"))]
    if dark := declarations(theme, "dark"):
        parts.append(f"@media (prefers-color-scheme: dark) {{ {_rule(dark)} }}")
    return "\n".join(part for part in parts if part)


def whole_css(theme: Theme, mode: Mode) -> str:
    """Every token of one mode, whatever the device prefers: for a preview."""
    return _rule(defaults(mode) | declarations(theme, mode))


def _rule(values: Palette) -> str:
    return f":root {{ {' '.join(f'{name}: {value};' for name, value in values.items())} }}" if values else ""


def declarations(theme: Theme, mode: Mode) -> Palette:
    """The custom properties that the theme sets in this mode, derived ones too."""
    part = theme if mode == "light" else theme.get("darkMode", {})
    values = {COLORS[name]: color for name, color in part.get("colors", {}).items()}
    values |= {BORDERS[name][0]: f"{pixels}px" for name, pixels in part.get("borders", {}).items()}
    container = part.get("container", {})
    values |= {CONTAINER_SIZES[name][0]: f"{container[name]}px" for name in CONTAINER_SIZES if name in container}
    if page := part.get("pageBackground", {}).get("backgroundColor"):
        values["--page"] = page
    if mode == "light":
        values |= _everywhere(theme)
    return _derived(part, values, defaults(mode)) | values


def _everywhere(theme: Theme) -> Palette:
    values: Palette = {}
    if font := FONTS[theme.get("typography", {}).get("font", "system")]:
        values["--font"] = font
    if theme.get("links", {}).get("underline") is False:
        values["--link-line"] = "none"
    if theme.get("shadows", {}).get("enabled") is False:
        values["--shadow"] = "none"
    return values


def _derived(part: Theme, values: Palette, before: Palette) -> Palette:
    """What follows from the colours that are named: shades of the accent, and the text that fades beside the body."""
    found: Palette = {}
    surface = values.get("--surface") or _resolved("--surface", before)
    if primary := part.get("primaryColor"):
        on_accent = values.get("--on-accent") or max(("#ffffff", "#000000"), key=lambda c: contrast(c, primary))
        found |= {
            "--accent": primary,
            "--accent-hover": mixed(
                primary, "#000000" if luminance(on_accent) > luminance(primary) else "#ffffff", 0.15
            ),
            "--accent-soft": mixed(primary, surface, 0.88),
            "--on-accent": on_accent,
            "--focus": legible(primary, surface, PART_CONTRAST),
            "--loader": legible(primary, surface, PART_CONTRAST),
            # Where the button itself is hardly seen on the card.
            "--primary-line": legible(primary, surface, PART_CONTRAST),
        }
    if "--text" in values or "--surface" in values:
        text = values.get("--text") or _resolved("--text", before)
        found["--text-soft"] = legible(mixed(text, surface, 0.28), surface, TEXT_CONTRAST)
        found["--surface-raised"] = mixed(surface, text, 0.04)
    for name in ("good", "bad", "notice"):
        if f"--{name}" in values or "--surface" in values:
            color = values.get(f"--{name}") or _resolved(f"--{name}", before)
            found[f"--{name}-soft"] = mixed(color, surface, 0.88)
    return found


def classes(theme: Theme) -> str:
    """The body's classes for what is neither a colour nor a size."""
    container = theme.get("container", {})
    return " ".join(f"{name}-{container[name]}" for name in CONTAINER_CHOICES if name in container)


def shipped(css_name: str, mode: Mode) -> str:
    """The colour that a custom property has without a theme."""
    return _resolved(css_name, defaults(mode))


@lru_cache
def defaults(mode: Mode) -> Palette:
    """The custom properties as tokens.css has them; those of colour and those that refer to one."""
    light, dark = TOKENS_CSS.read_text("utf-8").split("@media (prefers-color-scheme: dark)")
    values = dict(ASSIGNED.findall(light))
    return values if mode == "light" else values | dict(ASSIGNED.findall(dark))


def _resolved(name: str, values: Mapping[str, str]) -> str:
    """A colour, through the properties that it refers to."""
    for _step in range(8):
        value = values[name].strip()
        if COLOR.fullmatch(value):
            return value
        reference = REFERENCE.fullmatch(value)
        if reference is None:
            break
        name = reference[1]
    raise LookupError(name)


# -- whether it can be read ------------------------------------------------------------------------

# The token to change, the colour in front, the one behind, and what stands there. Whatever is read stands on the card,
# which is opaque: the page behind it, with a picture or without one, is behind no text.
PAIRS: tuple[tuple[str, str, str, float, str | Promise], ...] = (
    ("colors.bodyText", "--text", "--surface", TEXT_CONTRAST, _("text on the card")),
    ("colors.bodyText", "--text-soft", "--surface", TEXT_CONTRAST, _("fainter text on the card")),
    ("colors.bodyText", "--text", "--surface-hover", TEXT_CONTRAST, _("text under the pointer")),
    ("colors.headingText", "--heading", "--surface", TEXT_CONTRAST, _("headings on the card")),
    ("colors.link", "--link", "--surface", TEXT_CONTRAST, _("links on the card")),
    ("colors.buttonPrimaryText", "--on-accent", "--accent", TEXT_CONTRAST, _("text of the main button")),
    (
        "colors.buttonPrimaryText",
        "--on-accent",
        "--accent-hover",
        TEXT_CONTRAST,
        _("text of the main button under the pointer"),
    ),
    (
        "colors.buttonSecondaryText",
        "--secondary-text",
        "--secondary-surface",
        TEXT_CONTRAST,
        _("text of the second button"),
    ),
    ("colors.bodyText", "--text", "--accent-soft", TEXT_CONTRAST, _("text on a ground tinted with the main colour")),
    ("colors.bodyText", "--text", "--choice-surface", TEXT_CONTRAST, _("text of a choice")),
    ("colors.bodyText", "--text", "--input-surface", TEXT_CONTRAST, _("what is typed")),
    ("colors.positive", "--good", "--good-soft", TEXT_CONTRAST, _("good news")),
    ("colors.critical", "--bad", "--bad-soft", TEXT_CONTRAST, _("problems")),
    ("colors.critical", "--bad", "--surface", TEXT_CONTRAST, _("problems on the card")),
    ("colors.information", "--notice", "--notice-soft", TEXT_CONTRAST, _("notices")),
    ("colors.inputBorder", "--input-line", "--surface", PART_CONTRAST, _("the border of a field")),
    ("colors.focus", "--focus", "--surface", PART_CONTRAST, _("the frame around what has the focus")),
    ("colors.loader", "--loader", "--surface", PART_CONTRAST, _("the spinner")),
)


def problems(theme: Theme) -> list[Contrast]:
    """Every pair of colours that somebody could not tell apart; the shipped tokens have none."""
    return [problem for mode in MODES for problem in _problems(theme, mode)]


def _problems(theme: Theme, mode: Mode) -> Iterator[Contrast]:
    values = defaults(mode) | declarations(theme, mode)
    told: set[str] = set()
    for token, front_name, back_name, needed, what in PAIRS:
        front, back = _resolved(front_name, values), _resolved(back_name, values)
        ratio = contrast(front, back)
        # Headings, links and the like follow the text where the theme does not name them.
        if ratio < needed and not {token, front} & told:
            told |= {token, front}
            yield Contrast(mode, token, what, round(ratio, 2), needed, legible(front, back, needed))
    yield from _unseen_button(values, mode)


def _unseen_button(values: Palette, mode: Mode) -> Iterator[Contrast]:
    """Either the main button or the line around it must be seen on the card."""
    surface, accent = _resolved("--surface", values), _resolved("--accent", values)
    line = accent if values["--button-line-width"] == "0px" else _resolved("--primary-line", values)
    ratio = max(contrast(accent, surface), contrast(line, surface))
    if ratio < PART_CONTRAST:
        suggestion = legible(accent, surface, PART_CONTRAST)
        yield Contrast(mode, "primaryColor", _("the main button"), round(ratio, 2), PART_CONTRAST, suggestion)


def contrast(one: str, other: str) -> float:
    """WCAG 2.2's ratio, from 1 to 21."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(color: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    red, green, blue = (_linear(channel / 255) for channel in _channels(color))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)


def _channels(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def mixed(color: str, other: str, share: float) -> str:
    """`share` of the other colour in it, 0 to 1."""
    pairs = zip(_channels(color), _channels(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def legible(front: str, back: str, needed: float) -> str:
    """The colour closest to `front`, darker or lighter, that can be told from `back`."""
    if contrast(front, back) >= needed:
        return front
    for step in range(1, 101):
        tried = [mixed(front, end, step / 100) for end in ("#000000", "#ffffff")]
        passing = [color for color in tried if contrast(color, back) >= needed]
        if passing:
            return max(passing, key=lambda color: contrast(color, back))
    raise LookupError(front)
