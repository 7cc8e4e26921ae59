"""How many wrong guesses a subject has left. Counted in PostgreSQL under a row lock, never in Redis.

The lock is taken before the code is compared and held until the count is committed, so that no number of parallel
guesses is evaluated beyond the limit. Lock order everywhere: user, then guess count, challenge, authenticator.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from uuid import UUID

from django.conf import settings

from authenticators import tuning
from authenticators.guard import Windows
from authenticators.models import Authenticator, Challenge, EndUser, GuessCount
from authsignal_portal import clock
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import VerificationMethod


def subject_of(user: EndUser | None, contact_index: str) -> str:
    """The user where one is known, else the address that the code went to."""
    return f"user:{user.pk}" if user else f"contact:{contact_index}"


@dataclass(frozen=True, slots=True)
class Lock:
    """No answer is taken. `until` when; None: until the method is bound anew, or staff set the count back."""

    until: datetime | None

    def seconds_left(self, now: datetime) -> int:
        """At least 1. Of a lock without an end as long as the longest that has one: sooner it is not worth a try."""
        if self.until is None:
            return int(settings.ADDRESS_PAUSE_SECONDS)
        return max(1, ceil((self.until - now).total_seconds()))


@dataclass(slots=True)
class Gate:
    """A guess count, locked where it is to be written. `wrong` and `right` write; the caller's transaction commits.

    `weight`: of how many right answers a guess may be one. It counts as so many guesses, and is not taken where so many
    would be too many, unless none was counted: two apps make nobody's guess twice as good.
    """

    row: GuessCount
    now: datetime
    # (seconds, wrong guesses allowed): the hard caps, and what the tenant allows less.
    windows: Windows
    weight: int = 1

    def admits(self, purpose: str) -> bool:
        """Whether a guess may be evaluated now."""
        return self.closed(purpose) is None

    def closed(self, purpose: str) -> Lock | None:
        """None while it admits. A disabled method can still be bound anew, at the pace of the rest."""
        if self.row.disabled_at and purpose != Challenge.Purpose.ENROL:
            return Lock(None)
        weight = self._weight(purpose)
        ends = [self._full_until(seconds, limit, weight) for seconds, limit in self.windows] + [self.row.paused_until]
        ahead = [end for end in ends if end and end > self.now]
        return Lock(max(ahead)) if ahead else None

    def wrong(self, purpose: str) -> None:
        """Count one evaluated wrong guess."""
        row, weight, before = self.row, self._weight(purpose), self.row.consecutive
        longest = max(seconds for seconds, _limit in self.windows)
        row.recent = [at for at in row.recent if self.now - at < timedelta(seconds=longest)] + [self.now] * weight
        row.consecutive += weight
        pause = settings.CONSECUTIVE_GUESSES_BEFORE_PAUSE
        if row.consecutive // pause > before // pause:
            row.paused_until = self.now + timedelta(seconds=settings.PAUSE_SECONDS)
        # There is no room for another one like it.
        if row.consecutive + weight > settings.CONSECUTIVE_GUESSES_BEFORE_DISABLING and row.disabled_at is None:
            self._shut()
        row.save(update_fields=["recent", "consecutive", "disabled_at", "paused_until"])

    def _shut(self) -> None:
        """A user's method is disabled until it is bound anew. An address without a user has nothing to bind: anybody
        could shut it for ever, so it only rests for a day."""
        if self.row.subject.startswith("user:"):
            self.row.disabled_at = self.now
        else:
            self.row.paused_until = self.now + timedelta(seconds=settings.ADDRESS_PAUSE_SECONDS)
            self.row.consecutive = 0

    def right(self) -> None:
        if self.row.consecutive:
            self.row.consecutive, self.row.recent, self.row.paused_until = 0, [], None
            self.row.save(update_fields=["consecutive", "recent", "paused_until"])

    @property
    def just_closed(self) -> str:
        """`disabled`, `paused` or nothing: what the last wrong guess caused."""
        if self.row.disabled_at == self.now:
            return "disabled"
        return "paused" if self.row.paused_until and self.row.paused_until > self.now else ""

    def _weight(self, purpose: str) -> int:
        """What is being enrolled is compared with alone."""
        return 1 if purpose == Challenge.Purpose.ENROL else self.weight

    def _full_until(self, seconds: int, limit: int, weight: int) -> datetime | None:
        """When so many guesses have left the window that another one fits in."""
        window = timedelta(seconds=seconds)
        within = [at for at in self.row.recent if self.now - at < window]
        most = max(limit - weight, 0)
        return sorted(within)[-most - 1] + window if len(within) > most else None


def lock(*, tenant: Tenant, subject: str, method: str) -> Gate:
    """The subject's guess count, locked until the caller's transaction ends."""
    rows = GuessCount.objects.filter(tenant=tenant, subject=subject, method=method).annotate(clock=clock.Now())
    row = rows.select_for_update(of=("self",)).first()
    if row is None:
        GuessCount.objects.bulk_create(
            [GuessCount(tenant=tenant, subject=subject, method=method)], ignore_conflicts=True
        )
        row = rows.select_for_update(of=("self",)).get()
    return _gate(tenant, row, row.clock)


def closed(*, tenant: Tenant, subject: str, purpose: str) -> dict[str, Lock]:
    """By method, what takes no answer of the subject now. Read without a lock: what is told may be over when it is
    heard, and `lock` alone decides."""
    rows = GuessCount.objects.filter(tenant=tenant, subject=subject).annotate(clock=clock.Now())
    guessed = rows.exclude(recent=[], paused_until=None, disabled_at=None)
    found = {row.method: _gate(tenant, row, row.clock).closed(purpose) for row in guessed}
    return {method: lock for method, lock in found.items() if lock}


def _gate(tenant: Tenant, row: GuessCount, now: datetime) -> Gate:
    method = row.method
    windows = (*tuning.verify_windows(method), *tuning.own_verify_window(tenant, method))
    return Gate(row, now, windows, _answers_of(row))


def _answers_of(row: GuessCount) -> int:
    """How many answers are right at a time: a code of any of a user's apps is."""
    kind, _colon, user = row.subject.partition(":")
    if row.method != VerificationMethod.AUTHENTICATOR_APP or kind != "user":
        return 1
    apps = Authenticator.objects.filter(user_id=UUID(user), method=row.method).exclude(verified_at=None)
    return max(1, apps.count())
