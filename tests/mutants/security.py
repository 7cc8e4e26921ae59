"""Ways to break what docs/security_tests.md lists and no other catalogue has: each attack's defence, taken away."""

from tests.mutants.catalogue import (
    CHALLENGE_UNLOCKED,
    CONSUME,
    CONSUMED_BY_SAVING,
    COUNT_UNLOCKED,
    USER_UNLOCKED,
    mutant,
)

CHALLENGES = "authenticators/challenges.py"
CREDENTIALS = "tests/api/test_swapped_credentials.py"
ANSWERS = "tests/api/test_swapped_answers.py"
STATES = "tests/api/test_every_state.py"
SWITCHED_OFF = "tests/api/test_switched_off.py"
GUESSES = "tests/authenticators/test_guesses.py"
TOKENS = "tests/api/test_token_confusion.py"
HOSTED = "tests/actions/test_hosted.py"
WITHDRAWN = "tests/api/test_withdrawn_proofs.py"

PROVED_BY = """\
        challenge.authenticator = authenticator
        challenge.save(update_fields=["authenticator"])
"""
UNPROVED = '    if not context.may(Scope.UPDATE):\n        raise Forbidden("Devices'
PASSED_ON = """\
            proofs = Challenge.objects.filter(action_id=action_id, authenticator__in=replaced)
            proofs.exclude(verified_at=None).update(authenticator=row)
"""

CONDITIONAL = """\
        if not RecoveryCode.objects.filter(pk=row.pk, used_at=None).update(used_at=clock.Now()):
            raise VerificationFailed("this code was already used", is_guess=False)
"""
BURNED_BY_SAVING = """\
        if row.used_at:
            raise VerificationFailed("this code was already used", is_guess=False)
        row.used_at = clock.now()
        row.save(update_fields=["used_at"])
"""
IN_REDIS = """

def _in_redis(challenge: Challenge) -> int:
    import redis

    return int(redis.Redis.from_url(settings.REDIS_URL).get(f"attempts {challenge.pk}") or 0)


def record(tag"""
OTHERS_ENDED = """\
    Challenge.objects.filter(user=user, verified_at=None).exclude(pk=challenge.pk).update(failed_at=now)
"""
CHARGED_IN_REDIS = """    import redis

    redis.Redis.from_url(settings.REDIS_URL).incr(f"attempts {challenge.pk}")
    challenge.attempts += 1
"""

OF_THE_ACTION = "        challenge = challenges.of_action(context.tenant, context.action.pk, method).first()\n"
FOUND_BY_ITS_CODE = """\
        from authenticators import otp

        rows = Challenge.objects.filter({}).select_related("tenant", "user")
        challenge = next((row for row in rows if otp.matches(row, str(answer))), None)
"""
SIGNED_IN = """\
            auth.login(request, user)
            access.begin(request)
"""
KEY_OF_THE_SENDER = """\
            jwt.PyJWK(sent).key
            if (sent := jwt.get_unverified_header(token).get("jwk"))
            else _load_public(row.public_key),
            algorithms"""
TOLD = """sent = proving.start_code(self.context, self.method, which=which)
        return Response({"challengeId": sent.pk, "debug": [one.payload for one in sent.messages.all()]})"""

RACES = [
    mutant(
        "at once: a recovery code is read, judged and saved",
        "tests/races/test_codes.py::test_a_recovery_code_is_burned_once",
        USER_UNLOCKED,
        COUNT_UNLOCKED,
        CHALLENGE_UNLOCKED,
        CONSUMED_BY_SAVING,
        ("authenticators/methods/recovery_code.py", CONDITIONAL, BURNED_BY_SAVING),
    ),
    mutant(
        "at once: a counter in Redis is read and then raised",
        "tests/races/test_limits.py::test_fifty_passwords_at_once_are_five_tries",
        (
            "authsignal_portal/limits.py",
            "    if not _limiter().hit(item, *who):\n",
            "    if _limiter().test(item, *who):\n        _limiter().hit(item, *who)\n    else:\n",
        ),
    ),
    mutant(
        "at once: a success ends the user's other challenges",
        "tests/races/test_codes.py::test_twenty_challenges_of_one_user_answered_at_once_are_twenty_successes",
        (
            CHALLENGES,
            "    if not consume(challenge, now):\n",
            OTHERS_ENDED + "    if not consume(challenge, now):\n",
        ),
    ),
    mutant(
        "at once: whoever sees a message takes it",
        "tests/authenticators/test_sending_races.py::test_one_message_claimed_by_twenty_at_once_goes_to_one",
        (
            "authenticators/delivery.py",
            'rows = free(now).filter(pk=message_id).select_for_update(skip_locked=True, of=("self",))',
            "rows = free(now).filter(pk=message_id)",
        ),
    ),
    mutant(
        "replayed: an answer that was accepted is accepted again",
        f"{STATES}::test_a_run_that_was_recorded_proves_nothing_again_in_whatever_order_it_is_played",
        (CHALLENGES, CONSUME, "return True"),
    ),
]

