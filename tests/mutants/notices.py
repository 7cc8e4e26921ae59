"""Ways to break what a signature covers, what users are told, and whose words a message holds."""

from tests.mutants.catalogue import mutant

LINKING = "tests/api/test_dynamic_linking.py"
TOLD = "tests/api/test_notices.py"
SENDER = "tests/api/test_webhook_sender.py"
TEXTS = "tests/portal/test_portal_message_texts.py"

COVERED = [
    mutant(
        "notices: a challenge begins without the transaction that it must be linked to",
        f"{LINKING}::test_a_text_that_cannot_be_written_refuses_the_challenge_and_says_what_is_missing",
        ("actions/consequences.py", "        if is_challenge:\n            raise\n", ""),
    ),
    mutant(
        "notices: where unenrolled users are let through, an unlinked challenge reads as ALLOW",
        f"{LINKING}::test_where_unenrolled_users_are_let_through_a_challenge_still_needs_its_transaction",
        ("actions/consequences.py", "    return outcome == Outcome.CHALLENGE or state", "    return state"),
    ),
    mutant(
        "notices: a backend asks for a proof of what was never linked",
        f"{LINKING}::test_a_decision_that_asks_for_no_proof_stands_without_its_transaction",
        ("actions/manual_states.py", "        linking.check_may_become(locked, state)\n", ""),
    ),
    mutant(
        "notices: an app signs random bytes only",
        f"{LINKING}::test_what_an_app_signs_is_made_of_the_transaction_and_of_no_other",
        ("authenticators/starting.py", "    link_id(challenge)\n", ""),
    ),
    mutant(
        "notices: what an app signed for one action proves another",
        f"{LINKING}::test_an_apps_challenge_for_one_transaction_proves_no_other",
        (
            "actions/ceremonies.py",
            "    another = challenge.action_id not in (None, action.pk)\n",
            "    another = False\n",
        ),
        ("actions/linking.py", "    if facts.transaction_hash != transaction_hash:", "    if False:"),
    ),
    mutant(
        "notices: a receipt says of an app that it signed the approval",
        f"{LINKING}::test_a_receipt_that_claims_that_more_was_signed_than_was_is_refused",
        ("actions/receipts.py", '    if claims["covered"] != covered:', "    if False:"),
    ),
    mutant(
        "notices: a device's evidence is not checked",
        f"{LINKING}::test_what_an_app_signs_is_made_of_the_transaction_and_of_no_other",
        (
            "authenticators/device_evidence.py",
            'given["challengeId"] != signed or not is_signed(decode(given["publicKey"]), given["signature"], signed):',
            "False:",
        ),
    ),
]

USERS_TOLD = [
    mutant(
        "notices: a new address is told of itself, and the one before is not",
        f"{TOLD}::test_a_new_address_is_told_at_the_one_before_it",
        (
            "authenticators/enrolment.py",
            "notices.address_of(user, apart_from=row) if tells and is_new and notices.is_told(actor) else None",
            "notices.Address(notices.Channel.EMAIL, row.contact)",
        ),
    ),
    mutant(
        "notices: an address that was proved a moment ago is told instead of the known one",
        "tests/api/test_notices.py::test_an_address_that_was_proved_lately_hears_nothing_in_place_of_the_known_one",
        ("authenticators/notices.py", "if row.verified_at and row.verified_at <= lately]", "]"),
        ("authenticators/notices.py", "new = {row.contact for row in proven if row not in settled}", "new = set()"),
    ),
    mutant(
        "notices: one phone is told three times",
        f"{TOLD}::test_one_phone_is_told_once_whatever_it_is_for",
        ("actions/device_proving.py", "tells=method in new[:1]", "tells=True"),
    ),
    mutant(
        "notices: a phone that goes is told three times",
        f"{TOLD}::test_one_phone_is_told_once_whatever_it_is_for",
        ("actions/client_devices.py", "            told.add(row.user_id)\n", ""),
    ),
    mutant(
        "notices: a removed address is told of nothing any more",
        f"{TOLD}::test_a_way_that_was_removed_is_told_where_it_led",
        (
            "authenticators/enrolment.py",
            "to=notices.address_of(row.user))",
            "to=notices.address_of(row.user, apart_from=row))",
        ),
    ),
    mutant(
        "notices: a locked method is nobody's business",
        f"{TOLD}::test_guesses_that_lock_a_method_are_told",
        (
            "authenticators/challenges.py",
            "            _tell(challenge.user, Kind.DISABLED if is_for_good else Kind.LOCKED, challenge, now)\n",
            "",
        ),
    ),
    mutant(
        "notices: a refused copy is not told of",
        f"{TOLD}::test_a_signature_count_that_went_backward_is_told_whether_it_was_refused_or_not",
        ("authenticators/challenges.py", "        _tell_of_a_copy(failure.copy_of, challenge, now)\n", ""),
    ),
    mutant(
        "notices: a used recovery code is not told of",
        f"{TOLD}::test_a_recovery_code_that_was_used_is_told_with_how_many_are_left",
        ("authenticators/challenges.py", "challenge.method == VerificationMethod.RECOVERY_CODE:", "False:"),
    ),
    mutant(
        "notices: each one is sent at once",
        f"{TOLD}::test_of_one_kind_there_is_one_in_a_while_and_one_more_for_what_happened_meanwhile",
        ("authenticators/notices.py", "    if last is None or last.due_at + pause <= now:", "    if True:"),
    ),
    mutant(
        "notices: what happens in the pause is never told",
        f"{TOLD}::test_of_one_kind_there_is_one_in_a_while_and_one_more_for_what_happened_meanwhile",
        (
            "authenticators/notices.py",
            "    return None if waits and last.due_at > now else last.due_at + pause",
            "    return None",
        ),
    ),
    mutant(
        "notices: a notice delays a code",
        f"{TOLD}::test_a_notice_counts_against_no_code",
        (
            "authenticators/sending.py",
            'channel__in=asked.counted_with, notice=""\n    )',
            "channel__in=asked.counted_with\n    )",
        ),
    ),
    mutant(
        "notices: an SMS that nobody asked for goes to a number that nobody proved",
        f"{TOLD}::test_a_number_that_nobody_proved_is_not_told",
        (
            "authenticators/notices.py",
            "user.phone_number and user.phone_number_verified and",
            "user.phone_number and",
        ),
    ),
    mutant(
        "notices: the budget does not hold for them",
        f"{TOLD}::test_where_the_budget_is_used_up_nothing_is_sent_and_nothing_refused",
        ("authenticators/sending.py", "    return full is None\n", "    return True\n"),
    ),
    mutant(
        "notices: a receiver of codes gets a message without one",
        f"{TOLD}::test_it_is_sent_though_the_tenants_webhook_takes_codes_only",
        ("authenticators/routing.py", "    if message.notice:\n        rows = rows.exclude(kind__in=CODES_ONLY)\n", ""),
    ),
    mutant(
        "notices: the tenant's switch does nothing",
        f"{TOLD}::test_nobody_is_told_who_cannot_be_or_where_the_tenant_does_not_want_it",
        ("authenticators/notices.py", " or not user.tenant.notify_users:", ":"),
    ),
]

