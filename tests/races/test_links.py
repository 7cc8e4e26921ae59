"""One link, confirmed and asked for fifty times at once: one confirmation, one state change, one token."""

from django.db import transaction

from authenticators import links
from authenticators.models import AuthenticatorConfiguration, Challenge, MagicLink
from authsignal_portal import clock
from authsignal_portal.vocabulary import VerificationMethod as M
from tests import make
from tests.authenticators.owing import together
from tests.races import scenes
from tests.races.volley import MANY, ROUNDS, Shot, fire, held

FINALIZE = "/v1/client/verify/email-magic-link/finalize"


def link_of(challenge, **fields):
    return MagicLink.objects.create(
        challenge=challenge, token_hash=links.hash_of(challenge.pk), is_hosted=False, **fields
    )


def test_a_confirmed_link_is_one_proof(live):
    AuthenticatorConfiguration.objects.create(tenant=live.tenant, method=M.EMAIL_MAGIC_LINK)
    for _round in range(ROUNDS):
        tracked = scenes.enrolled(live, M.EMAIL_MAGIC_LINK, contact=scenes.address())
        challenge = scenes.waiting(tracked, M.EMAIL_MAGIC_LINK)
        link_of(challenge, used_at=clock.now(), confirmed_at=clock.now())
        volley = fire(
            live,
            [Shot(FINALIZE, {}, tracked.token)] * MANY,
            held(scenes.user_row(tracked), Challenge.objects.filter(pk=challenge.pk)),
        )
        scenes.assert_one_success(volley, tracked)


def test_a_link_is_confirmed_once(transactional_db):
    tenant = make.make_tenant()
    challenge = make.make_challenge(make.make_user(tenant), method=M.EMAIL_MAGIC_LINK)
    link = link_of(challenge)

    def once(_number):
        with transaction.atomic():
            return links.confirm(links.find(challenge.pk))

    assert sorted(together(20, once)) == [False] * 19 + [True]
    link.refresh_from_db()
    assert link.confirmed_at == link.used_at is not None
