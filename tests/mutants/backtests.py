"""Ways to break the backtest: no longer as the live engine, or with the future in it, or not of this tenant alone."""

from tests.mutants.catalogue import mutant

COLUMNS = "tests/rules/test_columns.py"
REPLAY = "tests/actions/test_backtest.py"
PAST = "tests/actions/test_backtest_history.py"
PAGES = "tests/portal/test_portal_backtests.py"

LIKE_LIVE = [
    mutant(
        "columns: on and above a literal not told apart",
        f"{COLUMNS}::test_numbers_between_and_on_the_literals_are_told_apart",
        ("rules/columns.py", "*([partial(bisect_right, literals)] if names - _BELOW else []),", ""),
    ),
    mutant(
        "columns: true taken for one",
        f"{COLUMNS}::test_what_python_takes_for_equal_is_not_mistaken_for_it",
        ("rules/columns.py", "BOOLEAN: frozenset({bool, NoneType})", "BOOLEAN: frozenset({bool, int, NoneType})"),
        ("rules/columns.py", "if {int, float}.issuperset", "if {int, float, bool}.issuperset"),
    ),
    mutant(
        "columns: an item of a list never expires",
        f"{COLUMNS}::test_an_item_of_a_list_counts_until_it_expires",
        (
            "rules/columns.py",
            "return named is not None and any(expires is not None for _, expires in named.items)",
            "return False",
        ),
    ),
    mutant(
        "columns: a rule fires on unknown that should not",
        f"{COLUMNS}::test_a_rule_fires_on_unknown_only_where_it_says_so_and_may",
        ("rules/columns.py", "code == IS_UNKNOWN and rule.spec.fires_on_unknown and", "code == IS_UNKNOWN and"),
    ),
    mutant(
        "backtest: large integers rounded",
        f"{REPLAY}::test_large_integers_are_compared_to_the_last_digit",
        ("actions/backtest_rows.py", "if any(_is_inexact(values[place::width]) for place in numeric):", "if False:"),
    ),
    mutant(
        "backtest: what is sealed not opened",
        f"{REPLAY}::test_rules_on_a_sealed_address_and_number_are_tried_too",
        (
            "actions/backtest_rows.py",
            "if self.sealed is not None:\n            self._open",
            "if False:\n            self._open",
        ),
    ),
    mutant(
        "backtest: value lists judged without the action's time",
        f"{REPLAY}::test_value_lists_are_those_of_now_and_their_items_expire_at_each_actions_time",
        (
            "actions/backtest_rows.py",
            "[None] * len(rows) if self.moment is None else values[self.moment :: width]",
            "[2e9] * len(rows)",
        ),
    ),
    mutant(
        "backtest: actions without facts decided all the same",
        f"{REPLAY}::test_actions_of_which_nothing_is_kept_are_counted_apart",
        ("actions/backtest_rows.py", "CASE WHEN f.action_id IS NULL THEN", "CASE WHEN a.id IS NULL THEN"),
    ),
]

AS_OF_THEN = [
    mutant(
        "history: what comes later counts",
        f"{PAST}::test_nothing_that_came_later_changes_what_an_earlier_action_is_told",
        (
            "actions/backtest_history.py",
            "    for _entity, at, place, counts, coded, extra in rows:\n",
            (
                "    rows = list(rows)\n"
                "    for _entity, at, _place, counts, coded, extra in rows:\n"
                "        if counts:\n"
                "            window.add(at, extra, coded=coded)\n"
                "    for _entity, at, place, counts, coded, extra in rows:\n"
            ),
        ),
    ),
    mutant(
        "history: a challenge passed later counts as passed before",
        f"{PAST}::test_nothing_that_came_later_changes_what_an_earlier_action_is_told",
        (
            "actions/backtest_windows.py",
            "heappush(self.pending, (failed, at, NEVER if passed is None else passed, coded))",
            "heappush(self.pending, (failed, at, NEVER if passed is None else 0, coded))",
        ),
    ),
    mutant(
        "history: a challenge that failed later counts as failed before",
        f"{PAST}::test_nothing_that_came_later_changes_what_an_earlier_action_is_told",
        (
            "actions/backtest_windows.py",
            "while self.pending and self.pending[0][0] <= at:",
            "while self.pending:",
        ),
    ),
    mutant(
        "history: the beginning of the window counts",
        f"{PAST}::test_the_beginning_of_a_window_is_left_out",
        (
            "actions/backtest_windows.py",
            "while self.rows and self.rows[0][0] <= at",
            "while self.rows and self.rows[0][0] < at",
        ),
    ),
    mutant(
        "history: windows without the live bound",
        f"{PAST}::test_the_bounds_of_the_live_statement_hold",
        (
            "actions/backtest_windows.py",
            "self.most = MAX_ROWS if self.is_bounded else asked.cap",
            "self.most = 1 << 40",
        ),
    ),
    mutant(
        "history: the current member counted twice",
        f"{PAST}::test_counted_anew_is_what_the_live_engine_told",
        (
            "actions/backtest_windows.py",
            "len(self.members) - (self.counts_itself and extra in self.members)",
            "len(self.members)",
        ),
    ),
    mutant(
        "history: a failed challenge that was passed counts on",
        "tests/actions/test_backtest_windows.py",
        ("actions/backtest_windows.py", "if one.counts and passed != NEVER:", "if False:"),
    ),
    mutant(
        "history: all numbers are sorted",
        f"{PAST}::test_what_is_sorted_holds_one_number_of_an_action",
        ("actions/backtest_history.py", '" OFFSET 0) narrow) past', '") narrow) past'),
    ),
    mutant(
        "history: nothing before the span read",
        f"{PAST}::test_actions_before_the_span_count_and_are_not_replayed",
        (
            "actions/backtest_history.py",
            "Literal(span.since - timedelta(seconds=velocity.seconds))",
            "Literal(span.since)",
        ),
    ),
    mutant(
        "history: places not in the order of what is replayed",
        f"{PAST}::test_what_the_rules_of_then_did_not_ask_for_is_counted_anew",
        (
            "actions/backtest_rows.py",
            '" ORDER BY created_at, id" if in_order',
            '" ORDER BY created_at DESC, id" if in_order',
        ),
    ),
    mutant(
        "velocity: what was not told taken for nothing",
        f"{PAST}::test_what_the_rules_of_then_did_not_ask_for_is_counted_anew",
        ("actions/backtest_replay.py", "        return cap is True\n", "        return True\n"),
    ),
    mutant(
        "velocity: a count that stopped too early trusted",
        f"{PAST}::test_a_count_that_stopped_too_early_is_counted_anew",
        ("actions/backtest_replay.py", "return bool(cap is None or value < cap or value > highest)", "return True"),
    ),
    mutant(
        "velocity: reading left off breaks the transaction",
        f"{PAST}::test_reading_is_left_off_in_the_middle_to_count_anew",
        ("actions/backtest_rows.py", "with connection.transaction(), connection.cursor()", "with connection.cursor()"),
    ),
]