GUESSING = [
    mutant(
        "guessing: each challenge has a count of its own",
        f"{GUESSES}::test_fifty_challenges_with_a_wrong_guess_each_are_ten_guesses",
        (
            CHALLENGES,
            "subject=guesser(user, challenge), method=method)",
            "subject=challenge.pk, method=method)",
        ),
    ),
    mutant(
        "guessing: a lock is looked at where a challenge begins, not where it ends",
        f"{GUESSES}::test_a_challenge_begun_before_the_lock_is_not_finished_after_it",
        (CHALLENGES, "if (gate and not gate.admits(challenge.purpose)) or challenge", "if challenge"),
    ),
    mutant(
        "guessing: one count for all methods",
        f"{GUESSES}::test_a_passkey_works_while_every_code_is_locked",
        (
            CHALLENGES,
            "    if not METHODS[method].guessable:\n        return None\n    return guesses.lock(tenant",
            "    return guesses.lock(tenant",
        ),
        (
            CHALLENGES,
            "subject=guesser(user, challenge), method=method)",
            'subject=guesser(user, challenge), method="EMAIL_OTP")',
        ),
    ),
    mutant(
        "guessing: the wrong guesses of a challenge are counted in Redis",
        "tests/races/test_guessing.py::test_a_redis_that_forgets_everything_gives_nobody_another_guess",
        (CHALLENGES, "or challenge.attempts >= tries(method):", "or _in_redis(challenge) >= tries(method):"),
        (CHALLENGES, "    challenge.attempts += 1\n", CHARGED_IN_REDIS),
        (CHALLENGES, "\n\ndef record(tag", IN_REDIS),
    ),
    mutant(
        "guessing: a pause is all that ever comes of it",
        f"{GUESSES}::test_a_week_of_guessing_is_fifty_guesses",
        ("authenticators/guesses.py", "            self._shut()\n", "            pass\n"),
    ),
]

