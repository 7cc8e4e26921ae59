"""The look of the hosted pages, chosen in a real browser and then seen on them."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.django_db(transaction=True)

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c63606060f80f0001040100ff3f2d3c0000000049454e44ae426082"
)


def accent(frame) -> str:
    return frame.locator(".primary").evaluate("button => getComputedStyle(button).backgroundColor")


def test_the_preview_follows_what_is_chosen_and_the_pages_then_look_so(portal, tenant):
    page = portal.page
    portal.open("/portal/theme/")
    light, dark = (page.frame_locator(f"[data-preview={mode}]") for mode in ("light", "dark"))
    expect(light.get_by_role("heading")).to_be_visible()
    shipped = accent(dark)
    page.get_by_role("textbox", name="Main colour", exact=True).fill("#0a7d33")
    expect(light.locator(".primary")).to_have_css("background-color", "rgb(10, 125, 51)")
    assert accent(dark) == shipped
    page.get_by_text("Colours on a light page").click()
    page.get_by_role("textbox", name="Headings", exact=True).fill("#dddddd")
    expect(page.get_by_text("Hard to read (headings on the card)").first).to_be_visible()
    page.get_by_role("textbox", name="Headings", exact=True).fill("")
    expect(page.get_by_text("Hard to read")).to_have_count(0)
    page.get_by_label("Logo", exact=True).set_input_files({"name": "l.png", "mimeType": "image/png", "buffer": PIXEL})
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The look was saved.")).to_be_visible()
    expect(page.get_by_role("textbox", name="Main colour", exact=True)).to_have_value("#0a7d33")
    expect(page.frame_locator("[data-preview=light]").locator(".primary")).to_have_css(
        "background-color", "rgb(10, 125, 51)"
    )
    assert portal.problems == []
