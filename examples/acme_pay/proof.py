"""What the bank asks of Authsignal, through the official SDK: may this happen, and was it proved?"""

import logging
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import requests
from authsignal.client import ApiException, AuthsignalClient

TRANSFER = "adaptive-mfa-transfer"
ENROL_PASSKEY = "enroll-passkey"

# Seconds to connect, seconds to wait for an answer. The SDK's own time-out never takes effect, for requests
# hands on an explicit `timeout=None`; without the adapter below a dead server would hang a transfer for ever.
TIMEOUT = (3.05, 10.0)

log = logging.getLogger("acme_pay")


class Unavailable(Exception):
    """Authsignal could not be asked, or its answer made no sense. Then the bank refuses."""


@dataclass(frozen=True)
class Decision:
    """The answer to `track`. `key` is the idempotency key: the name of this one action instance."""

    state: str
    key: str
    token: str
    url: str
    is_enrolled: bool
    methods: tuple[str, ...]
    rule_ids: tuple[str, ...]


@dataclass(frozen=True)
class Verdict:
    """The answer to `validate_challenge`, and nothing read into it."""

    is_valid: bool
    state: str
    user: str
    action: str
    key: str
    method: str
    error: str

    def proves(self, *, user: str, action: str, key: str | None = None) -> bool:
        """True only for a succeeded challenge of this user, action and, where given, instance."""
        same = self.user == user and self.action == action and (key is None or self.key == key)
        return self.is_valid and self.state == "CHALLENGE_SUCCEEDED" and same


class _TimedAdapter(requests.adapters.HTTPAdapter):
    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: float | tuple[float | None, float | None] | None = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> requests.Response:
        return super().send(request, stream, timeout or TIMEOUT, verify, cert, proxies)


class Authsignal:
    """The official client with time-outs and typed answers. Every call raises Unavailable where it fails."""

    def __init__(self, *, api_url: str, api_secret_key: str) -> None:
        self._client = AuthsignalClient(api_secret_key, api_url=api_url)
        for scheme in ("http://", "https://"):
            self._client.session.mount(scheme, _TimedAdapter())

    def track(self, *, user: str, action: str, attributes: dict[str, Any]) -> Decision:
        answer = self._ask("track", user, action, attributes)
        return Decision(
            state=_text(answer, "state"),
            key=_text(answer, "idempotency_key"),
            token=_text(answer, "token"),
            url=_text(answer, "url"),
            is_enrolled=answer.get("is_enrolled") is True,
            methods=tuple(answer.get("enrolled_verification_methods") or ()),
            rule_ids=tuple(answer.get("rule_ids") or ()),
        )

    def validate(self, *, token: str, user: str, action: str) -> Verdict:
        answer = self._ask("validate_challenge", {"token": token, "userId": user, "action": action})
        return Verdict(
            is_valid=answer.get("is_valid") is True,
            state=str(answer.get("state") or ""),
            user=str(answer.get("user_id") or ""),
            action=str(answer.get("action") or ""),
            key=str(answer.get("idempotency_key") or ""),
            method=str(answer.get("verification_method") or ""),
            error=str(answer.get("error") or ""),
        )

    def rule_names(self, *, user: str, action: str, key: str) -> dict[str, str]:
        """Names by rule id of the rules that fired."""
        rules = self._ask("get_action", user, action, key).get("rules") or ()
        return {rule["rule_id"]: rule["name"] for rule in rules if rule.get("rule_id") and rule.get("name")}

    def passkeys(self, user: str) -> list[dict[str, Any]]:
        """The user's passkeys, as the API lists them."""
        listed = self._ask("get_authenticators", user, kind=list)
        return [each for each in listed if each.get("verification_method") == "PASSKEY"]

    def _ask(self, call: str, *arguments: Any, kind: type = dict) -> Any:
        try:
            answer = getattr(self._client, call)(*arguments)
        except ApiException as error:
            log.warning("authsignal %s: %s", call, error.__cause__ or error)
            said = f"{error.status_code}, {error.error_description}" if error.status_code else "no connection"
            raise Unavailable(f"Authsignal did not answer the question ({said}).") from error
        # The SDK reads an attribute that it sets for JSON answers only, so any other answer ends here.
        except (AttributeError, ValueError) as error:
            log.warning("authsignal %s: the answer was not JSON: %s", call, error)
            raise Unavailable("Authsignal's answer could not be read. Is AUTHSIGNAL_API_URL right?") from error
        if not isinstance(answer, kind):
            raise Unavailable(f"Authsignal's answer to {call} has the wrong shape.")
        return answer


def number(amount: Decimal) -> int | float:
    """A JSON number: the SDK cannot write a Decimal."""
    return int(amount) if amount == amount.to_integral_value() else float(amount)


def _text(answer: dict[str, Any], key: str) -> str:
    value = answer.get(key)
    if not isinstance(value, str) or not value:
        raise Unavailable(f"Authsignal's answer lacks {key!r}.")
    return value
