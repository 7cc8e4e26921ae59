"""Ways to break push, QR codes and in-app proofs: answered twice, by the wrong device, without bounds."""

from tests.mutants.catalogue import mutant

RACES = "tests/races/test_devices.py"
PUSH = "tests/api/test_push.py"
QR_CODE = "tests/api/test_qr_code.py"
IN_APP = "tests/api/test_in_app.py"
CREDENTIALS = "tests/api/test_device_credentials.py"
WAITING = "actions/client_waiting.py"

BY_TENANT = (
    '    _hit(RateLimitItemPerMinute(settings.CLIENT_REQUESTS_PER_MINUTE_PER_TENANT), "tenant", str(tenant_id))\n'
)
BY_SITE = (
    "    if in_site := site(address):\n"
    '        _hit(RateLimitItemPerMinute(settings.CLIENT_REQUESTS_PER_MINUTE_PER_NETWORK), "site", in_site)\n'
)

ONCE = [
    mutant(
        "devices: a decline wins over an approval that came first",
        f"{RACES}::test_approved_and_declined_at_once_it_is_one_of_the_two",
        (
            "authenticators/challenges.py",
            "    if not challenge.is_open(now):\n        return REFUSED\n    if not available",
            "    if not available",
        ),
        (
            "authenticators/challenges.py",
            "unused.update(failed_at=now, declined_at=now",
            "Challenge.objects.filter(pk=challenge.pk).update(failed_at=now, declined_at=now",
        ),
    ),
    mutant(
        "devices: a code belongs to whoever scanned it last",
        f"{RACES}::test_one_code_scanned_by_many_at_once_belongs_to_one_of_them",
        (
            "authenticators/device_challenges.py",
            (
                "    free = Challenge.objects.filter(unanswered(now), pk=challenge.pk, authenticator=None)\n"
                "    free = free.filter(Q(user=None) | Q(user=device.user))\n"
            ),
            "    free = Challenge.objects.filter(pk=challenge.pk)\n",
        ),
        (
            "actions/device_proving.py",
            'rows = Challenge.objects.select_for_update(of=("self",)).select_related("tenant", "user")',
            'rows = Challenge.objects.select_related("tenant", "user")',
        ),
    ),
    mutant(
        "devices: pushes begun without the user locked",
        f"{RACES}::test_fifty_pushes_at_once_are_one_and_three_actions_at_most_are_asked_for",
        (
            "actions/device_waiting.py",
            "        context.lock()\n        proofs.check_permitted(context.action, M.PUSH)",
            "        proofs.check_permitted(context.action, M.PUSH)",
        ),
        (
            "authenticators/device_challenges.py",
            '    gate = guesses.lock(tenant=user.tenant, subject=guesses.subject_of(user, ""), method=M.PUSH)\n',
            (
                "    from authenticators.models import GuessCount\n"
                "    gate = guesses.Gate(GuessCount(tenant=user.tenant, method=M.PUSH), clock.now())\n"
            ),
        ),
    ),
    mutant(
        "devices: the token comes with every question",
        f"{RACES}::test_one_push_approved_fifty_times_is_approved_once_and_gives_one_token",
        (
            "actions/device_waiting.py",
            "verified_at__gt=fresh, claimed_at=None, withdrawn",
            "verified_at__gt=fresh, withdrawn",
        ),
    ),
    mutant(
        "devices: a renewal counts as often as it is sent",
        f"{RACES}::test_one_renewal_sent_fifty_times_counts_once",
        (
            "authenticators/device_credentials.py",
            "if challenge is None or not challenge.is_open(now):",
            "if challenge is None:",
        ),
        (
            "authenticators/device_credentials.py",
            "if held is None or not challenges.consume(challenge, now):",
            "if held is None:",
        ),
        (
            "authenticators/device_credentials.py",
            'device_keys.renewal_message(bytes(challenge.nonce or b""))',
            'device_keys.renewal_message(bytes(challenge.nonce or b"x"))',
        ),
    ),
    mutant(
        "devices: two users enrol one key without waiting for each other",
        f"{RACES}::test_one_key_enrolled_by_many_users_at_once_belongs_to_one",
        (
            "authenticators/device_credentials.py",
            '    outbox.one_at_a_time([f"device-key:{user.tenant_id}:{public_key.hex()}"])\n',
            "",
        ),
    ),
]

