"""Attacks shaped on those that were made public, with honest traffic around them, and what each defence lets through.

240,000 codes in four hours and a million in five days, from thousands of addresses with one or two requests each, to
numbers of few prefixes in few countries. Honest people sign in and sign up in six countries all day; two of these are
attacked too.
"""

import heapq
import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from authenticators.guard import DAY, HOUR, Caps, Reason
from tests.sending.ledger import Ledger, Posted

# Country, calling code, share of the honest traffic, price in ten-thousandths.
HOME = (
    ("NZ", "64", 40, 850),
    ("AU", "61", 25, 400),
    ("US", "1", 15, 80),
    ("GB", "44", 10, 450),
    ("DE", "49", 5, 900),
    ("ID", "62", 5, 3500),
)
PREFIXES_OF_COUNTRY = 2000
ATTACKED = (("ID", "62", 3500), ("LK", "94", 2800), ("GB", "44", 450), ("KZ", "77", 2200), ("PH", "63", 1900))
PREFIXES_ATTACKED = 20
WARM_DAYS = 14


@dataclass(frozen=True, slots=True)
class Request:
    """A code is asked for. `answers`: whether it will be proven if it is sent."""

    at: float
    number: str
    country: str
    price: int
    address: str
    honest: bool
    answers: bool


@dataclass(frozen=True, slots=True)
class Attack:
    codes: int
    seconds: int
    addresses: int


FOUR_HOURS = Attack(240_000, 4 * HOUR, 150_000)
FIVE_DAYS = Attack(1_000_000, 5 * DAY, 600_000)


def honest(dice: random.Random, *, start: float, seconds: int, per_day: int) -> Iterator[Request]:
    """Most have signed in before; some are new. One code in seven is not answered: mistyped, late, given up."""
    members = _members(random.Random(1), per_day * 3)
    at = start
    while (at := at + dice.expovariate(per_day / DAY)) < start + seconds:
        if dice.random() < 0.15:
            country, code, price = _home(dice)
            number = _number(dice, code, dice.randrange(PREFIXES_OF_COUNTRY))
        else:
            country, price, number = dice.choice(members)
        yield Request(at, number, country, price, f"h{number}", True, dice.random() < 0.86)


def _members(dice: random.Random, count: int) -> list[tuple[str, int, str]]:
    found = []
    for _ in range(count):
        country, code, price = _home(dice)
        found.append((country, price, _number(dice, code, dice.randrange(PREFIXES_OF_COUNTRY))))
    return found


def _home(dice: random.Random) -> tuple[str, str, int]:
    country, code, _share, price = dice.choices(HOME, [one[2] for one in HOME])[0]
    return country, code, price


def _number(dice: random.Random, code: str, prefix: int) -> str:
    return f"+{code}2{prefix:04}{dice.randrange(10_000):04}"


def pumping(dice: random.Random, attack: Attack, *, start: float, answers: bool) -> Iterator[Request]:
    """Nobody answers, or everybody. Each address makes one or two requests."""
    for place in range(attack.codes):
        country, code, price = dice.choice(ATTACKED)
        # At home among the numbers of honest people; elsewhere in ranges of the attacker's own.
        number = _number(dice, code, dice.randrange(PREFIXES_ATTACKED))
        at = start + attack.seconds * place / attack.codes
        yield Request(at, number, country, price, f"a{place % attack.addresses}", False, answers)


@dataclass
class Outcome:
    """What came of a trace. Costs in ten-thousandths of the currency."""

    attack_sent: int = 0
    attack_cost: int = 0
    attack_asked: int = 0
    honest_asked: int = 0
    honest_refused: int = 0
    most_of_a_day: int = 0
    most_cost_of_a_day: int = 0
    reasons: Counter = field(default_factory=Counter)

    @property
    def honest_refused_percent(self) -> float:
        return 100 * self.honest_refused / max(1, self.honest_asked)


def trace(
    attack: Attack, *, seed: int, per_day: int, warm_days: int = WARM_DAYS, answers: bool = False
) -> tuple[float, Iterator[Request]]:
    """When the attack begins, and all requests in the order of time: before it, during it and until its day ends."""
    dice = random.Random(seed)
    begins = warm_days * DAY + 9 * HOUR
    ends = begins + max(attack.seconds, 15 * HOUR)
    people = honest(dice, start=0, seconds=int(ends), per_day=per_day)
    attackers = pumping(random.Random(seed + 1), attack, start=begins, answers=answers)
    return begins, heapq.merge(people, attackers, key=lambda one: one.at)


def guarded(
    attack: Attack,
    caps: Caps,
    *,
    seed: int = 7,
    per_day: int = 4000,
    warm_days: int = WARM_DAYS,
    answers: bool = False,
) -> Outcome:
    """Run the trace through the guard. Who was not sent a code does not answer it."""
    ledger, outcome = Ledger(caps), Outcome()
    proofs: list[tuple[float, int, Posted]] = []
    begins, requests = trace(attack, seed=seed, per_day=per_day, warm_days=warm_days, answers=answers)
    for place, asked in enumerate(requests):
        while proofs and proofs[0][0] <= asked.at:
            ledger.prove(heapq.heappop(proofs)[2])
        answer = ledger.send(at=asked.at, number=asked.number, country=asked.country, price=asked.price)
        if isinstance(answer, Posted) and asked.answers:
            heapq.heappush(proofs, (asked.at + 40, place, answer))
        if isinstance(answer, Reason) and asked.at >= begins:
            outcome.reasons[asked.honest, answer.value] += 1
        if asked.at >= begins:
            _tell(outcome, asked, sent=isinstance(answer, Posted))
    for (scope, _start), (sends, _proofs, cost) in ledger.rows.items():
        if scope == "budget":
            outcome.most_of_a_day = max(outcome.most_of_a_day, sends)
            outcome.most_cost_of_a_day = max(outcome.most_cost_of_a_day, cost)
    return outcome


def by_address(attack: Attack, *, per_hour: int = 5, seed: int = 7, per_day: int = 4000) -> Outcome:
    """The same trace through a limit for each address alone."""
    outcome, counts = Outcome(), defaultdict(int)
    begins, requests = trace(attack, seed=seed, per_day=per_day, warm_days=0)
    for asked in requests:
        place = asked.address, asked.at // HOUR
        counts[place] += 1
        if asked.at >= begins:
            _tell(outcome, asked, sent=counts[place] <= per_hour)
    return outcome


def _tell(outcome: Outcome, asked: Request, *, sent: bool) -> None:
    if asked.honest:
        outcome.honest_asked += 1
        outcome.honest_refused += not sent
    else:
        outcome.attack_asked += 1
        outcome.attack_sent += sent
        outcome.attack_cost += sent * asked.price
