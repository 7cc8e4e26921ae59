"""Ways to break ID tokens and identity checks: forged, for something else, told twice, by the wrong browser."""

from tests.mutants.catalogue import mutant

TOKENS = "tests/api/test_id_tokens.py"
SIGN_IN = "tests/api/test_hosted_sign_in.py"
CHECKS = "tests/api/test_identity_checks.py"
ISSUERS = "tests/authenticators/test_issuers.py"
RACES = "tests/races/test_identity.py"
RECEIPTS = "tests/api/test_receipts.py"
PORTAL = "tests/portal/test_portal_identity_providers.py"
ID_TOKENS = "authenticators/id_tokens.py"
FEDERATED = "actions/federated.py"
SOMETHING_ELSE = f"{TOKENS}::test_a_signed_token_for_something_else_proves_nothing"
FORGED = f"{TOKENS}::test_what_the_issuer_did_not_sign_proves_nothing"

SIGNED = [
    mutant(
        "identity: the token says by which algorithm it is judged",
        FORGED,
        (
            ID_TOKENS,
            "jwt.decode(answer.token, key.public, algorithms=[key.algorithm], options=OPTIONS)",
            'jwt.decode(answer.token, key.public, algorithms=["RS256", "RS512", "ES256"], options=OPTIONS)',
        ),
    ),
    mutant(
        "identity: the signature is not looked at",
        FORGED,
        (ID_TOKENS, '    "verify_exp": False,\n', '    "verify_exp": False,\n    "verify_signature": False,\n'),
    ),
    mutant(
        "identity: any issuer will do",
        SOMETHING_ELSE,
        (ID_TOKENS, '    if claims["iss"] not in names:\n', "    if False:\n"),
    ),
    mutant(
        "identity: an issuer that is no text is looked up",
        f"{TOKENS}::test_an_issuer_that_is_no_text_proves_nothing",
        (ID_TOKENS, '    if claims["iss"] not in names:\n', '    if claims["iss"] not in set(names):\n'),
    ),
    mutant(
        "identity: one of several audiences is enough",
        SOMETHING_ELSE,
        (
            ID_TOKENS,
            "not all(isinstance(one, str) and one in clients for one in audience)",
            "not any(isinstance(one, str) and one in clients for one in audience)",
        ),
    ),
    mutant(
        "identity: who asked for the token does not matter",
        SOMETHING_ELSE,
        (ID_TOKENS, "    if not isinstance(party, str) or party not in clients:\n", "    if False:\n"),
    ),
    mutant(
        "identity: a token never expires",
        SOMETHING_ELSE,
        (ID_TOKENS, "    if expires + LEEWAY_SECONDS <= moment:\n", "    if False:\n"),
    ),
    mutant(
        "identity: a token of tomorrow counts",
        SOMETHING_ELSE,
        (ID_TOKENS, "    if max(issued, begins) > moment + LEEWAY_SECONDS:\n", "    if False:\n"),
    ),
    mutant(
        "identity: a token from before the challenge counts",
        SOMETHING_ELSE,
        (ID_TOKENS, '    if claims["iat"] < challenge.created_at.timestamp() - LEEWAY_SECONDS:\n', "    if False:\n"),
    ),
    mutant(
        "identity: a session that stands at the provider counts",
        SOMETHING_ELSE,
        (
            ID_TOKENS,
            '    if asks_anew(provider) and not _signed_in_for(challenge, claims.get("auth_time")):\n',
            "    if False:\n",
        ),
    ),
    mutant(
        "identity: nobody is asked to sign in anew",
        f"{SIGN_IN}::test_an_issuer_is_asked_for_what_it_knows",
        (FEDERATED, "        **_prompt(provider, issuer),\n", ""),
    ),
    mutant(
        "identity: the nonce is not compared",
        f"{TOKENS}::test_a_nonce_counts_once",
        (ID_TOKENS, '    if not _is_nonce_of(challenge, claims.get("nonce")):\n', "    if False:\n"),
    ),
    mutant(
        "identity: any account of the issuer proves the user",
        SOMETHING_ELSE,
        ("authenticators/subjects.py", "        subject_index__in=indexes(challenge.tenant, subject),\n", ""),
    ),
    mutant(
        "identity: an account can be enrolled by two users",
        f"{TOKENS}::test_an_account_belongs_to_one_user",
        (
            "authenticators/subjects.py",
            "    if owners(challenge.tenant, challenge.method, subject):\n",
            "    if False:\n",
        ),
        (
            "authenticators/subjects.py",
            '    row.subject_index = crypto.keyed_hash("subject", challenge.tenant_id.bytes, subject)\n',
            '    row.subject_index = crypto.keyed_hash("subject", str(row.pk), subject)\n',
        ),
    ),
    mutant(
        "identity: a challenge of another action is judged",
        f"{TOKENS}::test_another_tenants_challenge_is_unknown",
        (
            FEDERATED,
            "Challenge.objects.filter(tenant=context.tenant, action_id=context.action.pk, method__in=ID_TOKENS)",
            "Challenge.objects.filter(method__in=ID_TOKENS)",
        ),
    ),
    mutant(
        "identity: a newer challenge leaves the one before open",
        f"{TOKENS}::test_a_newer_challenge_ends_the_one_before",
        (
            "actions/vouching.py",
            "    challenges.withdraw(challenges.of_action(context.tenant, context.action.pk, method))\n",
            "",
        ),
    ),
    mutant(
        "identity: a token for another client finds its user",
        f"{TOKENS}::test_a_token_that_does_not_count_finds_nobody",
        (ID_TOKENS, "    _check_audience(claims, provider)\n    _check_times(claims, now)\n", ""),
    ),
]

