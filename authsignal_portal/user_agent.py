"""What a user agent says of itself: the wire's `parsedUserAgent`, its parts by name, and whether a program sent it."""

import re
from functools import lru_cache
from typing import Literal, TypedDict, cast

import ua_parser

# Real browsers stay below 500; what lies beyond is not looked at.
MAX_LENGTH = 1000
CACHED = 2000

DeviceType = Literal["desktop", "mobile", "tablet", "smarttv"]


class Browser(TypedDict):
    name: str
    version: str
    major: str


class Device(TypedDict, total=False):
    model: str
    type: DeviceType
    vendor: str


class Named(TypedDict, total=False):
    name: str
    version: str


class Cpu(TypedDict):
    architecture: str


class ParsedUserAgent(TypedDict, total=False):
    """`ua` is always there; a part that the user agent does not tell is absent."""

    ua: str
    browser: Browser
    device: Device
    engine: Named
    os: Named
    cpu: Cpu


# One name a product, whatever it runs on: rules and people ask for "Chrome".
BROWSER_NAMES = {
    "Chrome Mobile": "Chrome",
    "Chrome Mobile iOS": "Chrome",
    "Chrome Mobile WebView": "Chrome WebView",
    "HeadlessChrome": "Chrome Headless",
    "Edge Mobile": "Edge",
    "Firefox Mobile": "Firefox",
    "Firefox iOS": "Firefox",
    "Opera Mobile": "Opera",
    "Opera Mobile iOS": "Opera",
}
OS_NAMES = {"Mac OS X": "Mac OS"}
# Chrome reports the model "K" on every Android device; "Generic" brands are the parser's own words.
MODELS_WITHOUT_MEANING = frozenset({"K", "Smartphone", "Feature Phone", "iOS-Device"})

ENGINES = (
    ("EdgeHTML", re.compile(r"\bEdge/(\d[\d.]*)")),
    ("Trident", re.compile(r"\bTrident/(\d[\d.]*)")),
    ("Presto", re.compile(r"\bPresto/(\d[\d.]*)")),
    # Blink took the version number of the browser it is built into.
    ("Blink", re.compile(r"\b(?:Headless)?Chrom(?:e|ium)/(\d[\d.]*)")),
    ("WebKit", re.compile(r"\bAppleWebKit/(\d[\d.]*)")),
    ("Gecko", re.compile(r"\brv:(\d[\d.]*)\) Gecko/")),
    ("Gecko", re.compile(r"\bGecko/(\d[\d.]*)")),
)
ARCHITECTURES = (
    ("arm64", re.compile(r"\b(?:aarch64|arm64|armv8)", re.IGNORECASE)),
    ("arm", re.compile(r"\barm(?:v\d|hf|\b)", re.IGNORECASE)),
    ("amd64", re.compile(r"\b(?:x86[_-]64|x64|amd64|wow64|win64)\b", re.IGNORECASE)),
    ("ia32", re.compile(r"\b(?:i[3-6]86|ia32)\b", re.IGNORECASE)),
)
TABLET = re.compile(r"\b(?:iPad|Tablet|Kindle|Silk)\b")
TELEVISION = re.compile(r"\b(?:SmartTV|SMART-TV|AppleTV|Apple TV|GoogleTV|BRAVIA|HbbTV|CrKey|AFT[A-Z])")
MOBILE = re.compile(r"\b(?:Mobile|Mobi|iPhone|iPod)\b")
# Only browsers begin so, and on a desktop name one of these; X11 stands for every Linux and BSD, under Wayland too.
DESKTOP = re.compile(r"^(?:Mozilla|Opera)/.*\b(?:Windows NT|Windows \d|Macintosh|X11)\b")
NOT_DESKTOPS = frozenset({"Android", "Windows Phone"})

# Programs that drive a browser, and libraries that no person looks through. What native apps send without
# asking (okhttp, CFNetwork, Dalvik, Dart) is left out: behind these is the customer's own app.
AUTOMATION = re.compile(
    r"headless|phantomjs|puppeteer|playwright|selenium|webdriver|cypress|jsdom|lighthouse|slimerjs"
    r"|(?<!cu)bots?\b|crawl|spider|scrap(?:y|er)|slurp|facebookexternalhit|uptime|pingdom|apachebench"
    # People's assistants that fetch for them, and the checks of load balancers.
    r"|\b(?:claude|chatgpt|perplexity|mistralai)-user\b|health-?check"
    r"|^(?:curl|wget|httpie|python|go-http-client|java|apache-httpclient|apache-cxf|libwww-perl|lwp|perl|ruby"
    r"|faraday|guzzle(?:http)?|php|node|undici|axios|got|superagent|postmanruntime|insomnia|aiohttp|httpx|urllib|requests"
    r"|rest-client|restsharp|reqwest|hyper|ureq|k6|jmeter|gatling|locust|vegeta|siege|nmap|nikto|sqlmap|zgrab"
    r"|masscan|winhttp|powershell|mechanize)\b"
    r"|\b(?:python-requests|python-urllib|apache-httpclient|go-http-client)\b|powershell/",
    re.IGNORECASE,
)


