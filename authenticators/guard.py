"""Whether one more text message may become owed: state in, verdict out. Pure; times are seconds since 1970.

*Prefix*: a number less its last four digits, 10,000 numbers. *Proven*: the code that was sent was answered.
*Settled*: sent so long ago that it will not be proven any more. *Known*: a number that proved a code before, and one
of the last three. *Newcomer*: a number that is not known, on a prefix where hardly anybody proved anything lately.
*Suspect*: one on a prefix where three numbers were sent codes within a day and answered none. *Charge*: a counter that
the message is added to, and how far it may go; who keeps the counters adds to all of them at once or to none.

Who pumps messages never proves codes, so what is limited is messages that nobody answered, and prefixes that answered
earn room. An address that the request came from is not asked for: whoever attacks has thousands.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

MINUTE, HOUR, DAY = 60, 3600, 86_400
SETTLED_AFTER = 10 * MINUTE
LOOKS_BACK = 30 * DAY
# How many of the newest messages are looked at.
PREFIX_HISTORY, COUNTRY_HISTORY, NUMBER_HISTORY = 50, 100, 20
UNANSWERED_OF_KNOWN = 3
PROVEN_OF_TRUSTED_PREFIX = 3
LOW_PERCENT = 20
SETTLED_TO_JUDGE_PREFIX, SETTLED_TO_JUDGE_COUNTRY = 5, 40
UNANSWERED_OF_SUSPECT_PREFIX = 3
LONGEST_PAUSE = 24 * HOUR


class Standing(StrEnum):
    """What the guard thought of a number when it let a message pass."""

    KNOWN = "known"
    TRUSTED = "trusted"
    NEWCOMER = "newcomer"
    SUSPECT = "suspect"


class Reason(StrEnum):
    """Why a message was refused, in the words of the log."""

    USER = "user limit"
    NUMBER = "number limit"
    PREFIX = "prefix limit"
    COUNTRY = "country limit"
    NEWCOMERS = "budget for unknown numbers"
    SUSPECTS = "budget for suspicious numbers"
    BUDGET = "daily budget"
    PAUSED = "prefix paused"
    ATTACK = "country under attack"
    DESTINATION = "destination not served"


@dataclass(frozen=True, slots=True)
class Caps:
    """The most that may be sent. `budget_*`: a tenant's day, UTC; `budget_cost` in ten-thousandths of the currency."""

    budget_messages: int
    budget_cost: int
    prefix_per_hour: int = 50
    newcomers_per_prefix_and_hour: int = 10
    newcomers_per_prefix_and_hour_under_attack: int = 1
    suspects_per_prefix_and_hour: int = 2
    # All below count messages that nobody answered; the last two are shares of a day's budget.
    country_per_hour: int = 200
    newcomers_per_country_and_hour: int = 100
    suspects_per_country_and_hour: int = 20
    newcomers_percent: int = 25
    suspects_percent: int = 10


@dataclass(frozen=True, slots=True)
class Sent:
    """An earlier message. Who asks for a code again and again is one `number`, whatever comes of it."""

    at: float
    proven: bool
    number: str
    standing: str = Standing.NEWCOMER


@dataclass(frozen=True, slots=True)
class Pause:
    """The newest pause of a prefix or a country, over or not. `strikes`: how many followed upon each other."""

    until: float = 0
    strikes: int = 0


NO_PAUSE = Pause()


@dataclass(frozen=True, slots=True)
class State:
    """What is known when a message is asked for.

    `of_prefix`: its PREFIX_HISTORY newest messages; `of_country`: the COUNTRY_HISTORY newest to newcomers and suspects.
    """

    at: float
    prefix: str
    country: str
    price: int
    is_known: bool
    of_prefix: Iterable[Sent] = ()
    of_country: Iterable[Sent] = ()
    prefix_pause: Pause = NO_PAUSE
    country_pause: Pause = NO_PAUSE


@dataclass(frozen=True, slots=True)
class Charge:
    """Add one message to the counter `scope` of the time from `start`; refuse if it would exceed a limit."""

    scope: str
    start: int
    seconds: int
    reason: Reason | None = None
    messages: int | None = None
    cost: int | None = None

    @property
    def end(self) -> int:
        return self.start + self.seconds

    def fits(self, *, sends: int, proofs: int, cost: int, price: int) -> bool:
        """Whether one more message fits. The SQL that does the same is `sending_counts.add`."""
        within = self.messages is None or sends - proofs < self.messages
        return within and (self.cost is None or cost + price <= self.cost)


