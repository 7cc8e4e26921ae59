"""Each way to break the product that a test must notice: what is put in the place of what, and that test."""

from dataclasses import dataclass

CODES = "tests/races/test_codes.py"
GUESSING = "tests/races/test_guessing.py"
TRACK = "tests/races/test_track.py"
SERVER = "tests/races/test_server_codes.py"
CHALLENGES = "tests/authenticators/test_challenges.py"
GUESSES = "tests/authenticators/test_guesses.py"
SENDING = "tests/authenticators/test_sending_races.py"
PROVING = "tests/actions/test_proving.py"
ENROLMENT = "tests/actions/test_proving_enrolment.py"
CLAIMS = "tests/actions/test_proving_claims.py"
VERSIONS = "tests/portal/test_portal_versions.py"


@dataclass(frozen=True)
class Change:
    """`old` must stand in the file exactly once."""

    path: str
    old: str
    new: str


@dataclass(frozen=True)
class Mutant:
    name: str
    test: str
    changes: tuple[Change, ...]


def mutant(name: str, test: str, *changes: tuple[str, str, str]) -> Mutant:
    return Mutant(name, test, tuple(Change(*change) for change in changes))


# -- locks and conditional updates ---------------------------------------------------------------

USER_UNLOCKED = (
    "authenticators/models/users.py",
    "rows = type(self).objects.select_for_update(no_key=True).filter(pk=self.pk)",
    "rows = type(self).objects.filter(pk=self.pk)",
)
COUNT_UNLOCKED = (
    "authenticators/guesses.py",
    'row = rows.select_for_update(of=("self",)).first()',
    "row = rows.first()",
)
CHALLENGE_UNLOCKED = (
    "authenticators/challenges.py",
    'rows = Challenge.objects.select_for_update(of=("self",)).select_related("tenant", "user", "authenticator")',
    'rows = Challenge.objects.select_related("tenant", "user", "authenticator")',
)
CLAIM_UNLOCKED = (
    "actions/claims.py",
    'select_for_update(of=("self",)).select_related("tenant", "user", "authenticator")',
    'select_related("tenant", "user", "authenticator")',
)
CLAIM_UNCONDITIONAL = (
    "actions/claims.py",
    "    unclaimed = Challenge.objects.filter(pk=challenge.pk, claimed_at=None)",
    "    unclaimed = Challenge.objects.filter(pk=challenge.pk)",
)
CONSUME = 'return unused.update(verified_at=now, code_hash="", nonce=None) == 1'
CONSUMED_BY_SAVING = (
    "authenticators/challenges.py",
    CONSUME,
    'challenge.save(update_fields=["verified_at"])\n    return True',
)

