"""Ways to break the hosted pages' forms without JavaScript, and what users may do with their own methods."""

from tests.mutants.catalogue import mutant

PLAIN = "tests/actions/test_plain.py"
OWN = "tests/actions/test_own_methods.py"
RACE = "tests/races/test_enrolling.py"

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
        ("actions/plain_page.py", "    hosted.bind_top_level(request, visit.context)\n", ""),
    ),
    mutant(
        "plain pages: who says to be framed is not bound",
        f"{PLAIN}::test_saying_that_it_is_framed_does_not_unbind_it",
        ("actions/plain_page.py", "hosted.bind_top_level(request", "hosted.bind_browser(request"),
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
        "own methods: any scope removes",
        f"{OWN}::test_removing_takes_its_own_word_or_a_proof",
        ("actions/own_methods.py", "context.may(Scope.REMOVE) and ", ""),
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
            "others = context.user.authenticators.filter(Authenticator.usable()).exclude(pk=row.pk)",
            "others = context.user.authenticators.exclude(pk=row.pk)",
        ),
    ),
    mutant(
        "own methods: another user's is removed",
        f"{OWN}::test_nobody_removes_anothers",
        (
            "actions/own_methods.py",
            "row = rows.filter(pk=named).first()",
            "row = Authenticator.objects.filter(pk=named).first()",
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
        "settings: vouched for without redirectToSettings",
        f"{OWN}::test_the_settings_need_no_proof_where_the_backend_vouches",
        ("actions/hosted_state.py", "return context.facts.redirect_to_settings and is_track", "return is_track"),
    ),
]
