"""Ways to break what several of a method must not change: who may add, how many, how often somebody may guess."""

from tests.mutants.catalogue import USER_UNLOCKED, mutant

TESTS = "tests/api/test_several.py"
GUESSES = "tests/authenticators/test_guesses.py"
RACES = "tests/races/test_enrolling.py"
RULES = "authenticators/several.py"
ENROLMENT = "authenticators/enrolment.py"
PROVING = "actions/proving.py"

WAITS = 'rows = EndUser.objects.select_for_update(of=("self",), no_key=True)'
BACKEND_UNLOCKED = ("authenticators/users.py", WAITS, "rows = EndUser.objects")
NAMED = "named = [row for row in rows if str(row.pk) == which.lower()]"
STORED = (
    'named = list(Authenticator.objects.filter(pk=UUID(which)).select_related("tenant")) if len(which) == 36 else []'
)

# Of the pending rows of a method there is one, and the next waits for it: what is read after that would be right.
STORES = """    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict("This credential is already registered.") from error
    return row
"""
COUNTS = "    if row.verified_at is None:\n        several.check_room(user, method)\n"
COUNTED_BEFORE = [(ENROLMENT, COUNTS, ""), (ENROLMENT, STORES, f"    several.check_room(user, method)\n{STORES}")]
LOOKS = "        replaced = several.held(user, method).exclude(pk=row.pk)\n"
LOOKED_BEFORE = [
    (ENROLMENT, LOOKS, f'{LOOKS}        replaced = getattr(row, "before", replaced)\n'),
    (
        ENROLMENT,
        "        replaced.delete()\n",
        "        Authenticator.objects.filter(pk__in=[r.pk for r in replaced]).delete()\n",
    ),
    (ENROLMENT, STORES, f"    row.before = list(several.held(user, method))\n{STORES}"),
]

ADDING = [
    mutant(
        "several: what is added at once is counted without waiting",
        f"{RACES}::test_numbers_added_at_once_are_no_more_than_the_cap",
        USER_UNLOCKED,
        BACKEND_UNLOCKED,
        *COUNTED_BEFORE,
    ),
    mutant(
        "several: what takes the place of another is looked for without waiting",
        f"{RACES}::test_of_numbers_added_at_once_one_stays_where_several_are_not_allowed",
        USER_UNLOCKED,
        BACKEND_UNLOCKED,
        *LOOKED_BEFORE,
    ),
    mutant(
        "several: whether there is room is asked where it begins, not where it ends",
        f"{TESTS}::test_switched_off_again_nothing_goes_and_nothing_is_added",
        (ENROLMENT, COUNTS, ""),
    ),
    mutant(
        "several: as many as anybody wants",
        f"{TESTS}::test_no_more_than_the_cap",
        (RULES, "return count < _most(method) if", "return True if"),
    ),
    mutant(
        "several: the word to change one is enough to add one",
        f"{TESTS}::test_a_further_one_needs_a_fresh_proof_or_the_backends_word_to_add",
        (ENROLMENT, "return not several.are_allowed(user, method) and several.held", "return several.held"),
    ),
    mutant(
        "several: one number stands there twice",
        f"{TESTS}::test_the_same_one_twice_is_the_one_they_have",
        (RULES, "contact.normal(other.contact) == contact.normal(row.contact)", "False"),
    ),
    mutant(
        "several: a copy of an app's secret takes its code once more",
        f"{TESTS}::test_the_same_one_twice_is_the_one_they_have",
        (RULES, "totp.decode_secret(other.secret) == totp.decode_secret(row.secret)", "False"),
    ),
    mutant(
        "several: a proof adds beyond the cap",
        f"{TESTS}::test_what_a_claim_would_add_beyond_the_cap_is_not_added",
        ("actions/claims.py", " and several.has_room(user, method)", ""),
    ),
]

PROVED = [
    mutant(
        "several: whosever authenticator is named is asked for",
        f"{TESTS}::test_only_ones_own_of_the_method_can_be_named",
        (PROVING, NAMED, STORED),
    ),
    mutant(
        "several: a code that is asked for again goes somewhere else",
        f"{TESTS}::test_a_challenge_stays_with_the_one_it_was_begun_for",
        (PROVING, "asked = _asked(context, method) if len(rows) > 1 else None", "asked = None"),
    ),
    mutant(
        "several: a new app is confirmed by the code of an old one",
        f"{TESTS}::test_while_an_app_is_set_up_only_its_own_code_will_do",
        (
            "authenticators/methods/totp.py",
            "    if challenge.purpose == Challenge.Purpose.ENROL and challenge.authenticator:\n",
            "    if False:\n",
        ),
    ),
    mutant(
        "several: a guess at five apps is one guess",
        f"{GUESSES}::test_a_guess_at_several_apps_counts_once_for_each",
        ("authenticators/guesses.py", "    return max(1, apps.count())\n", "    return 1\n"),
    ),
    mutant(
        "several: the last guess of a window is as good as five",
        f"{GUESSES}::test_at_any_pace_no_window_has_more_than_its_guesses",
        ("authenticators/guesses.py", "        most = max(limit - weight, 0)\n", "        most = limit - 1\n"),
    ),
    mutant(
        "several: the last guess of a life is as good as five",
        f"{GUESSES}::test_a_week_of_guessing_at_several_apps_is_fifty_guesses",
        ("authenticators/guesses.py", "if row.consecutive + weight > settings", "if row.consecutive >= settings"),
    ),
]

SEVERAL = [*ADDING, *PROVED]
