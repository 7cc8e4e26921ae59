"""Challenges that are owed a code, and a provider that does as it is told."""

import threading
from datetime import timedelta

from django.db import connection, transaction
from kombu import pools

from authenticators import messaging, outbox
from authenticators.messaging import Outgoing
from authenticators.models import Challenge, EndUser, Message
from authsignal_portal import celery_app, clock
from authsignal_portal.models import Tenant, TestClock
from authsignal_portal.vocabulary import Channel, VerificationMethod
from tests import make

METHODS = {Channel.EMAIL: VerificationMethod.EMAIL_OTP, Channel.SMS: VerificationMethod.SMS}
CONTACTS = {Channel.EMAIL: "alice@example.com", Channel.SMS: "+64211234567"}


def make_challenge(
    tenant: Tenant, user: EndUser | None = None, *, channel: Channel = Channel.EMAIL, seconds: float = 600
) -> Challenge:
    expires_at = clock.now() + timedelta(seconds=seconds)
    return make.make_challenge(user, tenant, method=METHODS[channel], expires_at=expires_at)


@transaction.atomic
def owe(
    challenge: Challenge | None = None,
    *,
    channel: Channel = Channel.EMAIL,
    to: str = "",
    code: str = "123456",
) -> Message:
    """Owe a code as a request does; without a challenge, for a new one of a new user of a new tenant."""
    if challenge is None:
        tenant = make.make_tenant()
        challenge = make_challenge(tenant, make.make_user(tenant), channel=channel)
    return outbox.owe_code(
        tenant=challenge.tenant,
        user=challenge.user,
        challenge=challenge,
        channel=channel,
        to=to or CONTACTS[channel],
        code=code,
        now=clock.now(),
        locale=None,
    )


def advance(seconds: float) -> None:
    """Move the database clock on."""
    moved, _new = TestClock.objects.get_or_create(pk=1)
    moved.offset_seconds += seconds
    moved.save()


def status_of(message: Message) -> str:
    return Message.objects.get(pk=message.pk).status


def together(count: int, work) -> list:
    """Run `work(number)` in that many threads at once, each connected; returns what each returned or raised."""
    barrier = threading.Barrier(count)
    results: list = [None] * count

    def run(number: int) -> None:
        try:
            connection.ensure_connection()
            barrier.wait(30)
            results[number] = work(number)
        except Exception as error:  # noqa: BLE001  (told apart by the caller)
            results[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


class Postman:
    """A provider at the edge: keeps what it is given, or raises the errors it holds first."""

    channels = frozenset(Channel)

    def __init__(self, *errors: Exception) -> None:
        self.sent: list[Outgoing] = []
        self.errors = list(errors)
        self.before = lambda message: None

    def send(self, message: Outgoing) -> str:
        self.before(message)
        if self.errors:
            raise self.errors.pop(0)
        self.sent.append(message)
        return f"postman-{message.ident}"


def employ(monkeypatch, settings, *errors: Exception) -> Postman:
    """Let a new Postman carry everything."""
    postman = Postman(*errors)
    monkeypatch.setitem(messaging.PROVIDERS, "postman", postman)
    settings.MESSAGE_PROVIDERS = {"EMAIL": "postman", "SMS": "postman"}
    return postman


def forget_connections() -> None:
    """Celery keeps connections to the broker it knew before."""
    pools.reset()
    celery_app._after_fork()