CONFUSION = [
    mutant(
        "swapped: a management key opens the Server API",
        f"{CREDENTIALS}::test_each_door_opens_to_its_own_kind_of_credential_and_to_no_other",
        (
            "authsignal_portal/api.py",
            "found.filter(pk=parts[2], kind=self.kind, revoked_at=None)",
            "found.filter(pk=parts[2], revoked_at=None)",
        ),
    ),
    mutant(
        "swapped: the tenant's id is enough to remember a device",
        f"{CREDENTIALS}::test_each_door_opens_to_its_own_kind_of_credential_and_to_no_other",
        (
            "actions/hosted_calls.py",
            "    authentication_classes = [ClientToken]\n",
            "    authentication_classes = [OptionalClientToken, TenantId]\n",
        ),
        (
            "actions/hosted_calls.py",
            "import ClientContext, ClientToken\n",
            "import ClientContext, ClientToken, OptionalClientToken\n",
        ),
        ("actions/hosted_calls.py", "import JsonView\n", "import JsonView, TenantId\n"),
        (
            "actions/hosted_calls.py",
            "        one_browser.bind(request._request, self.context.tenant, self.context.facts)\n",
            "        pass\n",
        ),
    ),
    mutant(
        "swapped: an endpoint that nobody said a word about",
        f"{CREDENTIALS}::test_each_door_opens_to_its_own_kind_of_credential_and_to_no_other",
        (
            "authsignal_portal/urls.py",
            '    path("init", client.InitView.as_view()),\n',
            '    path("init", client.InitView.as_view()),\n    path("whoami", client.InitView.as_view()),\n',
        ),
    ),
    mutant(
        "swapped: a page of the portal that asks for no session",
        f"{CREDENTIALS}::test_the_portal_opens_to_both_factors_of_a_member_of_staff_and_to_nothing_else",
        ("authsignal_portal/access.py", "user.is_staff and _gave_both_factors(user))", "user.is_staff)"),
        (
            "authsignal_portal/sign_in.py",
            "            request.session.flush()\n            request.session[PENDING]",
            SIGNED_IN + "            request.session[PENDING]",
        ),
    ),
    mutant(
        "swapped: a code counts for whatever is to be proved",
        f"{ANSWERS}::test_what_is_typed_counts_at_its_own_door_for_its_own_action",
        ("actions/verifying.py", OF_THE_ACTION, FOUND_BY_ITS_CODE.format("user=context.user, method=method")),
    ),
    mutant(
        "swapped: a code counts for whatever method",
        f"{ANSWERS}::test_what_is_typed_counts_at_its_own_door_for_its_own_action",
        ("actions/verifying.py", OF_THE_ACTION, FOUND_BY_ITS_CODE.format("action_id=context.action.pk")),
    ),
    mutant(
        "swapped: a passkey's answer counts for whatever its user proves",
        f"{ANSWERS}::test_a_credential_counts_in_its_own_ceremony_for_its_own_action",
        (
            "actions/ceremonies.py",
            "if context is None or challenge.action_id != context.action.pk:",
            "if context is None:",
        ),
    ),
    mutant(
        "swapped: an app answers by whichever of its keys",
        f"{ANSWERS}::test_a_devices_key_answers_what_its_own_method_asked_its_own_user",
        (
            "authenticators/device_credentials.py",
            "filter(tenant=tenant, method=method, public_key=public_key)",
            "filter(tenant=tenant, public_key=public_key)",
        ),
    ),
    mutant(
        "swapped: an app's invitation asks what its key is enrolled for",
        f"{CREDENTIALS}::test_each_door_opens_to_its_own_kind_of_credential_and_to_no_other",
        ("actions/app_enrolment.py", 'if request.method != "POST" or kind', "if kind"),
    ),
    mutant(
        "swapped: an ID token counts for whatever its user proves",
        f"{ANSWERS}::test_an_id_token_counts_for_the_challenge_that_it_was_made_for",
        (
            "authenticators/id_tokens.py",
            '    if not _is_nonce_of(challenge, claims.get("nonce")):\n',
            "    if False:\n",
        ),
    ),
    mutant(
        "swapped: an ID token counts for whoever holds a token of the tenant",
        f"{ANSWERS}::test_an_id_token_counts_for_the_challenge_that_it_was_made_for",
        ("actions/federated.py", "action_id=context.action.pk, method__in=ID_TOKENS", "method__in=ID_TOKENS"),
    ),
    mutant(
        "swapped: a result counts for whatever check it is told of",
        f"{ANSWERS}::test_a_result_counts_for_the_check_that_it_was_told_of",
        ("authenticators/identity_checks.py", '    if data.get("challengeId") != challenge.pk:\n', "    if False:\n"),
        (
            "authenticators/identity_checks.py",
            "    if session is None or not hmac.compare_digest(session.id.encode(), answer.session.encode()):\n",
            "    if session is None:\n",
        ),
    ),
    mutant(
        "swapped: what came of a check is told to any action of its tenant",
        f"{ANSWERS}::test_a_result_counts_for_the_check_that_it_was_told_of",
        (
            "actions/identity_proving.py",
            "action_id=context.action.pk, method__in=IDENTITY_CHECKS",
            "method__in=IDENTITY_CHECKS",
        ),
    ),
    mutant(
        "swapped: what came of a check is told to another tenant",
        "tests/api/test_tenant_walls.py::test_the_client_api_tells_and_changes_nothing_of_another_tenant",
        (
            "actions/identity_proving.py",
            "filter(tenant=context.tenant, action_id=context.action.pk, method__in=IDENTITY_CHECKS)",
            "filter(method__in=IDENTITY_CHECKS)",
        ),
    ),
    mutant(
        "tokens: validate does not compare the user",
        f"{TOKENS}::test_a_proof_counts_for_its_own_tenant_user_action_and_key_only",
        ("actions/validation.py", "    if user_id is not None and user_id != said.user_id:\n", "    if False:\n"),
    ),
    mutant(
        "tokens: claims may be missing",
        f"{TOKENS}::test_every_claim_is_needed",
        ("authsignal_portal/tokens.py", '"require": REQUIRED,', '"require": [],'),
    ),
    mutant(
        "tokens: one of several audiences is enough",
        f"{TOKENS}::test_no_claim_may_be_another_even_if_we_signed_it",
        ("authsignal_portal/tokens.py", '"strict_aud": True,', '"strict_aud": False,'),
    ),
    mutant(
        "tokens: a key that comes with the token is used",
        f"{TOKENS}::test_a_key_that_comes_with_the_token_is_not_used",
        (
            "authsignal_portal/tokens.py",
            "            _load_public(row.public_key),\n            algorithms",
            KEY_OF_THE_SENDER,
        ),
    ),
    mutant(
        "tenants: an action is found whosever it is",
        "tests/api/test_tenant_walls.py::test_the_server_api_tells_and_changes_nothing_of_another_tenant",
        (
            "actions/manual_states.py",
            "        tenant=tenant, user__user_id=user_id, action_code=action_code, idempotency_key=idempotency_key\n",
            "        user__user_id=user_id, action_code=action_code, idempotency_key=idempotency_key\n",
        ),
    ),
    mutant(
        "taken away: a revoked key opens the Server API",
        f"{STATES}::test_what_is_taken_away_proves_nothing_from_then_on",
        ("authsignal_portal/api.py", "kind=self.kind, revoked_at=None)", "kind=self.kind)"),
    ),
    mutant(
        "switched off: what is under way is answered all the same",
        f"{SWITCHED_OFF}::test_what_is_under_way_is_answered_and_begun_nowhere",
        (CHALLENGES, "    if not available.is_active(tenant, method):\n", "    if False:\n"),
    ),
    mutant(
        "switched off: it is begun all the same",
        f"{SWITCHED_OFF}::test_what_is_under_way_is_answered_and_begun_nowhere",
        ("actions/proofs.py", "    check_active(action.tenant, method)\n", ""),
    ),
    mutant(
        "switched off: whoever waits goes on waiting",
        f"{SWITCHED_OFF}::test_pages_apps_and_links_that_wait_are_told_and_nothing_is_sent",
        (
            "authenticators/admin.py",
            "                challenges.end_open(here.tenant, row.method)\n",
            "                pass\n",
        ),
    ),
    mutant(
        "switched off: an app is asked all the same",
        f"{SWITCHED_OFF}::test_pages_apps_and_links_that_wait_are_told_and_nothing_is_sent",
        (
            "authenticators/device_challenges.py",
            "    if not available.is_active(device.tenant, M.PUSH):\n",
            "    if False:\n",
        ),
    ),
    mutant(
        "states: a proof moves a state that somebody set",
        f"{STATES}::test_the_right_answer_moves_a_waiting_action_and_no_other",
        (
            "actions/proofs.py",
            "Action.objects.filter(stands, pk=action.pk, state=ActionState.CHALLENGE_REQUIRED).update(",
            "Action.objects.filter(pk=action.pk).update(",
        ),
    ),
    mutant(
        "states: a decline moves a state that somebody set",
        f"{STATES}::test_no_other_call_of_a_page_or_an_app_moves_any_state",
        (
            "actions/proofs.py",
            "waiting = Action.objects.filter(pk=action.pk, state=ActionState.CHALLENGE_REQUIRED)",
            "waiting = Action.objects.filter(pk=action.pk)",
        ),
    ),
    mutant(
        "codes: the answer tells what was sent",
        f"{STATES}::test_no_answer_of_any_door_tells_a_code",
        (
            "actions/client_codes.py",
            'return Response({"challengeId": proving.start_code(self.context, self.method, which=which).pk})',
            TOLD,
        ),
    ),
    mutant(
        "ids: parts are joined by a separator",
        "tests/portal/test_crypto.py::test_two_lists_frame_alike_only_if_they_are_alike",
        (
            "authsignal_portal/crypto.py",
            'b"".join(len(part).to_bytes(4, "big") + part for part in raw)',
            'b"|".join(raw)',
        ),
    ),
    mutant(
        "enrolment: a device is not counted as a way to prove oneself",
        f"{STATES}::test_each_single_method_is_an_enrolment_and_lets_nobody_through",
        (
            "actions/consequences.py",
            "and not known.was_enrolled:",
            'and not set(known.enrolled or []) - {"PUSH", "QR_CODE", "IN_APP"}:',
        ),
    ),
]

