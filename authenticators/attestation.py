"""Certificates of an attestation: that they are of today and in order. Whom to trust is nobody's question here.

We ask for no attestation, so that none is needed; one that comes all the same must not be broken.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from authenticators.webauthn_json import WebAuthnError

MAX_CERTIFICATES = 8


def check_certificates(x5c: object) -> None:
    """The first certificate signed the statement, each next one issued the one before (WebAuthn L3 §8.2).

    Raises WebAuthnError.
    """
    if not isinstance(x5c, list) or not 1 <= len(x5c) <= MAX_CERTIFICATES:
        raise WebAuthnError("malformed", f"attStmt.x5c must be a list of 1 to {MAX_CERTIFICATES} certificates")
    chain = [_parsed(one) for one in x5c]
    _check_dates(chain, datetime.now(UTC))
    for certificate, issuer in pairwise(chain):
        try:
            certificate.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature) as error:
            raise WebAuthnError("wrong_attestation_chain", "a certificate is not issued by the next one") from error


def _parsed(der: object) -> x509.Certificate:
    if not isinstance(der, bytes):
        raise WebAuthnError("malformed", "a certificate in attStmt.x5c must be bytes")
    try:
        return x509.load_der_x509_certificate(der)
    except (ValueError, x509.InvalidVersion) as error:
        raise WebAuthnError("malformed", f"a certificate in attStmt.x5c: {error}") from error


def _check_dates(chain: Sequence[x509.Certificate], now: datetime) -> None:
    for certificate in chain:
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            raise WebAuthnError("wrong_attestation_chain", "a certificate has expired or is not valid yet")