BY_WHOM = [
    mutant(
        "devices: an approval without the page's number is answered like a wrong one",
        f"{PUSH}::test_an_approval_without_the_number_is_no_success_and_no_guess",
        ("actions/device_proving.py", "if is_asked and signed.approved and not signed.number:", "if False:"),
    ),
    mutant(
        "devices: signatures not looked at",
        f"{PUSH}::test_only_an_enrolled_key_of_the_user_answers_and_garbage_counts_against_nobody",
        (
            "authenticators/device_keys.py",
            'if not is_signed(bytes(row.public_key or b""), answer.signature, challenge.pk):',
            "if False:",
        ),
    ),
    mutant(
        "devices: garbage counts as a guess against the user",
        f"{PUSH}::test_only_an_enrolled_key_of_the_user_answers_and_garbage_counts_against_nobody",
        (
            "authenticators/device_keys.py",
            'raise VerificationFailed("bad_signature", is_guess=False)',
            'raise VerificationFailed("bad_signature")',
        ),
    ),
    mutant(
        "devices: another device than the one that scanned may approve",
        f"{QR_CODE}::test_nothing_is_approved_that_was_not_claimed_by_the_same_device",
        (
            "authenticators/methods/qr_code.py",
            "if challenge.user_id is None or challenge.authenticator_id != row.pk:",
            "if challenge.user_id is None:",
        ),
    ),
    mutant(
        "devices: another device than the one asked may answer a push",
        f"{PUSH}::test_one_device_may_be_asked_and_then_no_other_answers",
        ("authenticators/methods/push.py", "if challenge.authenticator_id not in (None, row.pk):", "if False:"),
    ),
    mutant(
        "devices: another user's key proves a token's action",
        f"{IN_APP}::test_another_users_key_proves_nothing_for_a_token",
        ("actions/device_proving.py", "if context and device.user_id != context.user.pk:", "if False:"),
    ),
    mutant(
        "devices: whoever guesses an id is told what came of a code",
        f"{QR_CODE}::test_only_who_knows_the_codes_secret_is_told",
        ("authenticators/device_challenges.py", "hmac.compare_digest(challenge.device_code_hash, ", "bool("),
    ),
    mutant(
        "devices: credentials of other tenants found",
        f"{CREDENTIALS}::test_each_tenant_has_its_own_credentials",
        (
            "authenticators/device_credentials.py",
            "filter(tenant=tenant, method=method, public_key=public_key)",
            "filter(method=method, public_key=public_key)",
        ),
    ),
    mutant(
        "devices: other curves enrolled",
        f"{CREDENTIALS}::test_what_is_no_p256_key_is_refused",
        ("authenticators/device_keys.py", " or not isinstance(key.curve, ec.SECP256R1)", ""),
    ),
    mutant(
        "devices: a renewal signed for another key's challenge",
        f"{CREDENTIALS}::test_a_renewal_counts_only_for_the_key_that_signed_it_and_not_for_long",
        (
            "authenticators/device_credentials.py",
            "filter(tenant=row.tenant_id, authenticator=row)",
            "filter(tenant=row.tenant_id)",
        ),
    ),
    mutant(
        "devices: whoever says a key has it",
        f"{CREDENTIALS}::test_a_key_that_is_another_users_is_not_taken_over",
        (
            "authenticators/device_credentials.py",
            "if rows.exclude(user=user).exists():",
            "if rows.exclude(user=user).delete()[0] < 0:",
        ),
    ),
    mutant(
        "devices: an expired key is nobody's",
        f"{CREDENTIALS}::test_a_phone_that_went_to_another_user_is_theirs_once_it_removed_its_credential",
        (
            "authenticators/device_credentials.py",
            "if rows.exclude(user=user).exists():",
            "if rows.filter(Authenticator.usable()).exclude(user=user).exists():",
        ),
    ),
    mutant(
        "devices: an old signature removes a credential",
        f"{CREDENTIALS}::test_a_removal_that_is_not_signed_by_the_key_removes_nothing",
        (
            "authenticators/device_keys.py",
            "for near in (step, step - 1, step + 1)",
            "for near in range(step - 9, step + 9)",
        ),
    ),
    mutant(
        "devices: the rules' refusal of who scanned a code not heeded",
        f"{QR_CODE}::test_where_the_rules_refuse_who_scanned_it_nothing_can_be_approved",
        (
            "actions/device_proving.py",
            "    proofs.check_permitted(action, M.QR_CODE)\n    return challenge, action",
            "    return challenge, action",
        ),
    ),
]

