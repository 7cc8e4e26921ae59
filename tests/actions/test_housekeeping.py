from datetime import timedelta

import pytest

from actions import housekeeping
from authenticators.models import Challenge
from authsignal_portal import clock
from tests import make


@pytest.mark.django_db
def test_challenges_go_a_day_after_their_end_and_not_before(acme):
    alice = make.make_user(acme)
    now = clock.now()
    old = make.make_challenge(alice, expires_at=now - timedelta(hours=25))
    recent = make.make_challenge(alice, expires_at=now - timedelta(hours=23))
    assert housekeeping.prune() == 1
    assert list(Challenge.objects.values_list("pk", flat=True)) == [recent.pk]
    assert old.pk != recent.pk