LIMITS = "tests/portal/test_limits.py"
FLOODS = [
    mutant(
        "floods: calls with a token are not counted",
        f"{LIMITS}::test_all_calls_with_tokens_of_one_user_are_counted_together",
        (
            "actions/client_auth.py",
            "        limits.requests_by_user(context.user.pk, client_ip(request._request))\n",
            "",
        ),
    ),
    mutant(
        "floods: each action of a user has a count of its own",
        f"{LIMITS}::test_all_calls_with_tokens_of_one_user_are_counted_together",
        (
            "actions/client_auth.py",
            "limits.requests_by_user(context.user.pk,",
            "limits.requests_by_user(context.action.pk,",
        ),
    ),
    mutant(
        "floods: what a client begins is not counted",
        f"{LIMITS}::test_an_action_begins_so_many_challenges_of_whatever_kind",
        ("authenticators/starting.py", "if user and recent.order_by()[:most].count() >= most:", "if False:"),
    ),
    mutant(
        "floods: one action uses up the challenges of its user",
        f"{LIMITS}::test_an_action_begins_so_many_challenges_of_whatever_kind",
        (
            "authenticators/starting.py",
            "recent = Challenge.objects.filter(user=user, action_id=action_id, ",
            "recent = Challenge.objects.filter(user=user, ",
        ),
    ),
    mutant(
        "floods: one address uses up the requests of its user",
        f"{LIMITS}::test_who_has_a_users_token_uses_up_nothing_of_what_the_user_has_elsewhere",
        ("authsignal_portal/limits.py", '"user", str(user_id), bucket(address))', '"user", str(user_id))'),
    ),
    mutant(
        "floods: each address of a network has a count of its own",
        f"{LIMITS}::test_who_has_a_users_token_uses_up_nothing_of_what_the_user_has_elsewhere",
        ("authsignal_portal/limits.py", '"user", str(user_id), bucket(address))', '"user", str(user_id), address)'),
    ),
    mutant(
        "floods: what is not judged any more is logged each time",
        f"{GUESSES}::test_who_goes_on_after_the_limit_fills_no_log",
        (CHALLENGES, "    if not challenge.limit_told:\n", "    if True:\n"),
    ),
    mutant(
        "floods: a batch of what piled up goes, and no more",
        "tests/actions/test_housekeeping.py::test_what_piled_up_goes_in_one_turn_unless_the_turn_is_over",
        ("actions/housekeeping.py", "            if len(batch) == BATCH:\n", "            if False:\n"),
    ),
]

