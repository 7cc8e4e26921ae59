"""The guard with its state in memory: what the database layer must agree with, and what simulations run on."""

from collections import defaultdict, deque
from dataclasses import dataclass, field

from authenticators import guard
from authenticators.guard import Caps, Pause, Reason, State


@dataclass
class Posted:
    """A message that was let through."""

    at: float
    number: str
    country: str
    standing: str
    price: int
    proven: bool = False


@dataclass
class Ledger:
    """`rows`: [sends, proofs, cost] by scope and start."""

    caps: Caps
    rows: dict = field(default_factory=lambda: defaultdict(lambda: [0, 0, 0]))
    prefixes: dict = field(default_factory=lambda: defaultdict(lambda: deque(maxlen=guard.PREFIX_HISTORY)))
    countries: dict = field(default_factory=lambda: defaultdict(lambda: deque(maxlen=guard.COUNTRY_HISTORY)))
    numbers: dict = field(default_factory=lambda: defaultdict(lambda: deque(maxlen=guard.NUMBER_HISTORY)))
    pauses: dict[str, Pause] = field(default_factory=dict)
    alarms: list = field(default_factory=list)

    def send(self, *, at: float, number: str, country: str, price: int) -> Posted | Reason:
        prefix = number[:-4]
        known = guard.is_known([one.proven for one in self.numbers.get(number, ())], enrolled=False)
        state = State(
            at=at,
            prefix=prefix,
            country=country,
            price=price,
            is_known=known,
            of_prefix=self.prefixes.get(prefix, ()),
            of_country=self.countries.get(country, ()),
            prefix_pause=self.pauses.get(guard.prefix_scope(prefix), guard.NO_PAUSE),
            country_pause=self.pauses.get(guard.country_scope(country), guard.NO_PAUSE),
        )
        verdict = guard.decide(state, self.caps)
        for alarm in verdict.alarms:
            self.pauses[alarm.scope] = alarm.pause
            self.alarms.append(alarm)
        if verdict.refused:
            return verdict.refused
        for charge in verdict.charges:
            sends, proofs, cost = self.rows.get((charge.scope, charge.start), (0, 0, 0))
            if not charge.fits(sends=sends, proofs=proofs, cost=cost, price=price):
                assert charge.reason
                return charge.reason
        for charge in verdict.charges:
            row = self.rows[charge.scope, charge.start]
            row[0] += 1
            row[2] += price
        posted = Posted(at, number, country, verdict.standing, price)
        self.numbers[number].appendleft(posted)
        self.prefixes[prefix].appendleft(posted)
        if verdict.standing in guard.GROUP:
            self.countries[country].appendleft(posted)
        return posted

    def prove(self, posted: Posted) -> None:
        posted.proven = True
        for credit in guard.credits_of(at=posted.at, country=posted.country, standing=posted.standing):
            row = self.rows[credit.scope, credit.start]
            row[1] += 1
            if credit.gives_back:
                row[2] -= posted.price