ONCE = [
    mutant(
        "select, then update: a challenge is read, judged and saved",
        f"{CODES}::test_a_code_that_was_sent_is_accepted_once",
        USER_UNLOCKED,
        COUNT_UNLOCKED,
        CHALLENGE_UNLOCKED,
        CONSUMED_BY_SAVING,
    ),
    mutant(
        "select, then update: a passkey challenge is read, judged and saved",
        "tests/races/test_passkeys.py::test_one_assertion_is_accepted_once",
        USER_UNLOCKED,
        CHALLENGE_UNLOCKED,
        CONSUMED_BY_SAVING,
    ),
    mutant(
        "select, then update: a claim is read, judged and saved",
        f"{SERVER}::test_one_challenge_claimed_for_fifty_users_is_one_users",
        CLAIM_UNLOCKED,
        CLAIM_UNCONDITIONAL,
    ),
    mutant(
        "an accepted challenge stays open",
        f"{CHALLENGES}::test_sending_an_accepted_code_again_is_refused_but_is_no_guess",
        ("authenticators/challenges.py", CONSUME, "return True"),
    ),
    mutant(
        "the step of an authenticator app is not stored",
        f"{CHALLENGES}::test_a_step_of_an_authenticator_app_is_accepted_once_wherever_and_whenever_it_comes_again",
        ("authenticators/methods/totp.py", '        authenticator.save(update_fields=["last_step"])\n', ""),
    ),
    mutant(
        "only the very last step is refused, not those before it",
        f"{CHALLENGES}::test_a_step_before_the_last_accepted_one_is_too_old_and_the_next_one_is_not",
        ("authenticators/methods/totp.py", "step <= authenticator.last_step", "step == authenticator.last_step"),
    ),
    mutant(
        "a recovery code is burned whether or not it was",
        f"{CHALLENGES}::test_a_recovery_code_is_used_once_wherever_it_comes_again",
        (
            "authenticators/methods/recovery_code.py",
            "RecoveryCode.objects.filter(pk=row.pk, used_at=None).update(",
            "RecoveryCode.objects.filter(pk=row.pk).update(",
        ),
    ),
    mutant(
        "new recovery codes are made without waiting for each other",
        f"{CODES}::test_new_recovery_codes_asked_for_many_times_at_once_are_one_set",
        USER_UNLOCKED,
    ),
    mutant(
        "a challenge can be claimed again",
        f"{CLAIMS}::test_a_proved_challenge_is_claimed_for_one_user_and_gives_one_token",
        ("actions/claims.py", "    if challenge.claimed_at:\n", "    if False:\n"),
        CLAIM_UNCONDITIONAL,
    ),
    mutant(
        "an answer is replayed to every key of the tenant",
        f"{CLAIMS}::test_another_key_gets_no_stored_answer",
        ("actions/replays.py", '"replay", key.pk, endpoint', '"replay", str(key.tenant_id), endpoint'),
    ),
    mutant(
        "an answer is replayed for ever",
        f"{CLAIMS}::test_the_same_request_gets_the_same_answer_for_a_minute",
        (
            "actions/replays.py",
            "rows.filter(created_at__gt=clock.Now() - timedelta(seconds=settings.REPLAY_SECONDS)).first()",
            "rows.first()",
        ),
    ),
    mutant(
        "an idempotency key covers any body",
        f"{TRACK}::test_one_key_with_two_bodies_is_one_action_and_a_conflict_for_the_others",
        (
            "actions/flow.py",
            '    if not crypto.is_keyed_hash(known.fingerprint or "", "track", fixed_part(request.sent)):\n',
            "    if False:\n",
        ),
    ),
    mutant(
        "a tracked challenge is looked at before it is locked",
        f"{TRACK}::test_a_challenge_tracked_for_many_users_at_once_counts_for_one",
        CLAIM_UNLOCKED,
        CLAIM_UNCONDITIONAL,
    ),
]

# -- limits ---------------------------------------------------------------------------------------

LIMITS = [
    mutant(
        "a counter is read, raised and written: the wrong guesses of a challenge",
        f"{GUESSING}::test_fifty_wrong_codes_at_once_are_five_guesses",
        USER_UNLOCKED,
        COUNT_UNLOCKED,
        CHALLENGE_UNLOCKED,
    ),
    mutant(
        "a counter is read, raised and written: the wrong guesses of an address",
        f"{GUESSING}::test_guesses_spread_over_challenges_of_one_address_are_counted_together",
        COUNT_UNLOCKED,
    ),
    mutant(
        "guesses are counted for each challenge alone",
        f"{GUESSES}::test_guesses_spread_over_every_door_are_counted_together",
        (
            "authenticators/challenges.py",
            "subject=guesser(user, challenge), method=method)",
            "subject=challenge.pk, method=method)",
        ),
    ),
    mutant(
        "sending again gives new guesses",
        f"{CHALLENGES}::test_sending_again_gives_neither_new_guesses_nor_new_time",
        (
            "authenticators/codes.py",
            "    challenge.sends += 1\n",
            "    challenge.sends += 1\n    challenge.attempts = 0\n",
        ),
    ),
    mutant(
        "a disabled method comes back by itself",
        f"{GUESSES}::test_fifty_wrong_guesses_running_disable_the_method_for_good",
        (
            "authenticators/guesses.py",
            "        if self.row.disabled_at and purpose != Challenge.Purpose.ENROL:\n",
            "        if False:\n",
        ),
    ),
    mutant(
        "what is not six digits is compared all the same",
        f"{CHALLENGES}::test_what_has_not_the_shape_of_a_code_is_never_compared",
        (
            "authenticators/otp.py",
            "return isinstance(answer, str) and len(answer) == digits and SHAPE.fullmatch(answer) is not None",
            "return str(answer).strip().isdecimal()",
        ),
    ),
]

# -- time -----------------------------------------------------------------------------------------

