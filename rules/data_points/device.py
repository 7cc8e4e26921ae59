"""Data points of the device an action comes from."""

from functools import partial

from rules.registry import data_point
from rules.types import BOOLEAN, NUMBER, TEXT

point = partial(data_point, category="Device")

point("device.id", TEXT, "Device ID", "The device id sent with the action.")
point(
    "device.isNew",
    BOOLEAN,
    "Device is new",
    "The user has not verified on this device before, or it was invalidated since.",
    otherwise="Device is not new",
)
point(
    "device.isBot",
    BOOLEAN,
    "Device is a bot",
    "The user agent is that of a known bot.",
    otherwise="Device is not a bot",
)
point(
    "device.isRemembered",
    BOOLEAN,
    "Device is remembered",
    "The user asked to remember this device, and that time has not run out.",
    otherwise="Device is not remembered",
)
point("device.count", NUMBER, "Device count", "How many devices the user has.", integer=True, minimum=0)
point(
    "device.type",
    TEXT,
    "Device type",
    "What the user agent says the device is.",
    choices=("desktop", "mobile", "tablet", "smarttv"),
)
point("device.browser", TEXT, "Browser", "The browser's name by the user agent, such as Chrome or Safari.")
point("device.os", TEXT, "Operating system", "The system's name by the user agent, such as Windows, iOS or Android.")
