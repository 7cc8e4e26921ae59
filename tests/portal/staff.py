"""Members of staff for tests, who sign in through the door."""

import re
import time
from dataclasses import dataclass
from itertools import count

from django.contrib.auth.models import User
from django.test import Client
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

from authsignal_portal.models import Membership, Tenant
from authsignal_portal.vocabulary import Role
from rules.models import ActionConfiguration

PASSWORD = "correct horse battery staple"
LOGIN = "/portal/login/"
_number = count(int(time.time() * 1000))


@dataclass
class Staff:
    """A member of staff with a browser of their own."""

    user: User
    client: Client

    @property
    def email(self) -> str:
        return self.user.username

    @property
    def device(self) -> TOTPDevice:
        return TOTPDevice.objects.get(user=self.user)

    def code(self) -> str:
        return code_of(self.device)

    def sign_in(self) -> "Staff":
        self.client.post(LOGIN, {"email": self.email, "password": PASSWORD})
        answer = self.client.post(LOGIN, {"code": self.code()})
        assert answer.status_code == 302, answer.content
        return self

    def publish(self, configuration: ActionConfiguration, **fields: str) -> None:
        """As the page of the changes shows them; anything but success is a failure."""
        answer = self.client.post(*publication(self.client, configuration, **fields))
        assert answer.status_code == 302, answer.content.decode()


def publication(client: Client, configuration: ActionConfiguration, **fields: str) -> tuple[str, dict[str, str]]:
    """Where the button of the page of the changes posts to, and what."""
    path = f"/portal/rules/actionconfiguration/{configuration.pk}/publish/"
    shown = re.search(r'name="draft_version" value="(\d+)"', client.get(path).content.decode())
    assert shown, "there is nothing to publish"
    return path, {"draft_version": shown[1]} | fields


def code_of(device: TOTPDevice) -> str:
    """A code that the device accepts now, also right after another one was used."""
    moment = time.time()
    step = max(int(moment) // 30, device.last_t + 1)
    return f"{totp(device.bin_key, t0=int(moment) - step * 30 if step * 30 > moment else 0):06d}"


def make_staff(tenant: Tenant | None, role: Role = Role.ADMIN, *, email: str = "", app: bool = True) -> Staff:
    """Not signed in yet. Every one has another address, since tries are counted across tests."""
    email = email or f"staff-{next(_number)}@example.com"
    user = User.objects.create_user(username=email, email=email, password=PASSWORD, is_staff=True)
    if app:
        TOTPDevice.objects.create(user=user, confirmed=True)
    if tenant is not None:
        Membership.objects.create(user=user, tenant=tenant, role=role)
    return Staff(user, Client())


def signed_in(tenant: Tenant, role: Role = Role.ADMIN) -> Staff:
    return make_staff(tenant, role).sign_in()