@dataclass(frozen=True, slots=True)
class Credit:
    """A proof, added to a counter of what nobody answered; with `gives_back` the price is taken off it again."""

    scope: str
    start: int
    gives_back: bool


@dataclass(frozen=True, slots=True)
class Alarm:
    """Hardly any of the newest codes were proven: a pause begins. `scope` as in `Charge`."""

    scope: str
    pause: Pause
    settled: int
    proven: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """`refused` until a moment, or admitted if all charges fit. An alarm is to be kept in either case."""

    standing: Standing = Standing.SUSPECT
    charges: tuple[Charge, ...] = ()
    refused: Reason | None = None
    until: float = 0
    alarms: tuple[Alarm, ...] = ()


def decide(state: State, caps: Caps) -> Verdict:
    if state.is_known:
        return Verdict(Standing.KNOWN, _charges(state, caps, Standing.KNOWN))
    if state.prefix_pause.until > state.at:
        return Verdict(refused=Reason.PAUSED, until=state.prefix_pause.until)
    alarm = _alarm_of_prefix(state)
    if alarm:
        return Verdict(refused=Reason.PAUSED, until=alarm.pause.until, alarms=(alarm,))
    standing = standing_of_stranger(state)
    if standing == Standing.TRUSTED:
        return Verdict(standing, _charges(state, caps, standing))
    return _untried(state, caps, standing)


def _untried(state: State, caps: Caps, standing: Standing) -> Verdict:
    """A number on a prefix that proved little or nothing yet."""
    pause, alarms = state.country_pause, _alarms(None)
    if pause.until <= state.at:
        alarms = _alarms(_alarm_of_country(state))
        pause = alarms[0].pause if alarms else pause
    under_attack = pause.until > state.at
    if under_attack and standing == Standing.SUSPECT:
        return Verdict(standing, refused=Reason.ATTACK, until=pause.until, alarms=alarms)
    return Verdict(standing, _charges(state, caps, standing, under_attack=under_attack), alarms=alarms)


def standing_of_stranger(state: State) -> Standing:
    proven, lately = set(), set()
    for sent in state.of_prefix:
        if sent.proven and state.at - sent.at < LOOKS_BACK:
            proven.add(sent.number)
        elif state.at - sent.at < DAY and sent.standing != Standing.KNOWN:
            lately.add(sent.number)
    if len(proven) >= PROVEN_OF_TRUSTED_PREFIX:
        return Standing.TRUSTED
    return Standing.SUSPECT if len(lately - proven) >= UNANSWERED_OF_SUSPECT_PREFIX else Standing.NEWCOMER


def is_known(proven: Sequence[bool], *, enrolled: bool) -> bool:
    """Whether a number is known, by its newest messages, newest first, and whether its user has it enrolled."""
    return (enrolled or any(proven)) and (any(proven[:UNANSWERED_OF_KNOWN]) or len(proven) < UNANSWERED_OF_KNOWN)


# -- the alarm -----------------------------------------------------------------------------------


def _alarm_of_prefix(state: State) -> Alarm | None:
    strangers = [sent for sent in state.of_prefix if sent.standing != Standing.KNOWN]
    return _alarm(prefix_scope(state.prefix), strangers, state.prefix_pause, state.at, SETTLED_TO_JUDGE_PREFIX)


def _alarm_of_country(state: State) -> Alarm | None:
    scope = country_scope(state.country)
    return _alarm(scope, state.of_country, state.country_pause, state.at, SETTLED_TO_JUDGE_COUNTRY)


def _alarm(scope: str, sent: Iterable[Sent], last: Pause, now: float, enough: int) -> Alarm | None:
    """Whether too few of the numbers of the settled messages since the last pause proved one."""
    since, until = max(last.until, now - LOOKS_BACK), now - SETTLED_AFTER
    settled = [one for one in sent if since <= one.at <= until]
    asked = len({one.number for one in settled})
    proven = len({one.number for one in settled if one.proven})
    if asked < enough or proven * 100 >= LOW_PERCENT * asked:
        return None
    return Alarm(scope, next_pause(last, now), asked, proven)


def _alarms(alarm: Alarm | None) -> tuple[Alarm, ...]:
    return (alarm,) if alarm else ()


