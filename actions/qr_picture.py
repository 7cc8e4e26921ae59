"""QR codes as pictures, and what an otpauth:// URI that one shows holds."""

from urllib.parse import parse_qs, urlsplit

import segno

from authsignal_portal.errors import InvalidRequest

MAX_OTP_URI = 2331
QUIET_ZONE = 3


def secret_in(uri: str) -> str:
    """The secret of an otpauth:// URI. Raises InvalidRequest."""
    if not uri.startswith("otpauth://totp/") or len(uri) > MAX_OTP_URI:
        raise InvalidRequest("uri must begin with otpauth://totp/.")
    return parse_qs(urlsplit(uri).query).get("secret", [""])[0]


def picture(text: str) -> str:
    """A QR code as an image in a data: URI. Raises DataOverflowError."""
    return str(segno.make_qr(text, error="m").svg_data_uri(border=QUIET_ZONE, light="#fff", dark="#000"))