KEYS = [
    mutant(
        "identity: each unknown key asks the issuer",
        f"{ISSUERS}::test_an_unknown_key_is_asked_for_once_a_minute",
        ("authenticators/issuers.py", " and since >= SECONDS_BETWEEN_LOOKS", ""),
    ),
    mutant(
        "identity: what an issuer said once is believed for ever",
        f"{ISSUERS}::test_what_was_known_is_believed_for_six_hours_of_silence",
        ("authenticators/issuers.py", "self.clock() - known.fetched_at >= STALE_SECONDS", "False"),
    ),
    mutant(
        "identity: an issuer may call itself anything",
        f"{ISSUERS}::test_an_issuer_must_call_itself_what_it_is_called",
        ("authenticators/issuers.py", '    if described.get("issuer") != name:\n', "    if False:\n"),
    ),
    mutant(
        "identity: a slow issuer is asked again as soon as it has answered",
        f"{ISSUERS}::test_a_slow_one_is_left_alone_from_the_end_of_its_silence",
        (
            "authenticators/issuers.py",
            "        try:\n            issuer = fetch(name)\n",
            "        known.asked_at = self.clock()\n        try:\n            issuer = fetch(name)\n",
        ),
        ("authenticators/issuers.py", "            known.asked_at = self.clock()\n\n\n", "            pass\n\n\n"),
    ),
    mutant(
        "identity: short keys and other curves count",
        f"{ISSUERS}::test_only_keys_that_sign_as_we_allow_count",
        ("authenticators/issuers.py", "if is_strong or is_p256 else None", "if key else None"),
    ),
]