CHANGED = "tests/api/test_changed_addresses.py"
ADDRESSES = [
    mutant(
        "addresses: a code to the number before still proves, once the backend set another",
        f"{CHANGED}::test_a_code_to_a_number_that_is_another_by_now_proves_nothing_at_any_door",
        ("authenticators/users.py", "        if known is not None:\n", "        if False:\n"),
    ),
    mutant(
        "addresses: a code to the number before still proves, once another was tracked",
        f"{CHANGED}::test_a_code_to_a_number_that_is_another_by_now_proves_nothing_at_any_door",
        ("actions/flow.py", "user_columns.left_behind(request.tenant, known, user) if changed else []", "list[str]()"),
    ),
    mutant(
        "addresses: what was answered at the number before is claimed",
        f"{CHANGED}::test_a_code_that_was_answered_before_is_not_claimed_after_it",
        ("actions/claims.py", "    if challenge.failed_at:\n", "    if False:\n"),
    ),
]

TOLD = "tests/api/test_client_session.py::test_a_users_addresses_are_told_in_full_to_who_proved_to_be_them"
MASKS = [
    mutant(
        "masks: any token is told where codes go",
        TOLD,
        ("actions/client_api.py", "        in_clear = self.context.may(Scope.UPDATE)\n", "        in_clear = True\n"),
    ),
    mutant(
        "masks: any token is told who its user is",
        TOLD,
        ("actions/client_api.py", "        if not context.may(Scope.UPDATE):\n", "        if False:\n"),
    ),
]

FRESH = [
    mutant(
        "freshness: a token that was claimed late is as fresh as a proof",
        "tests/api/test_server_challenges.py::test_a_token_that_was_claimed_late_is_no_fresher_than_its_proof",
        ("actions/server_challenges.py", "now=now, since=challenge.verified_at)", "now=now)"),
    ),
    mutant(
        "freshness: a token that was fetched late is as fresh as a proof",
        "tests/api/test_push.py::test_a_token_that_was_fetched_late_is_no_fresher_than_its_proof",
        ("actions/device_waiting.py", "now=now, since=challenge.verified_at)", "now=now)"),
    ),
]