def next_pause(last: Pause, now: float) -> Pause:
    """An hour; twice as long each time it had to begin again within a day, a day at most."""
    strikes = last.strikes + 1 if now - last.until < DAY else 1
    return Pause(now + min(HOUR * 2 ** min(strikes - 1, 10), LONGEST_PAUSE), strikes)


# -- counters ------------------------------------------------------------------------------------


GROUP = {Standing.NEWCOMER: "newcomers", Standing.SUSPECT: "suspects"}
SHARE = {Standing.NEWCOMER: Reason.NEWCOMERS, Standing.SUSPECT: Reason.SUSPECTS}


# Before all others by its name.
BUDGET = "budget"


def prefix_scope(prefix: str) -> str:
    return f"prefix:{prefix}"


def country_scope(country: str) -> str:
    return f"country:{country}"


def destination_scope(country: str) -> str:
    """Counts without a limit, for people to read."""
    return f"sent:{country}"


def _charges(state: State, caps: Caps, standing: Standing, *, under_attack: bool = False) -> tuple[Charge, ...]:
    """In the order in which everybody takes the counters: two that wait for each other would wait for ever."""
    hour, day = _start(state.at, HOUR), _start(state.at, DAY)
    charges = [
        Charge(BUDGET, day, DAY, Reason.BUDGET, caps.budget_messages, caps.budget_cost),
        Charge(destination_scope(state.country), day, DAY),
    ]
    of_prefix = caps.prefix_per_hour
    if standing in GROUP:
        of_prefix, of_country, percent = _room(caps, standing, under_attack=under_attack)
        share = (percent * caps.budget_messages // 100, percent * caps.budget_cost // 100)
        charges += [
            Charge(f"{GROUP[standing]}:{state.country}", hour, HOUR, Reason.COUNTRY, of_country),
            Charge(GROUP[standing], day, DAY, SHARE[standing], *share),
        ]
    if standing != Standing.KNOWN:
        charges += [
            Charge(prefix_scope(state.prefix), hour, HOUR, Reason.PREFIX, of_prefix),
            Charge(country_scope(state.country), hour, HOUR, Reason.COUNTRY, caps.country_per_hour),
        ]
    return tuple(sorted(charges, key=_place))


def charges_of_notice(*, at: float, caps: Caps) -> tuple[Charge, ...]:
    """Of a message to a known number that no answer is expected to: the tenant's budget, and no share of proofs."""
    day = _start(at, DAY)
    return (Charge(BUDGET, day, DAY, Reason.BUDGET, caps.budget_messages, caps.budget_cost),)


def _room(caps: Caps, standing: Standing, *, under_attack: bool) -> tuple[int, int, int]:
    """Messages per prefix and per country in an hour, per cent of a day's budget."""
    if standing == Standing.SUSPECT:
        return caps.suspects_per_prefix_and_hour, caps.suspects_per_country_and_hour, caps.suspects_percent
    of_prefix = caps.newcomers_per_prefix_and_hour_under_attack if under_attack else caps.newcomers_per_prefix_and_hour
    return of_prefix, caps.newcomers_per_country_and_hour, caps.newcomers_percent


def credits_of(*, at: float, country: str, standing: str) -> tuple[Credit, ...]:
    """What a proof of a message sent then is added to, in the order of `Charge`s."""
    hour, day = _start(at, HOUR), _start(at, DAY)
    earned = [Credit(destination_scope(country), day, gives_back=False)]
    if standing != Standing.KNOWN:
        earned.append(Credit(country_scope(country), hour, gives_back=True))
    group = GROUP.get(Standing(standing))
    if group:
        earned.append(Credit(f"{group}:{country}", hour, gives_back=True))
        earned.append(Credit(group, day, gives_back=True))
    return tuple(sorted(earned, key=_place))


def _place(one: Charge | Credit) -> tuple[str, int]:
    return one.scope, one.start


def _start(at: float, seconds: int) -> int:
    return int(at // seconds) * seconds


# -- one user, one number ------------------------------------------------------------------------

Windows = Sequence[tuple[int, int]]


def wait(times: Sequence[float], windows: Windows, now: float) -> float:
    """Seconds until one more message fits into every (seconds, messages) window; `times` newest first."""
    waits = [times[most - 1] + seconds - now for seconds, most in windows if len(times) >= most]
    return max([0.0, *waits])


def most_within(windows: Windows, seconds: int) -> int:
    """How many the windows let through in so many seconds, at most."""
    return min(most * -(-seconds // length) for length, most in windows)