TIME = [
    mutant(
        "the deadline of a code is not looked at",
        f"{CHALLENGES}::test_a_code_is_accepted_until_its_deadline_and_not_after",
        (
            "authenticators/models/challenges.py",
            "return self.verified_at is None and self.failed_at is None and self.expires_at > now",
            "return self.verified_at is None and self.failed_at is None",
        ),
        (
            "authenticators/challenges.py",
            "expires_at__gt=now)\n    challenge.verified_at = now\n",
            ")\n    challenge.verified_at = now\n",
        ),
    ),
    mutant(
        "the deadline of a client token is not looked at",
        f"{CHALLENGES}::test_a_client_token_is_accepted_until_its_deadline_and_not_after",
        ("actions/client_auth.py", " or token.expires_at <= action.clock:", ":"),
    ),
]

# -- states and authority -------------------------------------------------------------------------

AFTERWARDS = """def _afterwards(**fields: Any) -> AuditEvent:
    from django.db import transaction

    row = AuditEvent(**fields)
    transaction.on_commit(row.save)
    return row


"""

AUTHORITY = [
    mutant(
        "a proof moves a blocked action",
        f"{PROVING}::test_a_state_set_between_challenge_and_answer_makes_the_answer_worthless",
        (
            "actions/proofs.py",
            "Action.objects.filter(stands, pk=action.pk, state=ActionState.CHALLENGE_REQUIRED).update(",
            "Action.objects.filter(pk=action.pk).update(",
        ),
        ("actions/proofs.py", "    if action.state in states.CLOSED_TO_PROOF:\n", "    if False:\n"),
    ),
    mutant(
        "the backend can set what only a proof may set",
        f"{PROVING}::test_the_backend_may_set_every_state_but_a_proofs",
        ("actions/states.py", "    return to != S.CHALLENGE_SUCCEEDED", "    return True"),
    ),
    mutant(
        "who may enrol is asked at the beginning only",
        f"{ENROLMENT}::test_what_was_begun_as_the_first_authenticator_is_refused_once_there_is_another",
        ("actions/verifying.py", "        _check_authority(context, challenge)\n", "        pass\n"),
    ),
    mutant(
        "two first authenticators do not wait for each other",
        "tests/races/test_enrolling.py::test_of_two_first_authenticators_at_once_one_is_the_first",
        USER_UNLOCKED,
    ),
    mutant(
        "an event is written after the transaction, not in it",
        "tests/races/test_recording.py",
        (
            "audit/log.py",
            "    return AuditEvent.objects.create(\n",
            "    return _afterwards(\n",
        ),
        (
            "audit/log.py",
            "def stored_hash(",
            AFTERWARDS + "def stored_hash(",
        ),
    ),
]

# -- tenants and origins --------------------------------------------------------------------------

BORDERS = [
    mutant(
        "tenant filter removed: actions",
        f"{PROVING}::test_another_tenants_action_is_neither_seen_nor_changed",
        (
            "actions/manual_states.py",
            "        tenant=tenant, user__user_id=user_id, action_code=action_code, idempotency_key=idempotency_key\n",
            "        user__user_id=user_id, action_code=action_code, idempotency_key=idempotency_key\n",
        ),
    ),
    mutant(
        "tenant filter removed: authenticators",
        "tests/authenticators/test_enrolment.py::test_another_tenants_authenticators_are_neither_seen_nor_removed",
        (
            "authenticators/api.py",
            '            tenant=self.tenant, user__user_id=checked_id(user_id, "userId")\n',
            '            user__user_id=checked_id(user_id, "userId")\n',
        ),
    ),
    mutant(
        "tenant filter removed: challenges",
        f"{PROVING}::test_another_tenants_challenge_is_none",
        (
            "authenticators/challenges.py",
            "rows = Challenge.objects.filter(pk=challenge_id, tenant=tenant, withdrawn_at=None)",
            "rows = Challenge.objects.filter(pk=challenge_id, withdrawn_at=None)",
        ),
    ),
    mutant(
        "tenant check removed: validate",
        f"{PROVING}::test_another_tenants_action_is_neither_seen_nor_changed",
        ("actions/validation.py", "    if said.tenant.pk != tenant.pk or said.expires_at", "    if said.expires_at"),
        (
            "actions/validation.py",
            "filter(pk=said.action_id, tenant=tenant).first()",
            "filter(pk=said.action_id).first()",
        ),
    ),
    mutant(
        "origin check removed: where a passkey was used",
        f"{PROVING}::test_an_assertion_made_elsewhere_is_refused",
        (
            "authenticators/webauthn.py",
            "=list(expected_origins),\n            credential_public_key=",
            '=read_client_data(response)["origin"],\n            credential_public_key=',
        ),
    ),
    mutant(
        "origin check removed: who framed the page where a passkey was used",
        f"{PROVING}::test_an_assertion_made_elsewhere_is_refused",
        (
            "authenticators/webauthn.py",
            "    check_frame(read_client_data(response), allow_cross_origin_from)\n    _check_credential(",
            "    _check_credential(",
        ),
    ),
    mutant(
        "origin check removed: where a user is sent back to",
        "tests/api/test_redirect_url.py",
        ("authsignal_portal/origins.py", "        if origin in allowed:\n", "        if origin:\n"),
    ),
    mutant(
        "origin check removed: who gets the token from a popup",
        "tests/browser/test_hosted_modes.py::test_a_foreign_opener_never_gets_the_token",
        ("static/challenge/opener.js", "target.postMessage(message, origin)", 'target.postMessage(message, "*")'),
    ),
]

