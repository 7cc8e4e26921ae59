"""Ways to break the hosted pages' forms without JavaScript, and what users may do with their own methods."""

from tests.mutants.catalogue import GUESSES, mutant

PLAIN = "tests/actions/test_plain.py"
HOSTED = "tests/actions/test_hosted.py"
OWN = "tests/actions/test_own_methods.py"
RACE = "tests/races/test_enrolling.py"
ARMED = "tests/browser/test_armed.py"

HOSTED_PAGES = [
    mutant(
        "plain pages: a form of another browser counts",
        f"{PLAIN}::test_a_form_of_another_page_or_browser_does_nothing",
        ("actions/plain_pass.py", "return (kind, browser)", 'return (kind, "")'),
    ),
    mutant(
        "plain pages: a form of another site counts",
        f"{PLAIN}::test_a_form_of_another_page_or_browser_does_nothing",
        (
            "actions/plain_page.py",
            'if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":',
            "if False:",
        ),
    ),
    mutant(
        "plain pages: the first browser is not remembered",
        f"{PLAIN}::test_who_took_the_first_step_takes_all",
        ("actions/plain_page.py", "    one_browser.bind_top_level(request, visit.context.facts)\n", ""),
    ),
    mutant(
        "plain pages: who says to be framed is not bound",
        f"{PLAIN}::test_saying_that_it_is_framed_does_not_unbind_it",
        (
            "actions/plain_page.py",
            "one_browser.bind_top_level(request, visit",
            "one_browser.bind(request, visit.context.tenant, visit",
        ),
    ),
    mutant(
        "pages: who says to be framed is not bound",
        "tests/actions/test_hosted.py::test_a_second_browser_that_says_it_is_framed_is_refused_too",
        (
            "actions/one_browser.py",
            "    bind_top_level(request, facts)\n",
            "    if not is_embedded(request):\n        bind_top_level(request, facts)\n",
        ),
        ("actions/client_auth.py", "        one_browser.check(request, context.facts)\n", "        pass\n"),
    ),
    mutant(
        "pages: the window that helps a frame out shuts it out",
        "tests/actions/test_hosted.py::test_a_window_that_helps_a_frame_out_does_not_shut_it_out",
        ("actions/one_browser.py", "        _remember(facts, FRAMED)\n", "        pass\n"),
    ),
    mutant(
        "pages: a frame unbinds what is bound",
        "tests/actions/test_hosted.py::test_a_second_browser_that_says_it_is_framed_is_refused_too",
        (
            "actions/one_browser.py",
            '    if ActionFacts.objects.filter(pk=facts.pk, browser_hash="").update(browser_hash=mark):',
            "    if ActionFacts.objects.filter(pk=facts.pk).update(browser_hash=mark):",
        ),
        (
            "actions/one_browser.py",
            "if is_embedded(request) and tenant.app_origins and not facts.browser_hash:",
            "if is_embedded(request):",
        ),
        ("actions/client_auth.py", "        one_browser.check(request, context.facts)\n", "        pass\n"),
    ),
    mutant(
        "pages: another browser goes on by the Client API",
        "tests/actions/test_hosted.py::test_the_client_api_too_is_for_the_browser_that_opened_the_page",
        ("actions/client_auth.py", "        one_browser.check(request, context.facts)\n", "        pass\n"),
    ),
    mutant(
        "pages: an app's own token is held to the page's browser",
        "tests/actions/test_hosted.py::test_what_an_app_got_for_a_proof_is_its_own",
        ("actions/client_auth.py", "    if context.token.purpose == TokenPurpose.TRACK:\n", "    if True:\n"),
    ),
    mutant(
        "pages: who says to be framed is believed where nobody may frame",
        "tests/actions/test_hosted.py::test_nobody_is_framed_where_nobody_may_frame",
        (
            "actions/one_browser.py",
            "if is_embedded(request) and tenant.app_origins and not",
            "if is_embedded(request) and not",
        ),
    ),
    mutant(
        "settings: whoever may change nothing is told addresses",
        f"{OWN}::test_whoever_may_change_nothing_learns_no_address",
        ("actions/own_methods.py", "row.contact if in_clear else contact.mask(row.contact)", "row.contact"),
    ),
    mutant(
        "plain pages: whoever may change nothing is told addresses",
        f"{PLAIN}::test_whoever_proved_nothing_is_shown_no_address_by_whatever_they_press",
        ("actions/own_methods.py", "row.contact if in_clear else contact.mask(row.contact)", "row.contact"),
    ),
    mutant(
        "settings: a code to an address that was on file enrols it",
        f"{OWN}::test_an_address_that_is_no_more_on_file_is_not_enrolled",
        (
            "authenticators/challenges.py",
            "rows.filter(Q(authenticator=None) | Q(authenticator__verified_at=None))",
            "rows.filter(authenticator=None)",
        ),
        ("actions/verifying.py", "        check_address(context, method, challenge.contact)\n", "        pass\n"),
    ),
    mutant(
        "settings: whether an address may be chosen is judged when its code is sent alone",
        f"{OWN}::test_an_address_that_users_may_not_choose_any_more_is_not_enrolled",
        ("actions/verifying.py", "        check_address(context, method, challenge.contact)\n", "        pass\n"),
    ),
    mutant(
        "settings: the address on file is sent to where the tenant wants it typed",
        f"{OWN}::test_where_the_tenant_wants_it_typed_the_address_on_file_is_not_sent_to",
        (
            "actions/proving.py",
            "        address = on_file(context.user).get(method)\n",
            "        address = enrolment.addresses(context.user).get(method)\n",
        ),
    ),
    mutant(
        "settings: a phone that goes as one takes the default with it",
        f"{OWN}::test_a_phone_that_goes_as_one_leaves_a_default_behind",
        (
            "authenticators/enrolment.py",
            "    _pass_on(row.user)\n",
            "    if row.is_default:\n        _pass_on(row.user)\n",
        ),
    ),
    mutant(
        "enrolment: what an authenticator is called tells the address",
        "tests/api/test_client_codes.py::"
        "test_who_proved_nothing_learns_no_address_from_what_an_authenticator_is_called",
        ("actions/proving.py", "user.email if context.may(Scope.UPDATE) else contact.mask(user.email)", "user.email"),
    ),
    mutant(
        "plain pages: GET takes steps",
        f"{PLAIN}::test_opening_it_changes_nothing",
        (
            "actions/plain_page.py",
            "plain_waiting.is_look(request) else _first",
            "plain_waiting.is_look(request) else _posted",
        ),
    ),
    mutant(
        "plain pages: a page that waits makes recovery codes by itself",
        f"{PLAIN}::test_a_first_link_that_was_confirmed_leads_on_by_itself_and_makes_no_codes",
        (
            "actions/plain_steps.py",
            "    visit.forget()\n    return first_screen(visit)",
            "    return _after_proof(visit)",
        ),
    ),
    mutant(
        "plain pages: a look binds no browser",
        f"{PLAIN}::test_a_look_is_a_step_of_its_browser_alone",
        ("actions/plain_page.py", "    one_browser.bind_top_level(visit.words.request, visit.context.facts)\n", ""),
    ),
    mutant(
        "plain pages: a look is not counted",
        f"{PLAIN}::test_a_page_looks_as_often_as_one_may_ask",
        ("actions/plain_page.py", "    limits.link_poll(visit.context.action.pk)\n", ""),
    ),
    mutant(
        "plain pages: what a page that waits has is open to any browser",
        f"{PLAIN}::test_the_address_of_a_page_that_waits_opens_in_its_own_browser_alone",
        ("actions/plain_pass.py", "return (kind, browser)", 'return (kind, "")'),
    ),
    mutant(
        "plain pages: the token stands in the page",
        f"{PLAIN}::test_no_page_tells_the_token",
        ("actions/plain_page.py", '"visit": sealed,', '"visit": sealed, "token": visit.token,'),
    ),
    mutant(
        "plain pages: what a form carries is not escaped",
        f"{PLAIN}::test_what_a_form_carries_is_shown_as_text",
        ("actions/plain_html.py", "self.parts.append(conditional_escape(content))", "self.parts.append(content)"),
    ),
    mutant(
        "plain pages: coming back makes recovery codes",
        f"{PLAIN}::test_a_first_account_brings_recovery_codes_at_the_press_of_a_button",
        ("actions/plain_steps.py", 'return Shown("recovery_codes", may_quit=False)', "return new_codes(visit)"),
    ),
    mutant(
        "plain pages: an account is connected because the address says so",
        f"{PLAIN}::test_only_with_a_proofs_token_is_an_account_taken_for_connected",
        ("actions/plain_page.py", " and visit.context.token.purpose == TokenPurpose.ACCESS", ""),
    ),
    mutant(
        "plain pages: looking after an identity check begins another",
        f"{PLAIN}::test_looking_whether_a_check_was_decided_begins_none",
        (
            "actions/plain_elsewhere.py",
            "_under_way(visit, identity_proving.begun(visit.context, challenge_id))",
            "by_check(visit, visit.method, _purpose(visit))",
        ),
    ),
    mutant(
        "plain pages: the recovery codes end without a warning",
        f"{PLAIN}::test_recovery_codes_end_only_once_that_was_said",
        (
            "actions/plain_enrol.py",
            'return Shown("renew_codes") if visit.state["recoveryCodes"].get("remaining") else new_codes(visit)',
            "return new_codes(visit)",
        ),
    ),
    mutant(
        "locks: a code is sent that would not be taken",
        f"{GUESSES}::test_while_a_method_is_paused_no_code_is_sent_and_the_page_is_told_until_when",
        ("authenticators/codes.py", "    _check_answerable(challenge, now)\n", ""),
    ),
    mutant(
        "dead ends: the app is left waiting",
        f"{HOSTED}::test_where_no_method_is_left_the_app_learns_of_a_failure",
        ("actions/hosted_calls.py", "        dead_ends.close(self.context)\n", ""),
    ),
    mutant(
        "dead ends: the page without a script leaves the app waiting",
        f"{PLAIN}::test_who_leaves_without_a_way_has_failed",
        ("actions/plain_steps.py", "    dead_ends.close(visit.context)\n", ""),
    ),
    mutant(
        "dead ends: whoever quits has failed",
        f"{HOSTED}::test_quitting_fails_nothing_while_there_is_a_way",
        ("actions/dead_ends.py", "not _has(context, enrolled, is_new=is_new) and ", ""),
    ),
    mutant(
        "dead ends: who could still set something up has failed",
        f"{HOSTED}::test_quitting_fails_nothing_while_there_is_a_way",
        ("actions/dead_ends.py", " and not _may_have(context, is_new=is_new)", ""),
    ),
    mutant(
        "dead ends: a visit of the settings fails the action",
        f"{HOSTED}::test_quitting_fails_nothing_while_there_is_a_way",
        ("actions/dead_ends.py", " or hosted_state.is_vouched(context)", ""),
    ),
    mutant(
        "own methods: any scope removes",
        f"{OWN}::test_removing_takes_its_own_word_or_a_proof",
        ("actions/own_methods.py", "Scope.REMOVE in held and ", ""),
    ),
    mutant(
        "own methods: the last one goes",
        f"{OWN}::test_the_last_one_stays_unless_the_tenant_lets_it_go",
        ("actions/own_methods.py", " and (others_work or context.tenant.allow_disabling_mfa)", ""),
    ),
    mutant(
        "own methods: one that no longer works counts as another",
        f"{OWN}::test_one_that_no_longer_works_lets_no_other_go",
        (
            "actions/own_methods.py",
            "others = available.working(context.user).exclude(",
            "others = context.user.authenticators.exclude(",
        ),
    ),
    mutant(
        "own methods: another user's is removed",
        f"{OWN}::test_nobody_removes_anothers",
        (
            "actions/own_methods.py",
            "rows = user.authenticators.exclude(verified_at=None)",
            "rows = Authenticator.objects.exclude(verified_at=None)",
        ),
    ),
    mutant(
        "own methods: how many are left is counted before the user is locked",
        f"{RACE}::test_of_two_last_methods_removed_at_once_one_stays",
        (
            "actions/own_methods.py",
            "    with one_at_a_time(context):",
            "    if True:",
        ),
    ),
    mutant(
        "own methods: any scope renames",
        f"{OWN}::test_naming_takes_its_own_word_or_a_proof",
        (
            "actions/own_methods.py",
            'if not context.may(Scope.UPDATE):\n            raise Forbidden("Naming',
            'if False:\n            raise Forbidden("Naming',
        ),
    ),
    mutant(
        "own methods: a name may turn what stands beside it",
        f"{OWN}::test_a_name_is_one_line_of_what_can_be_seen",
        ("authenticators/labels.py", ' if unicodedata.category(char)[0] != "C"', ""),
    ),
    mutant(
        "own methods: what else one phone is for counts as another method",
        f"{OWN}::test_one_phone_is_the_last_whatever_it_is_for",
        ("actions/own_methods.py", "[row.pk for row in rows]", "[rows[0].pk]"),
    ),
    mutant(
        "passkey offer: any passkey counts as one on this device",
        "tests/actions/test_hosted.py::test_a_passkey_is_offered_until_there_is_one_on_this_device",
        ("actions/passkey_offer.py", "    if device_id and row.device_id == device_id:", "    if True:"),
    ),
    mutant(
        "own codes: offered to whoever may add a method",
        f"{OWN}::test_new_recovery_codes_are_offered_to_whom_they_are_given",
        ("actions/own_codes.py", "context.may(Scope.UPDATE)", "context.may(Scope.ADD)"),
    ),
    mutant(
        "settings: vouched for without redirectToSettings",
        f"{OWN}::test_the_settings_need_no_proof_where_the_backend_vouches",
        ("actions/hosted_state.py", "return context.facts.redirect_to_settings and is_track", "return is_track"),
    ),
    mutant(
        "armed: a click counts at once",
        f"{ARMED}::test_the_button_of_a_link_by_email_is_armed_once_it_was_in_sight",
        ("static/challenge/armed.js", "    if (!event.target.closest(UNARMED)) return;\n", "    return;\n"),
    ),
    mutant(
        "armed: what comes back into sight is armed",
        f"{ARMED}::test_the_button_of_a_link_by_email_is_armed_once_it_was_in_sight",
        ("static/challenge/armed.js", 'document.addEventListener("visibilitychange", arm);\n', ""),
    ),
    mutant(
        "armed: a screen that comes later is armed",
        f"{ARMED}::test_a_button_of_a_screen_is_armed_once_that_screen_was_in_sight_and_looks_the_same",
        ("static/challenge/view.js", "    arm();\n", ""),
    ),
]
