"""User agents: the wire's shape, and which of them are programs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsignal_portal.user_agent import MAX_LENGTH, is_bot, parse

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
CHROME = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/131.0.0.0 Safari/537.36"
CHROME_ANDROID = f"Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} Chrome/131.0.0.0 Mobile Safari/537.36"
CHROME_TABLET = f"Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} Chrome/131.0.0.0 Safari/537.36"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
CHROME_IPHONE = f"{IPHONE} CriOS/131.0.0.0 Mobile/15E148 Safari/604.1"
SAFARI_IPHONE = f"{IPHONE} Version/17.4 Mobile/15E148 Safari/604.1"
SAFARI_MAC = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.4 Safari/605.1.15"
)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0"
FIREFOX_ANDROID = "Mozilla/5.0 (Android 14; Mobile; rv:133.0) Gecko/133.0 Firefox/133.0"
EDGE = f"{CHROME} Edg/131.0.2903.86"
PIXEL = f"Mozilla/5.0 (Linux; Android 14; Pixel 8) {WEBKIT} Chrome/131.0.0.0 Mobile Safari/537.36"
CUBOT = f"Mozilla/5.0 (Linux; Android 14; CUBOT X30) {WEBKIT} Chrome/131.0.0.0 Mobile Safari/537.36"


def test_a_whole_answer_has_the_shape_of_the_wire():
    assert parse(CHROME) == {
        "ua": CHROME,
        "browser": {"name": "Chrome", "version": "131.0.0.0", "major": "131"},
        "engine": {"name": "Blink", "version": "131.0.0.0"},
        "os": {"name": "Windows", "version": "10"},
        "cpu": {"architecture": "amd64"},
    }


@pytest.mark.parametrize(
    ("user_agent", "browser", "os", "engine", "device"),
    [
        (CHROME_ANDROID, "Chrome", "Android", "Blink", {"type": "mobile"}),
        (CHROME_TABLET, "Chrome", "Android", "Blink", {"type": "tablet"}),
        (CHROME_IPHONE, "Chrome", "iOS", "WebKit", {"model": "iPhone", "vendor": "Apple", "type": "mobile"}),
        (
            SAFARI_IPHONE,
            "Mobile Safari",
            "iOS",
            "WebKit",
            {"model": "iPhone", "vendor": "Apple", "type": "mobile"},
        ),
        (SAFARI_MAC, "Safari", "Mac OS", "WebKit", {"model": "Mac", "vendor": "Apple"}),
        (FIREFOX, "Firefox", "Linux", "Gecko", None),
        (FIREFOX_ANDROID, "Firefox", "Android", "Gecko", {"type": "mobile"}),
        (EDGE, "Edge", "Windows", "Blink", None),
        (PIXEL, "Chrome", "Android", "Blink", {"model": "Pixel 8", "vendor": "Google", "type": "mobile"}),
    ],
)
def test_browsers_are_recognised(user_agent, browser, os, engine, device):
    parsed = parse(user_agent)
    assert (parsed["browser"]["name"], parsed["os"]["name"], parsed["engine"]["name"]) == (
        browser,
        os,
        engine,
    )
    assert parsed.get("device") == device
    assert is_bot(user_agent) is False


@pytest.mark.parametrize("user_agent", [None, ""])
def test_without_a_user_agent_nothing_is_told(user_agent):
    assert parse(user_agent) == {"ua": ""}
    assert is_bot(user_agent) is None


def test_blank_is_as_good_as_absent():
    assert is_bot(" \t") is None


@pytest.mark.parametrize(
    "user_agent",
    [
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        f"Mozilla/5.0 {WEBKIT}; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
        "facebookexternalhit/1.1",
        "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
        CHROME.replace("Chrome/", "HeadlessChrome/"),
        f"Mozilla/5.0 (Unknown; Linux x86_64) {WEBKIT} PhantomJS/1.9.8 Safari/534.34",
        "Mozilla/5.0 (linux) AppleWebKit/537.36 (KHTML, like Gecko) jsdom/22.1.0",
        f"{CHROME} Chrome-Lighthouse",
        "curl/8.5.0",
        "Wget/1.21.4",
        "python-requests/2.32.3",
        "Python-urllib/3.11",
        "python-httpx/0.28.1",
        "Python/3.11 aiohttp/3.11.0",
        "Go-http-client/2.0",
        "Java/17.0.1",
        "Apache-HttpClient/4.5.14 (Java/17.0.1)",
        "axios/1.7.2",
        "node-fetch/1.0 (+https://github.com/bitinn/node-fetch)",
        "undici",
        "libwww-perl/6.68",
        "PostmanRuntime/7.43.0",
        "GuzzleHttp/7",
        "Ruby",
        "Scrapy/2.11 (+https://scrapy.org)",
        "Mozilla/5.0 (Windows NT; Windows NT 10.0; en-NZ) WindowsPowerShell/5.1.22621",
        "k6/0.54.0 (https://k6.io/)",
    ],
)
def test_crawlers_driven_browsers_and_libraries_are_bots(user_agent):
    assert is_bot(user_agent) is True


@pytest.mark.parametrize(
    "user_agent",
    [
        CUBOT,
        # What the customer's own apps send without asking.
        "okhttp/4.12.0",
        "Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8 Build/UD1A)",
        "MyBank/3.2 CFNetwork/1494.0.7 Darwin/23.4.0",
        "Dart/3.5 (dart:io)",
        "something of our own",
    ],
)
def test_apps_and_strangers_are_not_called_bots(user_agent):
    assert is_bot(user_agent) is False


def test_an_answer_may_be_changed_without_changing_the_next_one():
    parse(CHROME)["browser"]["name"] = "changed"
    assert parse(CHROME)["browser"]["name"] == "Chrome"


def test_only_the_first_thousand_characters_are_looked_at():
    parsed = parse(CHROME + " x" * 5000)
    assert parsed["browser"]["name"] == "Chrome"
    assert len(parsed["ua"]) == MAX_LENGTH
    assert is_bot(CHROME + " x" * 5000 + " Googlebot") is False


@given(st.text(alphabet=st.characters(), max_size=1500) | st.text(alphabet="(;/ .)1rvb:\ud800\x00", max_size=1500))
def test_any_text_is_answered(user_agent):
    parsed = parse(user_agent)
    parsed["ua"].encode("utf-8")
    assert set(parsed) <= {"ua", "browser", "device", "engine", "os", "cpu"}
    assert is_bot(user_agent) in (True, False, None)
