"""Data points of the device an action comes from."""

from functools import partial

from rules.facts import Facts
from rules.registry import data_point
from rules.types import BOOLEAN, NUMBER, TEXT

point = partial(data_point, category="Device")


@point("device.id", TEXT, "Device ID", "The device id sent with the action.")
def device_id(facts: Facts) -> object:
    return facts.device.id


@point(
    "device.isNew",
    BOOLEAN,
    "Device is new",
    "The user has not verified on this device before, or it was invalidated since.",
    otherwise="Device is not new",
)
def is_new(facts: Facts) -> object:
    return facts.device.is_new


@point(
    "device.isBot",
    BOOLEAN,
    "Device is a bot",
    "The user agent is that of a known bot.",
    otherwise="Device is not a bot",
)
def is_bot(facts: Facts) -> object:
    return facts.device.is_bot


@point(
    "device.isRemembered",
    BOOLEAN,
    "Device is remembered",
    "The user asked to remember this device, and that time has not run out.",
    otherwise="Device is not remembered",
)
def is_remembered(facts: Facts) -> object:
    return facts.device.is_remembered


@point("device.count", NUMBER, "Device count", "How many devices the user has.", integer=True, minimum=0)
def count(facts: Facts) -> object:
    return facts.device.count
