"""User agents: the wire's shape, and which of them are programs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsignal_portal.user_agent import MAX_LENGTH, browser_name, device_type, is_bot, os_name, parse

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
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; Claude-User/1.0)",
        "ChatGPT-User/1.0",
        "Amazon-Route53-Health-Check-Service (ref 1)",
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


LINUX = f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} Chrome/131.0.0.0 Safari/537.36"
CHROME_OS = f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {WEBKIT} Chrome/131.0.0.0 Safari/537.36"
TELEVISION = f"Mozilla/5.0 (SMART-TV; Linux; Tizen 5.0) {WEBKIT} Version/5.0 TV Safari/537.36"
IPAD = SAFARI_IPHONE.replace("iPhone; CPU iPhone OS", "iPad; CPU OS")
HEADSET = f"Mozilla/5.0 (X11; Linux x86_64; Quest 3) {WEBKIT} OculusBrowser/33.0 Chrome/126.0.0.0 VR Safari/537.36"


@pytest.mark.parametrize(
    ("user_agent", "device", "browser", "os"),
    [
        (CHROME, "desktop", "Chrome", "Windows"),
        (SAFARI_MAC, "desktop", "Safari", "Mac OS"),
        (FIREFOX, "desktop", "Firefox", "Linux"),
        (FIREFOX.replace("Linux x86_64", "Ubuntu; Linux x86_64"), "desktop", "Firefox", "Ubuntu"),
        (FIREFOX.replace("Linux x86_64", "FreeBSD amd64"), "desktop", "Firefox", "FreeBSD"),
        (CHROME_OS, "desktop", "Chrome", "Chrome OS"),
        (EDGE, "desktop", "Edge", "Windows"),
        ("Opera/9.80 (Windows NT 6.1; WOW64) Presto/2.12.388 Version/12.18", "desktop", "Opera", "Windows"),
        # What drives a browser says the same of its machine; whether a program sent it is another question.
        (LINUX.replace("Chrome/", "HeadlessChrome/"), "desktop", "Chrome Headless", "Linux"),
        (CHROME_ANDROID, "mobile", "Chrome", "Android"),
        (SAFARI_IPHONE, "mobile", "Mobile Safari", "iOS"),
        (CHROME_TABLET, "tablet", "Chrome", "Android"),
        (IPAD, "tablet", "Mobile Safari", "iOS"),
        (TELEVISION, "smarttv", "Safari", "Tizen"),
        # It calls itself a Linux desktop, but is none.
        (HEADSET, None, "Oculus Browser", "Android"),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", None, "Googlebot", None),
        ("python-requests/2.32.3 CPython/3.12 X11 Linux/5.4", None, "Python Requests", "Linux"),
        ("curl/8.5.0", None, "curl", None),
        ("something of our own", None, None, None),
        ("Macintosh", None, None, None),
        ("", None, None, None),
        (" ", None, None, None),
        (None, None, None, None),
    ],
)
def test_device_browser_and_system_are_told_by_name_or_not_at_all(user_agent, device, browser, os):
    assert (device_type(user_agent), browser_name(user_agent), os_name(user_agent)) == (device, browser, os)


def test_the_wire_does_not_learn_of_desktops():
    assert device_type(CHROME) == "desktop"
    assert "device" not in parse(CHROME)


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
    assert device_type(user_agent) in ("desktop", "mobile", "tablet", "smarttv", None)
    assert browser_name(user_agent) != ""
    assert os_name(user_agent) != ""
