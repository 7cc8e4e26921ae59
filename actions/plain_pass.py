"""What pages without JavaScript carry, first of all the client token: sealed for one browser, of no use in any other.

The token stands in the page's address once and then in its forms. Only the browser whose cookie it was made for can use
it, so that it tells a form of ours from one that another site made, too. A page that waits reloads itself by an address
that holds what its forms hold, sealed in the same way.
"""

import base64
import binascii
from uuid import UUID

from authsignal_portal import crypto
from authsignal_portal.errors import Forbidden
from authsignal_portal.models import Tenant

MAX_LENGTH = 8000
TOKEN, FIELDS = "plain", "plain-fields"


class NotTheirs(Forbidden):
    """It was made for another browser, or by somebody else."""


def write(words: str, tenant: Tenant, browser: str, *, kind: str = TOKEN) -> str:
    """`words` in ASCII."""
    sealed = crypto.seal(words, data_key=bytes(tenant.data_key), owner=str(tenant.pk), place=_place(kind, browser))
    return f"{tenant.pk.hex}.{base64.urlsafe_b64encode(sealed).decode()}"


def read(text: str, browser: str, *, kind: str = TOKEN) -> str:
    """What was written. Raises NotTheirs."""
    tenant_id, _dot, sealed = text[:MAX_LENGTH].partition(".")
    try:
        tenant = Tenant.objects.get(pk=UUID(hex=tenant_id))
        raw = base64.b64decode(sealed.encode("ascii"), altchars=b"-_", validate=True)
        opened = crypto.unseal(raw, data_key=bytes(tenant.data_key), owner=str(tenant.pk), place=_place(kind, browser))
    except (ValueError, binascii.Error, Tenant.DoesNotExist, crypto.OpeningFailed) as error:
        raise NotTheirs from error
    return opened.decode("ascii")


def _place(kind: str, browser: str) -> tuple[str, str]:
    return (kind, browser)