ELSEWHERE = [
    mutant(
        "identity: any browser may come back",
        f"{SIGN_IN}::test_only_the_browser_that_left_comes_back",
        (
            FEDERATED,
            '    if not bound or not crypto.is_keyed_hash(bound, "browser", browser):\n',
            "    if False:\n",
        ),
    ),
    mutant(
        "identity: the id of the challenge is enough to come back",
        f"{SIGN_IN}::test_a_state_that_is_not_whole_leads_nowhere",
        (FEDERATED, "    if not hmac.compare_digest(challenge.device_code_hash, _hash(secret)):\n", "    if False:\n"),
    ),
    mutant(
        "identity: a refusal leaves the state usable",
        f"{SIGN_IN}::test_who_says_no_comes_back_and_the_state_is_spent",
        (FEDERATED, 'unused.update(device_code_hash="")', "unused.exists()"),
    ),
    mutant(
        "identity: another issuer's answer is taken",
        f"{SIGN_IN}::test_the_answer_of_another_issuer_is_not_taken",
        (FEDERATED, "        if not _may_be_of(issuer, issuer_said):\n", "        if False:\n"),
    ),
    mutant(
        "identity: an issuer that always names itself may be nameless",
        f"{SIGN_IN}::test_an_issuer_that_always_names_itself_is_not_nameless",
        (FEDERATED, "(not said and not issuer.names_itself)", "not said"),
    ),
    mutant(
        "identity: a code may come back to another provider's address",
        f"{SIGN_IN}::test_a_code_that_comes_to_anothers_address_is_not_exchanged",
        (FEDERATED, "        if came_to != id_tokens.redirect_uri(provider):\n", "        if False:\n"),
    ),
    mutant(
        "identity: coming back is worth more than what was left",
        f"{SIGN_IN}::test_what_comes_back_is_worth_no_more_and_lives_no_longer",
        (
            FEDERATED,
            '        scope=" ".join(sorted(left.scopes)),\n        now=left.issued_at,\n',
            '        scope="read:authenticators add:authenticators",\n        now=clock.now(),\n',
        ),
    ),
    mutant(
        "identity: a frame may leave",
        f"{SIGN_IN}::test_a_frame_cannot_leave",
        (
            "actions/hosted_identity.py",
            "if not browser or one_browser.is_embedded(request._request):",
            "if not browser:",
        ),
    ),
]

