"""Themes: what they may say, the style sheet they become, and whether it can be read."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authsignal_portal import theme
from authsignal_portal.theme import BadTheme

colors = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


def test_black_on_white_is_21_to_1_and_the_order_does_not_matter():
    assert theme.contrast("#000000", "#ffffff") == theme.contrast("#ffffff", "#000000") == pytest.approx(21)
    assert theme.contrast("#777777", "#777777") == 1
    # The grey that is known for being just too light for text on white, and its darker neighbour.
    assert theme.contrast("#777777", "#ffffff") < 4.5 < theme.contrast("#767676", "#ffffff")


def test_the_shipped_look_has_no_problem():
    assert theme.problems({}) == []
    assert theme.css({}) == ""


@pytest.mark.parametrize(
    ("given_theme", "where"),
    [
        ([], "theme"),
        ({"primaryColour": "#123456"}, "primaryColour"),
        ({"primaryColor": "red"}, "primaryColor"),
        ({"primaryColor": "#12345"}, "primaryColor"),
        ({"primaryColor": "#123456;}"}, "primaryColor"),
        ({"primaryColor": "#12345\n6"}, "primaryColor"),
        ({"colors": {"link": "url(https://evil.example)"}}, "colors.link"),
        ({"colors": {"links": "#123456"}}, "colors.links"),
        ({"borders": {"buttonBorderRadius": 33}}, "borders.buttonBorderRadius"),
        ({"borders": {"buttonBorderRadius": -1}}, "borders.buttonBorderRadius"),
        ({"borders": {"buttonBorderRadius": True}}, "borders.buttonBorderRadius"),
        ({"borders": {"buttonBorderRadius": "4px"}}, "borders.buttonBorderRadius"),
        ({"container": {"exitPosition": "left"}}, "container.exitPosition"),
        ({"container": {"padding": 7}}, "container.padding"),
        ({"typography": {"font": "Comic Sans"}}, "typography.font"),
        ({"links": {"underline": "no"}}, "links.underline"),
        ({"darkMode": {"colors": {"link": "#zzzzzz"}}}, "darkMode.colors.link"),
        ({"darkMode": {"container": {"exitPosition": "top"}}}, "darkMode.container.exitPosition"),
        ({"darkMode": {"typography": {"font": "serif"}}}, "darkMode.typography"),
        ({"darkMode": {"darkMode": {}}}, "darkMode.darkMode"),
    ],
)
def test_what_is_no_token_or_out_of_bounds_is_refused_by_its_path(given_theme, where):
    with pytest.raises(BadTheme) as refused:
        theme.checked(given_theme)
    assert refused.value.where == where


def section(dark):
    parts = {
        "primaryColor": colors,
        "colors": st.fixed_dictionaries({}, optional=dict.fromkeys(theme.COLORS, colors)),
        "borders": st.fixed_dictionaries(
            {}, optional={n: st.integers(0, most) for n, (_, most) in theme.BORDERS.items()}
        ),
        "pageBackground": st.fixed_dictionaries({"backgroundColor": colors}),
    }
    if not dark:
        parts |= {
            "darkMode": section(dark=True),
            "links": st.fixed_dictionaries({"underline": st.booleans()}),
            "shadows": st.fixed_dictionaries({"enabled": st.booleans()}),
            "typography": st.fixed_dictionaries({"font": st.sampled_from(sorted(theme.FONTS))}),
        }
    return st.fixed_dictionaries({}, optional=parts)


@settings(max_examples=40)
@given(section(dark=False))
def test_every_theme_is_kept_as_it_is_and_becomes_custom_properties_alone(drawn):
    kept = theme.checked(drawn)
    assert theme.checked(kept) == kept
    sheet = re.sub(r"^@media \(prefers-color-scheme: dark\) \{ (.*) \}$", r"\1", theme.css(kept), flags=re.MULTILINE)
    assert re.fullmatch(r"(:root \{( --[a-z-]+: [^;{}<@]+;)+ \}\n?)*", sheet)


@given(colors, colors, st.sampled_from([3.0, 4.5]))
def test_a_suggestion_can_be_read(front, back, needed):
    assert theme.contrast(theme.legible(front, back, needed), back) >= needed


@given(colors)
def test_a_main_colour_alone_is_always_legible(primary):
    """Whatever the brand: the text on it, the line around its button, its focus ring and its spinner follow."""
    assert theme.problems({"primaryColor": primary, "darkMode": {"primaryColor": primary}}) == []


@pytest.mark.parametrize("mode", theme.MODES)
def test_a_main_button_that_looks_like_the_card_has_a_line_around_it_or_is_refused(mode):
    card = theme.shipped("--surface", mode)

    def of(**part):
        changed = {"primaryColor": card, **part}
        return changed if mode == "light" else {"darkMode": changed}

    assert theme.problems(of()) == []
    line = theme.declarations(of(), mode)["--primary-line"]
    assert theme.contrast(line, card) >= 3
    for part in ({"borders": {"buttonBorderWidth": 0}}, {"colors": {"buttonPrimaryBorder": card}}):
        [problem] = theme.problems(of(**part))
        assert (problem.mode, problem.token, problem.ratio) == (mode, "primaryColor", 1)
        assert theme.problems(of(**part, primaryColor=problem.suggestion)) == []


@given(colors, colors, st.integers(0, 2))
def test_a_main_button_that_is_accepted_is_seen_on_the_card(primary, line, width):
    drawn = {"primaryColor": primary, "colors": {"buttonPrimaryBorder": line}, "borders": {"buttonBorderWidth": width}}
    card = theme.shipped("--surface", "light")
    seen = [primary, line] if width else [primary]
    refused = [problem for problem in theme.problems(drawn) if problem.token == "primaryColor"]
    assert bool(refused) == all(theme.contrast(color, card) < 3 for color in seen)
    for problem in refused:
        again = theme.problems(drawn | {"primaryColor": problem.suggestion})
        assert not [problem for problem in again if problem.token == "primaryColor"]


def test_text_on_a_tinted_ground_must_be_legible_too():
    rest = {"headingText": "#000000", "link": "#000000", "hover": "#ffffff"}
    faint = {"primaryColor": "#000000", "colors": {"bodyText": "#757575", **rest}}
    told = [str(problem.what) for problem in theme.problems(faint)]
    assert told == ["text on a ground tinted with the main colour"]
