"""Every refusal that reaches a caller, with its HTTP status and error code.

AuthsignalError
├── Unauthorized            401 unauthorized        the API key (or tenant id) is absent or wrong
├── ExpiredToken            401 expired_token       the client token is absent, expired, garbled or its user is gone
├── InvalidRequest          400 invalid_request     the request does not fit the schema or the state
│   ├── Forbidden           403 invalid_request     the token may not do this
│   └── RefusedAddress      400 invalid_request     an address or number that gets no message; carries `reason`
├── InvalidConfiguration    400 invalid_configuration
├── InvalidCredential       404 invalid_credential  a look-up names no credential
│   └── RefusedCredential   400 invalid_credential  an answer comes from no credential
├── UnknownCredential       400 unknown_credential  an assertion by a credential that this tenant never stored
├── NotFound                404 not_found
├── Conflict                409 conflict
├── TooManyRequests         429 too_many_requests   carries `resets_in` (seconds)
└── Unavailable             503 unavailable         a dependency did not answer in time
"""


class AuthsignalError(Exception):
    """A refusal. `description` is for the reader: what was wrong, where, what to do.

    `reason`, where there is one, names a text of the hosted pages that tells it to their user (header Error-Reason).
    """

    status = 400
    code = "invalid_request"
    default_description = "The request could not be processed."
    default_reason = ""

    def __init__(self, description: str = "", *, reason: str = "") -> None:
        self.reason = reason or self.default_reason
        self.description = description or self.default_description
        super().__init__(self.description)

    def remember(self) -> None:
        """Store what must outlast the request's transaction, which the refusal rolled back."""


class Unauthorized(AuthsignalError):
    """The vendor's SDK tests compare this text word for word."""

    status = 401
    code = "unauthorized"
    default_description = (
        "The request is unauthorized. Check that your API key and region base URL are correctly configured."
    )


class ExpiredToken(AuthsignalError):
    status = 401
    code = "expired_token"
    default_description = "The token is missing, expired or no longer valid. Track the action again to get a new one."


class InvalidRequest(AuthsignalError):
    pass


class Forbidden(InvalidRequest):
    status = 403


class RefusedAddress(InvalidRequest):
    """`reason`: `bad-email`, `bad-phone`, `country-not-served` or `line-not-served`."""


class InvalidConfiguration(AuthsignalError):
    code = "invalid_configuration"


class InvalidCredential(AuthsignalError):
    status = 404
    code = "invalid_credential"
    default_description = "No such credential is registered."


class RefusedCredential(InvalidCredential):
    status = 400


class UnknownCredential(AuthsignalError):
    code = "unknown_credential"
    default_description = "This passkey is not registered here."


class NotFound(AuthsignalError):
    status = 404
    code = "not_found"
    default_description = "There is nothing at this path."


class Conflict(AuthsignalError):
    status = 409
    code = "conflict"


class TooManyRequests(AuthsignalError):
    """`resets_in`: whole seconds until a retry makes sense; sent as Retry-After."""

    status = 429
    code = "too_many_requests"

    def __init__(self, description: str = "", resets_in: int = 60) -> None:
        self.resets_in = max(1, resets_in)
        super().__init__(description or f"Too many requests. Try again in {self.resets_in} seconds.")


class Unavailable(AuthsignalError):
    status = 503
    code = "unavailable"
    default_description = "The service cannot answer right now. Try again shortly."