BOUNDED = [
    mutant(
        "limits: calls without a token are bounded by address alone",
        "tests/portal/test_limits.py::test_calls_with_a_tenant_id_alone_are_counted_for_the_tenant_too",
        ("authsignal_portal/limits.py", BY_TENANT, ""),
    ),
    mutant(
        "limits: one customer's networks of IPv6 use up what the tenant has",
        "tests/portal/test_limits.py::test_the_networks_of_one_customer_do_not_use_up_what_the_tenant_has",
        ("authsignal_portal/limits.py", BY_SITE, ""),
    ),
    mutant(
        "limits: one address uses up what its tenant has",
        "tests/portal/test_limits.py::test_calls_with_a_tenant_id_alone_are_counted_for_the_tenant_too",
        (
            "authsignal_portal/limits.py",
            f"    requests_by_address(address)\n{BY_SITE}{BY_TENANT}",
            f"{BY_TENANT}    requests_by_address(address)\n{BY_SITE}",
        ),
    ),
    mutant(
        "limits: pages that wait with a QR code use up their address",
        f"{QR_CODE}::test_pages_that_wait_behind_one_address_leave_its_other_calls_alone",
        (WAITING, 'if self.request.method != "POST":', "if True:"),
    ),
    mutant(
        "limits: a wrong secret of a QR code is tried without bound",
        f"{QR_CODE}::test_pages_that_wait_behind_one_address_leave_its_other_calls_alone",
        (WAITING, "                super().count()\n", "                pass\n"),
    ),
    mutant(
        "limits: a page asks for its QR code without bound",
        f"{QR_CODE}::test_a_page_that_asks_too_often_is_told_so_and_loses_nothing",
        (WAITING, "        limits.qr_poll(challenge.pk)\n", ""),
    ),
    mutant(
        "limits: a page that asked too often loses its token",
        f"{QR_CODE}::test_a_page_that_asks_too_often_is_told_so_and_loses_nothing",
        (
            WAITING,
            "        limits.qr_poll(challenge.pk)\n        outcome = device_waiting.outcome(challenge)\n",
            "        outcome = device_waiting.outcome(challenge)\n        limits.qr_poll(challenge.pk)\n",
        ),
    ),
    mutant(
        "devices: a number may be tried as often as a code",
        f"{PUSH}::test_a_wrong_number_is_refused_and_counted_and_the_second_ends_it",
        ("authenticators/challenges.py", "return int(settings.PUSH_TRIES_PER_CHALLENGE)", "return 5"),
    ),
    mutant(
        "devices: a missing number is as good as the right one",
        f"{PUSH}::test_an_approval_without_the_number_is_no_success_and_no_guess",
        ("actions/device_proving.py", "if is_asked and signed.approved and not signed.number:", "if False:"),
        (
            "authenticators/methods/push.py",
            "    if number and not hmac",
            "    if number and answer.number and not hmac",
        ),
    ),
    mutant(
        "devices: a wrong number does not count against the user",
        f"{PUSH}::test_wrong_numbers_pause_push_and_nothing_else",
        (
            "authenticators/methods/push.py",
            'raise VerificationFailed("wrong number")',
            'raise VerificationFailed("wrong number", is_guess=False)',
        ),
    ),
    mutant(
        "devices: more than one push outstanding",
        f"{PUSH}::test_one_push_is_outstanding",
        ("authenticators/device_challenges.py", "    outstanding.update(failed_at=now)\n", ""),
    ),
    mutant(
        "devices: no bound on pushes in five minutes",
        f"{PUSH}::test_three_pushes_in_five_minutes_and_ten_in_an_hour",
        (
            "authenticators/device_challenges.py",
            "        _wait(begun, settings.PUSHES_PER_5_MINUTES, FIVE_MINUTES, now),\n",
            "",
        ),
    ),
    mutant(
        "devices: no bound on pushes in an hour",
        f"{PUSH}::test_three_pushes_in_five_minutes_and_ten_in_an_hour",
        ("authenticators/device_challenges.py", "        _wait(begun, settings.PUSHES_PER_HOUR, HOUR, now),\n", ""),
    ),
    mutant(
        "devices: denials bring no pause",
        f"{PUSH}::test_two_denials_bring_a_pause_of_fifteen_minutes",
        ("authenticators/device_challenges.py", "    return declined[0] + pause - now\n", "    return timedelta(0)\n"),
    ),
    mutant(
        "devices: a decline leaves the action waiting",
        f"{PUSH}::test_a_declined_push_fails_the_action_for_good",
        (
            "actions/device_proving.py",
            "    if attempt.declined:\n        proofs.declined",
            "    if False:\n        proofs.declined",
        ),
    ),
    mutant(
        "devices: a decline undoes a proof",
        f"{PUSH}::test_declining_undoes_no_proof_that_was_given_already",
        (
            "actions/proofs.py",
            "waiting = Action.objects.filter(pk=action.pk, state=ActionState.CHALLENGE_REQUIRED)\n    if not waiting",
            "waiting = Action.objects.filter(pk=action.pk)\n    if not waiting",
        ),
    ),
    mutant(
        "devices: who takes the only expired device away is new",
        f"{CREDENTIALS}::test_who_lets_their_only_device_expire_is_no_new_user_when_it_takes_itself_away",
        (
            "authenticators/enrolment.py",
            "if has_others or Authenticator.objects.filter(Authenticator.usable(), pk=row.pk).exists():",
            "if True:",
        ),
    ),
    mutant(
        "devices: an expired credential still counts",
        f"{CREDENTIALS}::test_a_credential_expires_where_the_tenant_says_so_and_is_nothing_then",
        ("authenticators/models/enrolled.py", " & (Q(expires_at=None) | Q(expires_at__gt=clock.Now()))", ""),
    ),
    mutant(
        "devices: private data points shown",
        f"{PUSH}::test_the_device_is_told_what_is_public_if_it_signed_the_question",
        ("actions/shared_data.py", "_chosen(action, is_public=True)", "_chosen(action)"),
    ),
    mutant(
        "devices: an unsigned question told everything",
        f"{PUSH}::test_the_device_is_told_what_is_public_if_it_signed_the_question",
        (
            "actions/client_answering.py",
            "(shown_output(action) if is_signed else {})",
            "shown_output(action)",
        ),
    ),
]

DEVICES = [*ONCE, *BY_WHOM, *BOUNDED]