NOTHING_ELSE = [
    mutant(
        "backtest: its transaction may write",
        f"{REPLAY}::test_its_transaction_cannot_write",
        ("actions/backtest.py", "REPEATABLE READ, READ ONLY", "REPEATABLE READ"),
    ),
    mutant(
        "backtest: statements see different moments",
        f"{REPLAY}::test_its_transaction_sees_one_moment",
        ("actions/backtest.py", "ISOLATION LEVEL REPEATABLE READ, READ ONLY", "READ ONLY"),
    ),
    mutant(
        "backtest: other tenants' actions replayed",
        f"{REPLAY}::test_other_tenants_and_other_actions_are_never_read",
        ("actions/backtest_rows.py", "({row}.tenant_id = {tenant} AND", "({tenant} IS NOT NULL AND"),
    ),
    mutant(
        "backtest: other tenants' actions counted",
        f"{PAST}::test_another_tenants_actions_never_count",
        ("actions/backtest_history.py", "WHERE x.tenant_id = {tenant}", "WHERE {tenant} IS NOT NULL"),
    ),
    mutant(
        "backtest: a task that comes twice runs twice",
        f"{REPLAY}::test_the_task_runs_it_once",
        (
            "actions/backtest.py",
            "queued = Backtest.objects.filter(pk=backtest_id, status=Backtest.Status.QUEUED)",
            "queued = Backtest.objects.filter(pk=backtest_id)",
        ),
        (
            "actions/backtest.py",
            "Backtest.objects.filter(OPEN, pk=backtest.pk).update(status=status",
            "Backtest.objects.filter(pk=backtest.pk).update(status=status",
        ),
    ),
    mutant(
        "backtest: a wish to cancel not heard",
        f"{REPLAY}::test_one_that_waits_is_cancelled_at_once_and_one_that_runs_when_it_next_looks",
        (
            "actions/backtest.py",
            "status=Backtest.Status.RUNNING, cancel_requested=False)",
            "status=Backtest.Status.RUNNING)",
        ),
    ),
    mutant(
        "backtest: two of a tenant begin at once",
        f"{REPLAY}::test_two_that_begin_at_once_are_one",
        (
            "actions/backtest.py",
            "tenant = Tenant.objects.select_for_update(no_key=True).get",
            "tenant = Tenant.objects.get",
        ),
        ("actions/backtest.py", "if Backtest.objects.filter(OPEN, tenant=tenant).exists():", "if False:"),
        (
            "actions/models.py",
            'condition=models.Q(status__in=["queued", "running"]),',
            'condition=models.Q(status="x"),',
        ),
        ("actions/migrations/0003_backtest.py", "('status__in', ['queued', 'running'])", "('status', 'x')"),
    ),
    mutant(
        "pages: another tenant's action in a sample",
        f"{PAGES}::test_another_tenants_backtests_answer_as_if_there_were_none",
        (
            "actions/backtest_page.py",
            "ActionConfiguration.objects.filter(tenant=here.tenant)",
            "ActionConfiguration.objects.all()",
        ),
    ),
    mutant(
        "pages: anybody may begin one",
        f"{PAGES}::test_others_may_read_a_report_but_neither_begin_nor_end_one",
        ("actions/backtest_page.py", 'if request.method == "POST" and not here.may(RIGHT):', "if False:"),
    ),
    mutant(
        "pages: contact details in the draft's trace for everybody",
        f"{PAGES}::test_contact_details_in_a_trace_are_for_those_who_may_see_them",
        (
            "actions/activity_page.py",
            "for_eyes(explain_facts(rule.spec, known, custom_points=points, around=around), here)",
            "explain_facts(rule.spec, known, custom_points=points, around=around)",
        ),
    ),
]

BACKTESTS = [*LIKE_LIVE, *AS_OF_THEN, *NOTHING_ELSE]