WORDED = [
    mutant(
        "notices: a tenant's text brings a link",
        f"{TEXTS}::test_what_cannot_be_sent_is_refused_at_its_field",
        ("authsignal_portal/message_wording.py", "    if _holds_a_link(text):", "    if False:"),
    ),
    mutant(
        "notices: a dot that only looks like one makes a link",
        f"{TEXTS}::test_what_cannot_be_sent_is_refused_at_its_field",
        ("authsignal_portal/message_wording.py", 'unicodedata.normalize("NFKC", text)', "text"),
    ),
    mutant(
        "notices: a placeholder is the first part of an address",
        f"{TEXTS}::test_what_cannot_be_sent_is_refused_at_its_field",
        ("authsignal_portal/message_wording.py", 'STAND_INS = ("xx", "10")', 'STAND_INS = ("xx",)'),
    ),
    mutant(
        "notices: a tenant's text leaves out the code",
        f"{TEXTS}::test_what_cannot_be_sent_is_refused_at_its_field",
        ("authsignal_portal/message_wording.py", "    for name in sorted(point.needed):", "    for name in ():"),
    ),
    mutant(
        "notices: a tenant's text leaves out what a code is for",
        f"{TEXTS}::test_whatever_the_text_says_the_transaction_stands_in_it",
        ("templates/messages/own/sms.txt", "{% if sum %}", "{% if False %}"),
        ("templates/messages/own/body.txt", "{% if sum %}", "{% if False %}"),
    ),
    mutant(
        "notices: a tenant's SMS can be offered to any site",
        f"{TEXTS}::test_an_sms_says_what_the_tenant_wrote_and_keeps_its_last_line",
        ("templates/messages/own/sms.txt", "\n@{{ host }} #{{ code }}", ""),
    ),
    mutant(
        "notices: a tenant's text is HTML",
        f"{TEXTS}::test_an_email_says_what_the_tenant_wrote_escaped_with_its_code_apart",
        ("templates/messages/own/body.html", "{{ part.text|linebreaksbr }}", "{{ part.text|safe|linebreaksbr }}"),
    ),
]

HONEST = [
    mutant(
        "notices: what a webhook refused is answered as a success",
        f"{SENDER}::test_what_nobody_took_is_no_success",
        (
            "authenticators/handed_over.py",
            "    if is_refused(message):",
            "    if False:",
        ),
    ),
    mutant(
        "notices: every thread of a process waits for slow senders",
        f"{SENDER}::test_one_request_of_a_process_waits_and_the_others_are_answered",
        ("authenticators/handed_over.py", "_waiter = threading.Lock()", "_waiter = threading.Semaphore(9)"),
    ),
    mutant(
        "notices: one tenant's slow sender is waited for in every process",
        f"{SENDER}::test_a_tenant_is_waited_for_in_one_process_at_a_time",
        ("authenticators/handed_over.py", 'yield outbox.is_first(f"webhook-wait:{tenant_id}")', "yield True"),
    ),
    mutant(
        "notices: whoever has waited leaves nobody else a turn",
        f"{SENDER}::test_a_tenant_is_waited_for_in_one_process_at_a_time",
        ("authenticators/handed_over.py", "        _waiter.release()", "        pass"),
    ),
    mutant(
        "notices: the connection of a thread that ended stays open",
        "tests/portal/test_thread_connections.py",
        ("authsignal_portal/thread_connections.py", "        self._connection.close()", "        pass"),
    ),
    mutant(
        "notices: an enrolment does not wait for the webhook",
        f"{SENDER}::test_what_nobody_took_is_no_success",
        ("actions/proving.py", "    handed_over.check(started.challenge)\n", ""),
    ),
    mutant(
        "notices: the page waits in silence while every try fails",
        f"{SENDER}::test_the_hosted_page_is_told_after_the_second_try",
        ("authenticators/handed_over.py", "return bool(message.error) and message.attempts >= tries", "return False"),
    ),
    mutant(
        "notices: a code for another action is told to be used",
        f"{SENDER}::test_the_page_knows_which_code_is_for_its_action_and_which_for_another",
        (
            "actions/hosted_state.py",
            "tenant=context.tenant, action_id=context.action.pk).exclude(last",
            "user=context.user).exclude(last",
        ),
    ),
]

NOTICES = [*COVERED, *USERS_TOLD, *WORDED, *HONEST]