def parse(user_agent: str | None) -> ParsedUserAgent:
    """The wire's shape. `ua` is cut to 1,000 characters; a part that is not told is absent."""
    parsed = _parsed(_bounded(user_agent))
    # A copy, so that the cache keeps its own.
    return cast(ParsedUserAgent, {k: dict(v) if isinstance(v, dict) else v for k, v in parsed.items()})


def is_bot(user_agent: str | None) -> bool | None:
    """Whether it is a known crawler, a driven browser or a library; None (unknown) where none was given."""
    text = _bounded(user_agent)
    return _is_bot(text) if text.strip() else None


def device_type(user_agent: str | None) -> DeviceType | None:
    """What it says it runs on, true or not; None where that is not told, as by apps and libraries.

    The wire's `device.type` leaves out "desktop", which no user agent says of itself: here it is a browser on a
    desktop system. An iPad is one, too: it asks for the desktop's pages by calling itself a Mac.
    """
    parsed = _parsed(_bounded(user_agent))
    told = parsed.get("device", Device()).get("type")
    return told or ("desktop" if _is_desktop(parsed) else None)


def browser_name(user_agent: str | None) -> str | None:
    """As in `parse`: "Chrome", "Firefox" and so on, without version or platform."""
    browser = _parsed(_bounded(user_agent)).get("browser")
    return browser["name"] if browser else None


def os_name(user_agent: str | None) -> str | None:
    """As in `parse`: "Windows", "Mac OS", "Android" and so on."""
    return _parsed(_bounded(user_agent)).get("os", Named()).get("name")


def warm() -> None:
    """Load the patterns now (0.5 s), so that no request has to; for the start of a process."""
    _parsed("Mozilla/5.0")


def _bounded(user_agent: str | None) -> str:
    # A lone surrogate, which JSON can carry, is no text that could be stored or matched.
    return (user_agent or "")[:MAX_LENGTH].encode("utf-8", "replace").decode("utf-8")


@lru_cache(maxsize=CACHED)
def _is_bot(text: str) -> bool:
    device = ua_parser.parse_device(text)
    return AUTOMATION.search(text) is not None or (device is not None and device.family == "Spider")


@lru_cache(maxsize=CACHED)
def _parsed(text: str) -> ParsedUserAgent:
    found = ua_parser.parse(text)
    parsed = ParsedUserAgent(ua=text)
    if browser := _browser(found.user_agent):
        parsed["browser"] = browser
    if device := _device(found.device, text):
        parsed["device"] = device
    if engine := _engine(text):
        parsed["engine"] = engine
    if found.os is not None:
        parsed["os"] = _os(found.os)
    if cpu := next((name for name, pattern in ARCHITECTURES if pattern.search(text)), ""):
        parsed["cpu"] = Cpu(architecture=cpu)
    return parsed


def _browser(found: ua_parser.UserAgent | None) -> Browser | None:
    if found is None:
        return None
    version = _joined(found.major, found.minor, found.patch, found.patch_minor)
    name = BROWSER_NAMES.get(found.family, found.family)
    return Browser(name=name, version=version, major=found.major or "")


def _os(found: ua_parser.OS) -> Named:
    named = Named(name=OS_NAMES.get(found.family, found.family))
    if version := _joined(found.major, found.minor, found.patch, found.patch_minor):
        named["version"] = version
    return named


def _device(found: ua_parser.Device | None, text: str) -> Device:
    device = Device()
    if found is not None and found.brand and found.brand != "Spider":
        if found.model and found.model not in MODELS_WITHOUT_MEANING:
            device["model"] = found.model
        if not found.brand.startswith("Generic"):
            device["vendor"] = found.brand
    if kind := _device_type(text):
        device["type"] = kind
    return device


def _is_desktop(parsed: ParsedUserAgent) -> bool:
    system = parsed.get("os", Named()).get("name")
    return "browser" in parsed and system not in NOT_DESKTOPS and DESKTOP.search(parsed["ua"]) is not None


def _device_type(text: str) -> DeviceType | None:
    """None for a desktop, which says nothing of itself."""
    if TELEVISION.search(text):
        return "smarttv"
    mobile = MOBILE.search(text) is not None
    # Only browsers leave out "Mobile" on purpose; apps never say it.
    browser_on_tablet = text.startswith("Mozilla/") and "Android" in text and not mobile
    if TABLET.search(text) or browser_on_tablet:
        return "tablet"
    return "mobile" if mobile else None


def _engine(text: str) -> Named:
    for name, pattern in ENGINES:
        if match := pattern.search(text):
            return Named(name=name, version=match[1])
    return Named()


def _joined(*parts: str | None) -> str:
    told = []
    for part in parts:
        if part is None:
            break
        told.append(part)
    return ".".join(told)


def named(text: str) -> str:
    """`Chrome · Windows`; nothing where the user agent says nothing."""
    return " · ".join(part for part in (browser_name(text), os_name(text)) if part) if text else ""


def described(text: str) -> str:
    """`Chrome 120 on Windows 10`; nothing where the user agent says nothing."""
    if not text:
        return ""
    parsed = parse(text)
    browser, system = parsed.get("browser"), parsed.get("os")
    parts = [f"{browser['name']} {browser.get('major', '')}".strip()] if browser else []
    parts += [f"on {system.get('name', '')} {system.get('version', '')}".strip()] if system else []
    return " ".join(parts)