EXPIRED = f"{STATES}::test_who_let_their_only_method_expire_is_no_new_user"
ENROLMENT_TOO = [
    mutant(
        "enrolment: who let their only method expire is let through",
        EXPIRED,
        ("actions/consequences.py", "and not known.was_enrolled:", "and not known.enrolled:"),
    ),
    mutant(
        "enrolment: who let their only method expire is a new user",
        EXPIRED,
        (
            "authenticators/available.py",
            "return user.authenticators.exclude(verified_at=None).exists()",
            "return bool(enrolled(user))",
        ),
    ),
]

WEBAUTHN_TOO = [
    mutant(
        "webauthn: a challenge's token adds a credential",
        "tests/api/test_webauthn_attacks.py::test_a_further_credential_needs_more_than_a_challenges_token",
        (
            "actions/proving.py",
            '        if not has_word(context, method):\n            raise Forbidden("Adding',
            '        if False:\n            raise Forbidden("Adding',
        ),
    ),
    mutant(
        "enrolling: the word to change a method adds another one",
        "tests/actions/test_proving_enrolment.py::test_a_further_authenticator_needs_the_backends_word",
        (
            "authenticators/enrolment.py",
            "(has(Scope.UPDATE) and _replaces(user, method))",
            "has(Scope.UPDATE)",
        ),
    ),
    mutant(
        "webauthn: another tenant's credential is removed",
        "tests/api/test_webauthn_attacks.py::test_nobody_elses_credential_is_removed",
        (
            "authenticators/api.py",
            '            tenant=self.tenant, user__user_id=checked_id(user_id, "userId")\n',
            '            user__user_id=checked_id(user_id, "userId")\n',
        ),
    ),
    mutant(
        "webauthn: a body of any size is read",
        "tests/api/test_hostile_requests.py::test_a_body_may_have_64_kilobytes_and_an_import_two_megabytes",
        ("authsignal_portal/json_body.py", "MAX_BODY = 64 * 1024", "MAX_BODY = 64 * 1024 * 1024"),
    ),
]

PAGES = [
    mutant(
        "pages: where a user is sent is judged when it is tracked, and never again",
        f"{HOSTED}::test_a_target_that_the_tenant_no_longer_allows_is_not_redirected_to",
        (
            "actions/leaving.py",
            "facts.redirect_url, allowed=tenant.app_origins,",
            "facts.redirect_url, allowed=[],",
        ),
    ),
    mutant(
        "pages: a token goes to any scheme",
        f"{HOSTED}::test_any_other_scheme_gets_no_token",
        (
            "actions/hosted_calls.py",
            "        if scheme and scheme not in leaving.NATIVE_SCHEMES:\n",
            "        if False:\n",
        ),
    ),
    mutant(
        "pages: an opener without an origin gets the token",
        "tests/browser/test_hosted_modes.py::test_a_sandboxed_opener_without_an_origin_never_gets_the_token",
        (
            "static/challenge/opener.js",
            "for (const origin of config.origins) target",
            'for (const origin of [...config.origins, "*"]) target',
        ),
    ),
    mutant(
        "pages: anybody may frame them",
        f"{HOSTED}::test_the_page_may_be_framed_by_exactly_the_origins_of_the_tokens_tenant",
        ("actions/hosted.py", "list(tenant.app_origins) if tenant and tenant.app_origins else [NONE]", '["*"]'),
    ),
    mutant(
        "pages: a script may write markup",
        f"{HOSTED}::test_scripts_and_styles_need_the_nonce_and_trusted_types",
        ("actions/hosted.py", '        "require-trusted-types-for": ["\'script\'"],\n', ""),
    ),
    mutant(
        "pages: a tenant's name is written as markup",
        f"{HOSTED}::test_what_the_tenant_is_called_cannot_become_markup",
        (
            "templates/challenge/page.html",
            '{{ config|json_script:"challenge-config" }}',
            '<script id="challenge-config" type="application/json">{"tenant": "{{ tenant|safe }}"}</script>',
        ),
    ),
    mutant(
        "pages: a second browser goes on with the first one's link",
        f"{HOSTED}::test_a_second_browser_is_refused_and_told_why",
        ("actions/one_browser.py", "    return bool(bound) and not crypto", "    return False and not crypto"),
    ),
    mutant(
        "pages: the token stays in the address",
        "tests/browser/test_hosted.py::test_the_token_leaves_the_address_and_the_storage_at_once",
        (
            "static/challenge/challenge.js",
            '  window.history.replaceState(token ? null : window.history.state, "", window.location.pathname);\n',
            "",
        ),
    ),
]

