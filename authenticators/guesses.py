"""How many wrong guesses a subject has left. Counted in PostgreSQL under a row lock, never in Redis.

The lock is taken before the code is compared and held until the count is committed, so that no number of parallel
guesses is evaluated beyond the limit. Lock order everywhere: user, then guess count, challenge, authenticator.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from authenticators import tuning
from authenticators.guard import Windows
from authenticators.models import Challenge, EndUser, GuessCount
from authsignal_portal import clock
from authsignal_portal.models import Tenant


def subject_of(user: EndUser | None, contact_index: str) -> str:
    """The user where one is known, else the address that the code went to."""
    return f"user:{user.pk}" if user else f"contact:{contact_index}"


@dataclass(slots=True)
class Gate:
    """A locked guess count. `wrong` and `right` write; the caller's transaction commits."""

    row: GuessCount
    now: datetime
    # (seconds, wrong guesses allowed): the hard caps, and what the tenant allows less.
    windows: Windows

    def admits(self, purpose: str) -> bool:
        """Whether a guess may be evaluated now. A disabled method can still be bound anew, at the pace of the rest."""
        if self.row.disabled_at and purpose != Challenge.Purpose.ENROL:
            return False
        if self.row.paused_until and self.row.paused_until > self.now:
            return False
        return all(self._within(seconds) < limit for seconds, limit in self.windows)

    def wrong(self) -> None:
        """Count one evaluated wrong guess."""
        row = self.row
        longest = max(seconds for seconds, _limit in self.windows)
        row.recent = [at for at in row.recent if self.now - at < timedelta(seconds=longest)] + [self.now]
        row.consecutive += 1
        if row.consecutive % settings.CONSECUTIVE_GUESSES_BEFORE_PAUSE == 0:
            row.paused_until = self.now + timedelta(seconds=settings.PAUSE_SECONDS)
        if row.consecutive >= settings.CONSECUTIVE_GUESSES_BEFORE_DISABLING and row.disabled_at is None:
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

    def _within(self, seconds: int) -> int:
        return sum(1 for at in self.row.recent if self.now - at < timedelta(seconds=seconds))


def lock(*, tenant: Tenant, subject: str, method: str) -> Gate:
    """The subject's guess count, locked until the caller's transaction ends."""
    rows = GuessCount.objects.filter(tenant=tenant, subject=subject, method=method).annotate(clock=clock.Now())
    row = rows.select_for_update(of=("self",)).first()
    if row is None:
        GuessCount.objects.bulk_create(
            [GuessCount(tenant=tenant, subject=subject, method=method)], ignore_conflicts=True
        )
        row = rows.select_for_update(of=("self",)).get()
    windows = (*tuning.verify_windows(method), *tuning.own_verify_window(tenant, method))
    return Gate(row, row.clock, windows)