DECIDED = [
    mutant(
        "identity: somebody else's word is taken for a signature of the user's key",
        f"{RECEIPTS}::test_what_somebody_else_vouches_for_is_covered_by_no_key_of_the_users",
        ("actions/receipts.py", "proof.method.value in COVERED and ", ""),
        ("authenticators/starting.py", " and challenge.method in DEVICE_METHODS:", ":"),
    ),
    mutant(
        "identity: results of any age count",
        f"{CHECKS}::test_what_is_not_signed_by_the_adapter_now_is_refused",
        ("authsignal_portal/webhook_signature.py", " or abs(now.timestamp() - int(at)) > TOLERANCE_SECONDS", ""),
    ),
    mutant(
        "identity: a result told again is counted again",
        f"{CHECKS}::test_a_result_that_is_told_again_changes_nothing",
        ("actions/identity_proving.py", "    if result.event in events:\n", "    if False:\n"),
    ),
    mutant(
        "identity: a result that is faster than its session is spent",
        f"{CHECKS}::test_a_result_that_is_faster_than_the_session_is_to_be_told_again",
        ("actions/identity_proving.py", "    if challenge.session_sealed is None:\n", "    if False:\n"),
    ),
    mutant(
        "identity: an adapter that is out of service is asked by everybody",
        f"{CHECKS}::test_an_adapter_that_is_out_of_service_is_left_alone_for_a_while",
        ("actions/identity_proving.py", "        identity_checks.SILENT.check(provider)\n", ""),
    ),
    mutant(
        "identity: a check that is being begun is begun again",
        f"{CHECKS}::test_a_check_that_is_being_begun_is_not_begun_again",
        ("actions/identity_proving.py", "    if session is None and (context.now", "    if False and (context.now"),
    ),
    mutant(
        "identity: a session is saved to a row that may be gone",
        f"{RACES}::test_a_user_who_is_deleted_while_the_adapter_is_asked_is_gone",
        (
            "authenticators/identity_checks.py",
            "    if not rows.update(session_sealed=challenge.session_sealed):\n        raise ExpiredToken\n",
            '    challenge.save(update_fields=["session_sealed"])\n',
        ),
    ),
    mutant(
        "identity: a check is begun again while its adapter is asked",
        f"{RACES}::test_a_check_that_is_asked_for_while_the_adapter_is_asked_is_begun_once",
        ("actions/identity_proving.py", "    if session is None and (context.now", "    if False and (context.now"),
    ),
    mutant(
        "identity: a result for one challenge counts for another",
        f"{CHECKS}::test_a_result_for_another_challenge_is_refused",
        ("authenticators/identity_checks.py", '    if data.get("challengeId") != challenge.pk:\n', "    if False:\n"),
    ),
    mutant(
        "identity: any session's result counts",
        f"{CHECKS}::test_another_person_or_session_proves_nothing",
        (
            "authenticators/identity_checks.py",
            (
                "    if session is None or not hmac.compare_digest(session.id.encode(), answer.session.encode()):\n"
                '        raise VerificationFailed("another session", is_guess=False)\n'
            ),
            "",
        ),
    ),
    mutant(
        "identity: a declined check leaves the action open",
        f"{CHECKS}::test_what_is_declined_fails_the_action_for_good",
        ("actions/verifying.py", "    if attempt.declined:\n        proofs.declined(context.action, method)\n", ""),
    ),
    mutant(
        "identity: what was allowed when a check began is allowed for ever",
        f"{CHECKS}::test_who_has_enrolled_meanwhile_needs_the_backends_word",
        (
            "actions/verifying.py",
            "    if challenge and challenge.is_open(context.now):\n        _check_authority(context, challenge)\n",
            "",
        ),
    ),
    mutant(
        "identity: checks without bound",
        f"{CHECKS}::test_checks_are_bounded_by_user_and_time",
        (
            "actions/identity_proving.py",
            "        identity_checks.check_limits(context.user, method, context.now)\n",
            "",
        ),
    ),
    mutant(
        "identity: results at once are judged without the user locked",
        f"{RACES}::test_results_at_once_are_one_of_them_and_one_told_many_times_is_one",
        (
            "authenticators/models/users.py",
            "rows = type(self).objects.select_for_update(no_key=True).filter(pk=self.pk)",
            "rows = type(self).objects.filter(pk=self.pk)",
        ),
    ),
    mutant(
        "identity: a token is judged, then its challenge saved",
        f"{RACES}::test_one_id_token_presented_fifty_times_is_one_proof",
        (
            "authenticators/models/users.py",
            "rows = type(self).objects.select_for_update(no_key=True).filter(pk=self.pk)",
            "rows = type(self).objects.filter(pk=self.pk)",
        ),
        (
            "authenticators/challenges.py",
            'Challenge.objects.select_for_update(of=("self",)).select_related("tenant", "user", "authenticator")',
            'Challenge.objects.select_related("tenant", "user", "authenticator")',
        ),
        (
            "authenticators/challenges.py",
            'return unused.update(verified_at=now, code_hash="", nonce=None) == 1',
            'challenge.save(update_fields=["verified_at"])\n    return True',
        ),
    ),
    mutant(
        "identity: two users enrol one account at once",
        f"{RACES}::test_one_account_enrolled_by_many_at_once_is_one_users",
        (
            "authenticators/migrations/0007_identity.py",
            "condition=models.Q(('subject_index', ''), _negated=True)",
            "condition=models.Q(('subject_index', 'x'))",
        ),
    ),
    mutant(
        "identity: a method is switched on without a provider",
        f"{PORTAL}::test_a_method_without_a_provider_cannot_be_switched_on",
        (
            "authenticators/admin.py",
            '        if self.cleaned_data.get("is_active") and not self.is_possible:\n',
            "        if False:\n",
        ),
    ),
]

IDENTITY = [*SIGNED, *KEYS, *ELSEWHERE, *DECIDED]
