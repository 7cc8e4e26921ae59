"""Ways to let in at one door what another refuses: spellings, paths, parameters, challenges of another action."""

from tests.mutants.catalogue import mutant

CONTACT = "authenticators/contact.py"
ONE_MAILBOX = "tests/authenticators/test_contact.py::test_what_goes_to_one_mailbox_is_one_address_or_refused"

IN_APP = "tests/api/test_in_app.py"
CEREMONIES = "actions/ceremonies.py"

DOORS = [
    mutant(
        "spelling: what cannot be seen or is encoded stands in an address",
        ONE_MAILBOX,
        (CONTACT, "    _check_seen(text)\n", ""),
    ),
    mutant(
        "spelling: a domain is kept as it was written",
        "tests/sending/test_limits.py::test_every_spelling_of_an_address_is_one_address",
        (CONTACT, "    encoded = idna.encode(text, uts46=True)\n", "    return text\n"),
    ),
    mutant(
        "spelling: a domain that older software takes for another is kept",
        "tests/api/test_users.py::test_an_email_address_that_could_be_taken_for_another_is_refused_at_every_door",
        (CONTACT, '    if own.encode("idna") != encoded:\n', "    if False:\n"),
        (CONTACT, "    _check_letters(cleaned)\n", ""),
    ),
    mutant(
        "in app: a signature counts for whatever action its token is for",
        f"{IN_APP}::test_a_signature_counts_for_the_action_that_it_was_begun_for",
        (CEREMONIES, "    if challenge.context.get(NAMED):\n", "    if False:\n"),
    ),
    mutant(
        "many: a user has as many passkeys and phones as they like",
        "tests/api/test_many_credentials.py::test_of_two_that_were_begun_when_there_was_room_for_one_the_second_is_refused",
        ("actions/proving.py", "    if adds and METHODS[method].many:\n", "    if False:\n"),
    ),
    mutant(
        "many: a phone that is enrolled needs room",
        "tests/api/test_many_credentials.py::test_so_is_the_phone_and_one_of_those_is_brought_up_to_date_all_the_same",
        ("actions/device_proving.py", ", adds=method not in known)", ")"),
    ),
    mutant(
        "claim: who claims before the code proves whomever they name",
        "tests/api/test_server_challenges.py"
        "::test_a_strangers_mailbox_proves_nobody_whether_it_is_claimed_before_or_after_its_code",
        (
            "actions/server_challenges.py",
            "return challenge.claimed_at is None or was_named or claims.proves_unbound(challenge, action)",
            "return True",
        ),
    ),
    mutant(
        "claim: who claims before the code has the address named for nobody",
        "tests/api/test_server_challenges.py"
        "::test_an_address_that_was_named_for_the_user_proves_them_whenever_it_is_claimed",
        ("actions/server_challenges.py", "is None or was_named or", "is None or"),
    ),
    mutant(
        "addresses: what was proved at a former one lets its owner enrol",
        "tests/api/test_changed_addresses.py::test_what_was_proved_at_an_address_that_is_another_by_now_allows_nothing",
        (
            "authenticators/challenges.py",
            "worthless = Q(withdrawn_at__isnull=False) | Q(failed_at__isnull=False)",
            "worthless = Q(withdrawn_at__isnull=False)",
        ),
    ),
    mutant(
        "addresses: what such a proof enrolled lets its owner enrol more",
        "tests/api/test_changed_addresses.py::test_what_was_enrolled_by_such_a_proof_is_none_that_enrols_more",
        (
            "authenticators/challenges.py",
            "filter(action_id=action_id, verified_at__isnull=False).aggregate(",
            "filter(action_id=action_id, verified_at__isnull=False, failed_at=None).aggregate(",
        ),
    ),
    mutant(
        "addresses: what was claimed in time lets its owner enrol",
        "tests/api/test_changed_addresses.py::test_so_does_a_proof_that_was_claimed_before",
        (
            "authenticators/challenges.py",
            "    rows = rows.filter(failed_at=None)\n",
            "    rows = rows.filter(failed_at=None, claimed_at=None)\n",
        ),
    ),
    mutant(
        "closed: a code goes by another channel for what was decided",
        "tests/api/test_server_challenges.py::test_nothing_goes_by_another_channel_for_it_either",
        ("actions/manual_states.py", "            challenges.end_of_action(locked.pk)\n", "            pass\n"),
    ),
    mutant(
        "closed: a code is sent again for what was decided",
        "tests/api/test_server_challenges.py::test_no_code_is_sent_again_for_an_action_that_was_decided_since",
        ("actions/server_challenges.py", '    _open_action(challenge)\n    if sent.get("sms', '    if sent.get("sms'),
    ),
    mutant(
        "settings: whatever else the user has lets the last go",
        "tests/actions/test_own_methods.py::test_what_can_prove_nobody_now_lets_no_other_go",
        (
            "authenticators/available.py",
            ", method__in=reached)\n    return rows.ex",
            ")\n    return rows.ex",
        ),
    ),
    mutant(
        "settings: a passkey of another domain lets the last go",
        "tests/actions/test_own_methods.py::test_what_can_prove_nobody_now_lets_no_other_go",
        (
            "authenticators/available.py",
            "return rows.exclude(~Q(rp_id=user.tenant.relying_party_id), method__in=WEBAUTHN)",
            "return rows",
        ),
    ),
    mutant(
        "portal: whoever may test acts as any user",
        "tests/portal/test_portal_activity.py::test_who_helps_no_users_acts_as_none_and_changes_no_address",
        (
            "actions/trial_page.py",
            "    if not here.may(Right.SUPPORT):\n        form.add",
            "    if False:\n        form.add",
        ),
    ),
    mutant(
        "portal: whoever may test acts as any user whose id begins so",
        "tests/portal/test_portal_activity.py::test_who_helps_no_users_acts_as_none_and_changes_no_address",
        (
            "actions/trial_page.py",
            "return born.filter(actor_kind=ActorKind.STAFF).exists()",
            "return born.exists() or True",
        ),
    ),
    mutant(
        "portal: to act as a user takes no code",
        "tests/portal/test_portal_activity.py::test_to_act_as_a_user_takes_a_fresh_code",
        (
            "actions/trial_page.py",
            '    problem = prove(request, form.cleaned_data.get("code", ""))\n',
            '    problem = ""\n',
        ),
    ),
    mutant(
        "staff: an account that somebody else made is let in",
        "tests/portal/test_create_staff.py::test_an_account_that_somebody_else_made_is_not_let_in_unasked",
        ("authsignal_portal/management/commands/create_staff.py", 'options["existing"] or ', "True or "),
    ),
    mutant(
        "staff: a session guesses its password",
        "tests/portal/test_portal_sign_in.py::test_who_has_a_session_does_not_guess_its_password",
        (
            "authsignal_portal/portal.py",
            "        if problem:\n            messages.error(request, problem)",
            "        if False:\n            messages.error(request, problem)",
        ),
    ),
    mutant(
        "addresses: a code to a stranger's address lets its owner enrol",
        "tests/api/test_server_challenges.py"
        "::test_a_code_to_anothers_address_proves_the_action_and_gives_no_right_to_enrol_or_manage",
        (
            "authenticators/challenges.py",
            "return stands and not lone_addresses.is_all(user, action_id, since=since)",
            "return stands",
        ),
    ),
    mutant(
        "validate: an empty user is any user",
        "tests/api/test_validate.py::test_a_mismatch_is_an_answer_that_tells_nothing_else",
        ("actions/validation.py", "    if user_id is not None and user_id", "    if user_id and user_id"),
    ),
    mutant(
        "leaving: a token that was in the address stays there",
        "tests/actions/test_hosted.py::test_the_token_is_appended_to_whatever_query_the_target_has",
        ("actions/leaving.py", ' if _name(part) != "token"', ""),
    ),
    mutant(
        "leaving: whoever opens the page last says with what state its user goes back",
        "tests/actions/test_hosted.py::test_a_state_that_the_app_wrote_itself_or_that_came_first_stays",
        ("actions/leaving.py", ' or "state" in map(_name, query)', ""),
    ),
    mutant(
        "leaving: a state is whatever stands there",
        "tests/actions/test_hosted.py::test_what_is_no_state_is_not_handed_back",
        ("actions/leaving.py", "not LOGIN_STATE.fullmatch(state)", "not state"),
    ),
    mutant(
        "linking: a domain with a path is a payee",
        "tests/api/test_dynamic_linking.py::test_what_the_payer_could_not_read_rightly_is_refused",
        ("actions/linking.py", "    if LINK.search(letters):\n", '    if "://" in value or "www." in value:\n'),
    ),
    mutant(
        "link: a press without an address is a try",
        "tests/api/test_magic_link.py::test_who_presses_without_an_address_takes_the_sdks_link_from_nobody",
        ("authenticators/links.py", "    if not typed.strip():\n        return False\n", ""),
    ),
    mutant(
        "staff: whoever tries an account locks its owner out",
        "tests/portal/test_portal_sign_in.py::test_who_was_here_before_gets_in_while_others_try_the_account",
        ("authsignal_portal/known_browsers.py", 'return f"{account}:{known}" if known else account', "return account"),
    ),
    mutant(
        "staff: a browser that is known to one account is known to all",
        "tests/portal/test_portal_sign_in.py::test_no_other_cookie_makes_a_browser_known",
        (
            "authsignal_portal/known_browsers.py",
            "    known = _accounts(request).get(account)\n",
            '    known = request.COOKIES.get(COOKIE, "")[:20]\n',
        ),
    ),
    mutant(
        "addresses: a withdrawn proof stands for a stranger's",
        "tests/api/test_server_challenges.py"
        "::test_once_the_own_proof_beside_it_is_withdrawn_the_strangers_gives_nothing",
        ("authenticators/lone_addresses.py", ", withdrawn_at=None", ""),
    ),
    mutant(
        "lone addresses: whoever has one makes their device the user's",
        "tests/api/test_server_challenges.py::test_a_code_to_anothers_address_makes_no_device_the_users",
        (
            "actions/proofs.py",
            "    if not lone_addresses.is_all(action.user, action.pk, since=action.decided_at):\n",
            "    if True:\n",
        ),
    ),
    mutant(
        "attestation: what looks like a nonce of ours is an old app's idempotency key",
        "tests/api/test_app_attestation.py::test_a_nonce_that_was_used_is_no_idempotency_key",
        (
            "authenticators/app_attestation/nonces.py",
            "if idempotency_key and not OURS.fullmatch(idempotency_key) else",
            "if idempotency_key else",
        ),
    ),
    mutant(
        "closed: what is decided goes by the state before the user was locked",
        "tests/api/test_withdrawn_proofs.py::test_the_state_of_the_action_is_read_once_nobody_else_can_act",
        (
            "actions/client_auth.py",
            '        self.action.refresh_from_db(fields=["state", "state_updated_at", "decided_at"])\n',
            "",
        ),
    ),
    mutant(
        "withdrawn: an address that is given once more ends what it proved",
        "tests/api/test_withdrawn_proofs.py::test_the_same_number_once_more_ends_nothing",
        (
            "authenticators/enrolment.py",
            "    if known := several.same(row):\n        known.is_default",
            "    if several.are_allowed(user, method) and (known := several.same(row)):\n        known.is_default",
        ),
    ),
    mutant(
        "paths: a user is called by another one's resources",
        "tests/api/test_id_paths.py",
        (
            "authsignal_portal/json_body.py",
            '    "userId": re.compile(r"/(?:actions|authenticators|devices)(?:/|\\Z)"),\n',
            "",
        ),
    ),
    mutant(
        "in app: what a user began is anybody's to sign",
        f"{IN_APP}::test_what_a_user_began_nobody_else_signs",
        (
            CEREMONIES,
            "            user=context.user,\n            origin=own if is_own",
            "            user=None,\n            origin=own if is_own",
        ),
    ),
]
