"""Ways to weaken the guard against pumping and the limits of sending."""

from tests.mutants.catalogue import mutant

GUARD = "tests/sending/test_guard.py"
LIMITS = "tests/sending/test_limits.py"
AGREEMENT = "tests/sending/test_agreement.py"
TRACES = "tests/sending/test_traces.py"
RACES = "tests/authenticators/test_sending_races.py"
ALARMS = "tests/sending/test_alarms.py"
TUNING = "tests/sending/test_tuning.py"
TWILIO = "tests/authenticators/test_twilio_status.py"

COUNTS = "authenticators/sending_counts.py"
SENDING = "authenticators/sending.py"
PURE = "authenticators/guard.py"

SENDING_GUARD = [
    mutant(
        "sending: a notice takes the budget after what its proof took",
        "tests/authenticators/test_sending_races.py"
        "::test_who_is_told_by_sms_of_what_a_code_by_sms_proved_keeps_nobody_waiting_who_keeps_them",
        (
            "authenticators/sending.py",
            "    if challenge.purpose == Challenge.Purpose.ENROL or challenge.authenticator_id is None:\n",
            "    if False:\n",
        ),
    ),
    mutant(
        "guard: a counter goes on whatever its limit",
        f"{RACES}::test_fifty_at_once_get_no_more_than_the_cap_of_the_guard",
        (
            COUNTS,
            "    WHERE (excluded.most_messages IS NULL OR c.sends - c.proofs < excluded.most_messages)\n        AND",
            "    WHERE",
        ),
    ),
    mutant(
        "guard: the database counts other than the pure guard",
        f"{AGREEMENT}::test_the_database_agrees_with_the_pure_guard",
        (COUNTS, "c.sends - c.proofs < excluded.most_messages", "c.sends < excluded.most_messages"),
    ),
    mutant(
        "guard: no counter of money",
        f"{LIMITS}::test_the_budget_counts_money_too",
        (COUNTS, "        AND (excluded.most_cost IS NULL OR c.cost + excluded.cost <= excluded.most_cost)\n", ""),
    ),
    mutant(
        "limits: the address that a caller claims is believed",
        "tests/portal/test_client_ip.py::test_the_address_is_the_one_that_the_outermost_trusted_proxy_saw",
        ("authsignal_portal/client_ip.py", "    if hops < 1:\n        return peer\n", "    hops = max(1, hops)\n"),
    ),
    mutant(
        "guard: each spelling of an address is another address",
        f"{LIMITS}::test_every_spelling_of_an_address_is_one_address",
        (
            "authenticators/contact.py",
            '    folded = unicodedata.normalize("NFKC", text).casefold().strip()\n',
            "    folded = text\n",
        ),
    ),
    mutant(
        "guard: each tag of a mailbox has a count of its own",
        f"{LIMITS}::test_every_spelling_of_an_address_is_one_address",
        ("authenticators/contact.py", 'name = name.partition("+")[0] or name', "pass"),
    ),
    mutant(
        "guard: each dot in a mailbox gives a count of its own",
        f"{LIMITS}::test_every_spelling_of_an_address_is_one_address",
        ("authenticators/contact.py", "    if domain in WITHOUT_DOTS:\n", "    if False:\n"),
    ),
    mutant(
        "guard: a resend begins a new deadline",
        f"{LIMITS}::test_a_resend_keeps_deadline_and_guesses_and_there_are_three_of_them",
        (
            "authenticators/codes.py",
            "    challenge.last_sent_at = now\n",
            "    challenge.last_sent_at = now\n    challenge.expires_at = now + timedelta(minutes=10)\n",
        ),
        ("authenticators/codes.py", "from datetime import datetime\n", "from datetime import datetime, timedelta\n"),
    ),
    mutant(
        "guard: no alarm",
        f"{LIMITS}::test_a_prefix_that_never_answers_stops_at_the_cap_with_a_pause_and_an_alarm",
        (PURE, "    if asked < enough or proven * 100 >= LOW_PERCENT * asked:\n", "    if True:\n"),
    ),
    mutant(
        "guard: nobody is suspect, no prefix paused, no country under attack",
        f"{TRACES}::test_240_000_codes_in_four_hours_cost_less_than_the_budget_and_honest_people_get_theirs",
        (PURE, "    if asked < enough or proven * 100 >= LOW_PERCENT * asked:\n", "    if True:\n"),
        (PURE, "len(lately - proven) >= UNANSWERED_OF_SUSPECT_PREFIX", "False"),
    ),
    mutant(
        "guard: a known number is known for ever",
        f"{GUARD}::test_a_number_is_known_as_long_as_it_answers_one_in_three",
        (
            PURE,
            " and (any(proven[:UNANSWERED_OF_KNOWN]) or len(proven) < UNANSWERED_OF_KNOWN)",
            "",
        ),
    ),
    mutant(
        "guard: no wait between two messages to one address",
        f"{LIMITS}::test_one_address_gets_one_message_in_thirty_seconds_over_all_challenges_and_users",
        (SENDING, "(*between, *windows), at)", "windows, at)"),
    ),
    mutant(
        "guard: WhatsApp costs nothing",
        f"{LIMITS}::test_whatsapp_counts_with_sms_whatever_is_counted",
        (SENDING, "PRICED = frozenset(routing.PHONE)", "PRICED = frozenset({Channel.SMS})"),
    ),
    mutant(
        "guard: a code by the other channel waits as if somebody had asked again",
        f"{TWILIO}::test_a_code_that_did_not_arrive_goes_by_the_other_channel_anew",
        (SENDING, "() if asked.is_fallback else ((settings", "((settings"),
    ),
    mutant(
        "guard: nothing limits the channel in place of another",
        f"{TWILIO}::test_what_limits_messages_limits_the_other_channel_too",
        (SENDING, "    if not asked.is_priced:\n", "    if not asked.is_priced or asked.is_fallback:\n"),
    ),
    mutant(
        "guard: a refusal leaves no trace",
        f"{LIMITS}::test_a_refusal_is_plain_and_its_event_names_nobody",
        ("authsignal_portal/api.py", "    error.remember()\n", ""),
    ),
    mutant(
        "guard: a tenant may allow itself more than the operator",
        f"{TUNING}::test_no_tenant_is_allowed_more_than_the_operator_says",
        (SENDING, "budget_messages=min(messages, settings.SMS_PER_DAY_AT_MOST)", "budget_messages=messages"),
    ),
    mutant(
        "tuning: the tenant's limit takes the place of the hard cap",
        f"{TUNING}::test_a_tenants_limit_holds_beside_the_hard_caps",
        (
            "authenticators/guesses.py",
            "windows = (*tuning.verify_windows(method), *tuning.own_verify_window(tenant, method))",
            "windows = tuning.own_verify_window(tenant, method) or tuning.verify_windows(method)",
        ),
    ),
    mutant(
        "alarms: a pause is nobody's business",
        f"{ALARMS}::test_a_pause_is_told_once_to_each_administrator_and_to_the_tenants_address",
        (
            "authenticators/sending_pauses.py",
            '            alarms.pause_begun(SendingPause.objects.select_related("tenant").get(pk=row.pk), now)\n',
            "",
        ),
    ),
    mutant(
        "alarms: whoever belongs to any tenant is told",
        f"{ALARMS}::test_a_pause_is_told_once_to_each_administrator_and_to_the_tenants_address",
        ("authenticators/alarms.py", "filter(tenant=tenant, role=Role.ADMIN, user__is_active=True)", "all()"),
    ),
    mutant(
        "alarms: a budget is told with each refusal",
        f"{ALARMS}::test_a_budget_that_is_used_up_is_told_once_a_day",
        (COUNTS, "        return bool(cursor.rowcount)\n", "        return True\n"),
    ),
    mutant(
        "alarms: given up as soon as a code",
        f"{ALARMS}::test_an_address_that_does_not_take_it_is_asked_for_a_day_with_the_same_event",
        (
            "authenticators/delivery.py",
            "return MOST_ATTEMPTS_OF_ALARM if message.is_alarm else settings.MESSAGE_ATTEMPTS",
            "return settings.MESSAGE_ATTEMPTS",
        ),
    ),
    mutant(
        "alarms: the budget of suspects is told as that of newcomers",
        f"{ALARMS}::test_each_share_of_the_budget_is_told_for_itself",
        (PURE, "DAY, SHARE[standing], *share", "DAY, Reason.NEWCOMERS, *share"),
    ),
    mutant(
        "alarms: each tries a receiver that takes none",
        f"{ALARMS}::test_while_one_is_not_taken_all_others_wait",
        ("authenticators/delivery.py", "    alarm_pace.put_off(message, retry_at)\n", ""),
    ),
    mutant(
        "alarms: every worker posts to one address",
        f"{ALARMS}::test_an_address_gets_one_at_a_time_however_many_would_send",
        ("authenticators/delivery.py", "    if alarm_pace.waits(message, now):\n        return None\n", ""),
    ),
    mutant(
        "alarms: what the receiver refuses is lost",
        f"{ALARMS}::test_an_address_that_does_not_take_it_is_asked_for_a_day_with_the_same_event",
        ("authenticators/messaging/alarm.py", "raise TransportError(error.reason, permanent=False) from None", "raise"),
    ),
    mutant(
        "alarms: posted to any address",
        f"{ALARMS}::test_the_address_is_set_in_the_portal_and_must_be_one_that_can_be_reached",
        ("authenticators/sending_page.py", "                outbound.check_url(url)\n", "                pass\n"),
    ),
    mutant(
        "alarms: a flood of pauses is a flood of emails",
        f"{ALARMS}::test_a_flood_of_pauses_is_one_email_a_quarter_of_an_hour_to_each",
        ("authenticators/alarms.py", "due_at=latest + BETWEEN_EMAILS if latest else now", "due_at=now"),
    ),
    mutant(
        "alarms: what begins soon after a pause has no email",
        f"{ALARMS}::test_pauses_of_a_quarter_of_an_hour_are_each_told_in_one_email_at_its_end",
        ("authenticators/alarms.py", "{**json.loads(message.payload), **text}", "json.loads(message.payload)"),
    ),
    mutant(
        "alarms: pauses at once are each the first",
        "tests/authenticators/test_sending_races.py::test_pauses_that_begin_at_once_are_two_emails",
        (
            "authenticators/alarms.py",
            "    list(Membership.objects.filter(tenant=row.tenant).select_for_update(no_key=True))\n",
            "",
        ),
    ),
]