# -- messages -------------------------------------------------------------------------------------

MESSAGES = [
    mutant(
        "enqueue without the row: the queue is told, nothing is stored",
        f"{SENDING}::test_a_dead_broker_costs_the_request_nothing_and_the_message_little",
        ("authenticators/outbox.py", "    message.save(force_insert=True)\n", ""),
    ),
    mutant(
        "enqueue before the row is committed",
        f"{SENDING}::test_rolling_back_owes_and_sends_nothing",
        (
            "authenticators/outbox.py",
            "about=told)\n    store(message)\n    transaction.on_commit(partial(ring, message.pk))\n",
            "about=told)\n    store(message)\n    ring(message.pk)\n",
        ),
    ),
]

# -- rules -----------------------------------------------------------------------------------------

RULES = [
    mutant(
        "a saved rule is published",
        f"{VERSIONS}::test_a_change_decides_nothing_until_it_is_published_and_then_with_the_next_action",
        (
            "rules/rule_page.py",
            "configuration.save_draft(author_id=self.here",
            "configuration.changed(author_id=self.here",
        ),
    ),
    mutant(
        "settings publish the draft",
        f"{VERSIONS}::test_settings_act_at_once_and_leave_a_draft_a_draft",
        ("rules/admin.py", "obj.refreshed(author_id", "obj.changed(author_id"),
    ),
    mutant(
        "whatever was saved last is published, seen or not",
        f"{VERSIONS}::test_only_the_draft_that_was_shown_is_published",
        ("rules/publishing.py", "    if str(locked.draft_version) != seen:\n", "    if not seen:\n"),
    ),
    mutant(
        "the draft that was seen is compared without a lock",
        f"{VERSIONS}::test_who_publishes_while_somebody_saves_does_not_publish_what_they_did_not_see",
        (
            "rules/publishing.py",
            "ActionConfiguration.objects.select_for_update().get(pk=configuration.pk)",
            "ActionConfiguration.objects.get(pk=configuration.pk)",
        ),
    ),
    mutant(
        "a draft is published whatever is wrong with its rules",
        f"{VERSIONS}::test_a_rule_that_cannot_fire_keeps_the_draft_from_being_published",
        ("rules/publishing.py", "    if faults(locked):\n", "    if False:\n"),
    ),
    mutant(
        "patterns are bounded one by one",
        "tests/rules/test_operators.py::test_patterns_that_are_too_large_together_are_refused",
        ("rules/condition_tree.py", "if not reader.problems and instructions(tree) > MAX_PROGRAMS:", "if False:"),
    ),
    mutant(
        "patterns are bounded rule by rule",
        f"{VERSIONS}::test_rules_whose_patterns_are_too_large_together_cannot_be_published",
        ("rules/publishing.py", "if instructions <= MAX_PROGRAMS < instructions + patterns:", "if False:"),
    ),
    mutant(
        "publishing asks for no code",
        f"{VERSIONS}::test_publishing_asks_for_a_fresh_code_and_saving_does_not",
        ("rules/versions_page.py", "        if not form.is_valid():\n", "        if False:\n"),
    ),
    mutant(
        "a data point goes that only the rules in force use",
        "tests/portal/test_portal_rules.py::test_a_data_point_that_rules_use_is_not_deleted",
        ("rules/data_point_page.py", "[*drafts(tenant), *in_force(tenant)]", "[*drafts(tenant)]"),
    ),
    mutant(
        "a shadow rule decides",
        f"{VERSIONS}::test_a_shadow_rule_is_recorded_and_decides_nothing",
        ("rules/engine.py", "(shadowed if spec.is_shadow else matched)", "matched"),
    ),
]