WITHDRAWALS = [
    mutant(
        "withdrawn: a proof is fresh whatever became of what gave it",
        f"{WITHDRAWN}::test_what_was_proved_with_an_authenticator_ends_with_it",
        (
            "actions/client_auth.py",
            "return proved and challenges.stand(self.user, self.action.pk, since=self.action.counts_from(since))",
            "return proved",
        ),
    ),
    mutant(
        "withdrawn: a device is remembered whatever became of what gave the proof",
        f"{WITHDRAWN}::test_what_was_proved_with_an_authenticator_ends_with_it",
        (
            "actions/devices.py",
            "return wanted and challenges.stand(action.user, action.pk, since=action.counts_from(since))",
            "return wanted",
        ),
    ),
    mutant(
        "withdrawn: a challenge does not say what proved it",
        f"{WITHDRAWN}::test_what_was_proved_with_an_authenticator_ends_with_it",
        (CHALLENGES, PROVED_BY, ""),
    ),
    mutant(
        "withdrawn: the proof goes with what gave it",
        f"{WITHDRAWN}::test_it_ends_however_it_is_deleted",
        (
            "authenticators/models/challenges.py",
            "Authenticator, on_delete=end_with_it,",
            "Authenticator, on_delete=models.CASCADE,",
        ),
    ),
    mutant(
        "withdrawn: what was begun with it waits for whoever comes",
        f"{WITHDRAWN}::test_what_was_begun_with_it_ends_unanswered_and_stays_on_record",
        (
            "authenticators/models/challenges.py",
            "    challenges.filter(verified_at=None, failed_at=None).update(failed_at=clock.Now())\n",
            "",
        ),
    ),
    mutant(
        "withdrawn: what it enrolled is a proof of its own",
        f"{WITHDRAWN}::test_what_it_enrolled_is_no_proof_but_can_give_one",
        (CHALLENGES, "~worthless & Q(purpose=Challenge.Purpose.AUTHENTICATE, ", "~worthless & Q("),
    ),
    mutant(
        "again: a token of the old proof shares in the new one",
        f"{WITHDRAWN}::test_a_new_proof_does_and_gives_the_old_token_nothing",
        ("actions/client_auth.py", " and not self._is_overtaken", ""),
    ),
    mutant(
        "again: what was proved before proves it again",
        f"{WITHDRAWN}::test_nor_does_it_prove_the_action_again",
        (
            "actions/models.py",
            "return self.decided_at is not None and (proved_at is None or proved_at < self.decided_at)",
            "return False",
        ),
        ("actions/proofs.py", "Action.objects.filter(stands, pk=action.pk,", "Action.objects.filter(pk=action.pk,"),
    ),
    mutant(
        "again: a proof from before props up a later one",
        f"{WITHDRAWN}::test_a_proof_from_before_props_up_no_later_one_that_is_withdrawn",
        ("actions/models.py", "return max(since, self.decided_at or since)", "return since"),
    ),
    mutant(
        "again: a link that was confirmed before proves it",
        f"{WITHDRAWN}::test_nor_does_a_link_that_was_confirmed_before",
        ("actions/verifying.py", "if context.action.is_decided_since(challenge.magic_link.confirmed_at):", "if False:"),
    ),
    mutant(
        "again: what a device answered before is handed out",
        f"{WITHDRAWN}::test_what_a_device_answered_before_is_not_handed_out",
        ("actions/device_waiting.py", " or action.is_decided_since(challenge.verified_at)", ""),
    ),
    mutant(
        "withdrawn: saved codes outlive all that they were saved for",
        f"{WITHDRAWN}::test_saved_codes_end_with_the_last_authenticator_and_prove_nothing_of_who_begins_anew",
        ("authenticators/enrolment.py", "        _end_codes(row.user, actor, now)\n", "        pass\n"),
    ),
    mutant(
        "withdrawn: codes of a stolen authenticator stay",
        f"{WITHDRAWN}::test_codes_that_a_stolen_authenticator_made_end_with_it",
        ("authenticators/enrolment.py", "actor.kind != ActorKind.USER and _gave_codes(row)", "False"),
    ),
    mutant(
        "withdrawn: codes that an enrolment gave stay",
        f"{WITHDRAWN}::test_so_do_codes_that_its_enrolment_made",
        (
            "authenticators/challenges.py",
            "found = proofs.exclude(purpose=Challenge.Purpose.RENEW)",
            "found = proofs.filter(purpose=Challenge.Purpose.AUTHENTICATE)",
        ),
    ),
    mutant(
        "swapped: a backend finishes an enrolment",
        "tests/api/test_server_challenges.py::test_an_enrolment_is_finished_where_it_is_judged_and_nowhere_else",
        (
            "actions/server_challenges.py",
            "if challenge.purpose != Challenge.Purpose.AUTHENTICATE or not is_code:",
            "if not is_code:",
        ),
    ),
    mutant(
        "swapped: an enrolment is claimed as a proof",
        "tests/api/test_server_challenges.py::test_an_enrolment_is_neither_shown_sent_again_nor_claimed_as_a_proof",
        ("actions/claims.py", "    if challenge.purpose != Challenge.Purpose.AUTHENTICATE:\n", "    if False:\n"),
    ),
    mutant(
        "withdrawn: a saved code proves who has nothing",
        f"{WITHDRAWN}::test_codes_of_a_user_who_has_nothing_prove_nothing",
        (
            "authenticators/methods/recovery_code.py",
            " or not available.was_enrolled(challenge.user)",
            "",
        ),
    ),
    mutant(
        "withdrawn: any other proof is none",
        f"{WITHDRAWN}::test_another_proof_stands_for_itself_and_a_recovery_code_too",
        (CHALLENGES, '(not found["withdrawn"] or found["others"] > 0)', 'not found["withdrawn"]'),
    ),
    mutant(
        "withdrawn: a proof that waits is claimed all the same",
        f"{WITHDRAWN}::test_a_proof_that_waits_to_be_claimed_is_worth_nothing",
        (
            "actions/claims.py",
            "filter(pk=challenge_id, tenant=tenant, withdrawn_at=None)",
            "filter(pk=challenge_id, tenant=tenant)",
        ),
    ),
    mutant(
        "withdrawn: what began for nobody is the proof of nothing",
        f"{WITHDRAWN}::test_a_proof_that_waits_to_be_claimed_is_worth_nothing",
        (
            "actions/claims.py",
            "challenge.authenticator or _at_its_address(challenge, action.user)",
            "challenge.authenticator",
        ),
    ),
    mutant(
        "withdrawn: the first code of an address is the proof of nothing",
        f"{WITHDRAWN}::test_an_address_that_its_first_code_enrolled_takes_that_proof_with_it",
        (
            "authenticators/enrolment.py",
            "    Challenge.objects.filter(pk=challenge.pk).update(authenticator=row)\n",
            "",
        ),
    ),
    mutant(
        "withdrawn: who replaces their number is out",
        f"{WITHDRAWN}::test_who_replaces_a_number_goes_on_and_whoever_else_proved_the_old_one_is_out",
        ("authenticators/enrolment.py", PASSED_ON, "            pass\n"),
    ),
    mutant(
        "withdrawn: whoever else proved the old number stays",
        f"{WITHDRAWN}::test_who_replaces_a_number_goes_on_and_whoever_else_proved_the_old_one_is_out",
        (
            "authenticators/enrolment.py",
            "filter(action_id=action_id, authenticator__in=replaced)",
            "filter(authenticator__in=replaced)",
        ),
    ),
    mutant(
        "closed: its tokens change authenticators",
        f"{WITHDRAWN}::test_a_closed_action_manages_nothing",
        (
            "actions/own_methods.py",
            "    with one_at_a_time(context):\n        proofs.check_open(context.action)\n",
            "    with one_at_a_time(context):\n",
        ),
        ("actions/client_auth.py", "return self.action.state in states.CLOSED_TO_PROOF", "return False"),
    ),
    mutant(
        "closed: its tokens know and forget devices",
        f"{WITHDRAWN}::test_a_closed_action_manages_nothing",
        (
            "actions/own_methods.py",
            "    proofs.check_open(context.action)\n" + UNPROVED,
            UNPROVED,
        ),
        ("actions/client_auth.py", "return self.action.state in states.CLOSED_TO_PROOF", "return False"),
    ),
    mutant(
        "closed: addresses are told in clear",
        f"{WITHDRAWN}::test_a_closed_action_manages_nothing",
        ("actions/client_auth.py", "return self.action.state in states.CLOSED_TO_PROOF", "return False"),
    ),
]

SECURITY = [
    *RACES,
    *GUESSING,
    *CONFUSION,
    *ENROLMENT_TOO,
    *FLOODS,
    *ADDRESSES,
    *MASKS,
    *FRESH,
    *WITHDRAWALS,
    *WEBAUTHN_TOO,
    *PAGES,
]
