"""What follows from a decision: the first state, the methods that may prove it, the message, what to set up after."""

from collections.abc import Mapping
from typing import Any

from actions import languages, linking, messages
from actions.store import Known
from actions.track_request import Track
from authenticators import available
from authsignal_portal.errors import InvalidRequest
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import OUTCOME_STATE, ActionState, Outcome, VerificationMethod
from rules.engine import Decision, Policy


def first_state(request: Track, known: Known, outcome: Outcome) -> ActionState:
    if request.begun_by_client and outcome in (Outcome.ALLOW, Outcome.CHALLENGE):
        return ActionState.CHALLENGE_REQUIRED
    if outcome == Outcome.CHALLENGE and request.tenant.let_unenrolled_users_through and not known.was_enrolled:
        return ActionState.ALLOW
    return OUTCOME_STATE[outcome]


def may_be_proved(outcome: Outcome, state: ActionState) -> bool:
    """Whether anything may be proved for it: also where an unenrolled user is let through, the rules wanted a proof."""
    return outcome == Outcome.CHALLENGE or state == ActionState.CHALLENGE_REQUIRED


def methods(
    tenant: Tenant, known: Known, policy: Policy, decision: Decision
) -> tuple[list[VerificationMethod], str | None]:
    """What may prove this action: the deciding rule's list, else the action's, else all; of it what is active."""
    rule = policy.rule(decision.priority_rule_id) if decision.priority_rule_id else None
    listed = (rule.verification_methods if rule else ()) or known.action_methods
    active = available.active(tenant, known.switched or [])
    allowed = [method for method in active if not listed or method in listed]
    wishes = (
        rule.default_verification_method if rule else None,
        known.action_default,
        known.user_default,
        known.enrolled_default,
    )
    return allowed, next((wish for wish in wishes if wish and wish in allowed), None)


def prompt(known: Known, policy: Policy, decision: Decision) -> list[str]:
    """What to ask the user to set up after the proof: as the deciding rule says, else as the action says."""
    rule = policy.rule(decision.priority_rule_id) if decision.priority_rule_id else None
    return list((rule.prompt_to_enroll_verification_methods if rule else ()) or known.action_prompt or ())


def message(
    request: Track, known: Known, facts: Mapping[str, Any], *, is_challenge: bool
) -> tuple[dict[str, str], str]:
    """What the user is shown, with dynamic linking the transaction that it is bound to, and else why it is not.

    Raises InvalidRequest: a challenge needs its transaction, to the byte; another decision stands without it.
    """
    template, action, user = _template(request, known), facts["custom"], facts["user"]["custom"]
    if not known.dynamic_linking:
        shown = messages.render(template, action=action, user=user)
        return {"message": shown, "transaction": "", "transaction_hash": ""}, ""
    points = (known.amount_data_point or "", known.currency_data_point or "", known.payee_data_point or "")
    try:
        linked = linking.transaction(linking.Linking(template, *points), action=action, user=user)
    except InvalidRequest as problem:
        if is_challenge:
            raise
        return {"message": "", "transaction": "", "transaction_hash": ""}, problem.description
    return {"message": linked.text, "transaction": linked.canonical, "transaction_hash": linked.hash}, ""


def _template(request: Track, known: Known) -> str:
    """The message in the language that the app asks for, else the user's, else in its default text."""
    wanted = "" if request.in_default_text else languages.asked_for(request.sent.get("locale"), known.locale)
    return messages.in_language(wanted, default=known.message or "", localized=known.localized_messages or {})