# -- value lists and velocity ---------------------------------------------------------------------

LISTS = "tests/races/test_value_lists.py"
VELOCITY = "tests/api/test_velocity.py"
UNHELD = (
    "rules/value_lists.py",
    "    Tenant.objects.select_for_update(no_key=True).get(pk=tenant_id)",
    "    Tenant.objects.get(pk=tenant_id)",
)

PAST = [
    mutant(
        "two changes to value lists have one version",
        f"{LISTS}::test_two_additions_at_once_are_both_known_to_the_next_track",
        UNHELD,
        (
            "rules/value_lists.py",
            'update(value_lists_version=F("value_lists_version") + 1)',
            "update(value_lists_version=tenant.value_lists_version + 1)",
        ),
    ),
    mutant(
        "changes to value lists do not wait for each other",
        f"{LISTS}::test_one_value_put_on_a_list_many_times_at_once_is_there_once",
        UNHELD,
    ),
    mutant(
        "value lists are kept whatever their version",
        f"{LISTS}::test_what_is_read_in_the_middle_of_a_change_is_read_again_after_it",
        ("rules/value_lists.py", "    if kept and kept[0] == version:", "    if kept:"),
    ),
    mutant(
        "the version of the value lists is written back with the tenant",
        "tests/rules/test_value_lists.py::test_a_tenant_that_is_saved_does_not_turn_the_version_back",
        ("authsignal_portal/models.py", 'names - {"value_lists_version"}', "names"),
    ),
    mutant(
        "a past that is too long is taken for whole",
        f"{VELOCITY}::test_of_too_many_actions_only_what_is_beyond_the_rules_number_is_told",
        ("rules/velocity.py", "is_whole = seen.rows < MAX_ROWS", "is_whole = True"),
    ),
    mutant(
        "what staff do to a tenant makes its actions wait",
        "tests/races/test_tenant_row.py",
        ("authsignal_portal/members.py", "select_for_update(no_key=True)", "select_for_update()"),
        ("actions/backtest.py", "select_for_update(no_key=True)", "select_for_update()"),
    ),
    mutant(
        "recent challenges are looked for among all actions",
        "tests/actions/test_velocity.py",
        (
            "actions/migrations/0005_bounded_past.py",
            "condition=models.Q(('outcome', 'CHALLENGE'))",
            "condition=models.Q(('outcome', 'x'))",
        ),
    ),
    mutant(
        "an hour whose counting failed is forgotten",
        "tests/actions/test_rule_metrics.py::test_an_hour_that_cannot_be_counted_stops_no_other_and_is_not_forgotten",
        ("actions/rule_metrics.py", "if one >= first_hour(now)} | {hour})", "if one >= first_hour(now)})"),
    ),
    mutant(
        "rules may ask for any number of velocities",
        "tests/portal/test_portal_versions.py::test_rules_that_together_ask_too_much_of_the_past_are_not_published",
        ("rules/publishing.py", "if len(own | beside) <= MAX_VELOCITIES or", "if True or"),
    ),
    mutant(
        "a busy device's actions are looked for among everybody's",
        "tests/actions/test_velocity.py",
        (
            "actions/velocity.py",
            "x.device_key = (SELECT %(device_key)s::bigint)",
            "x.device_key = %(device_key)s::bigint",
        ),
    ),
    mutant(
        "an exported value is a spreadsheet's formula",
        "tests/rules/test_value_list_csv.py::test_a_formula_is_a_text_in_the_file",
        ("rules/value_list_csv.py", 'return f"\'{text}" if _FORMULA.match(text) else text', "return text"),
    ),
]

MUTANTS = [*ONCE, *LIMITS, *TIME, *AUTHORITY, *BORDERS, *MESSAGES, *RULES, *PAST]
