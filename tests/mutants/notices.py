"""Ways to break what a signature covers, what users are told, and whose words a message holds."""

from tests.mutants.catalogue import mutant

LINKING = "tests/api/test_dynamic_linking.py"

COVERED = [
    mutant(
        "notices: a challenge begins without the transaction that it must be linked to",
        f"{LINKING}::test_a_text_that_cannot_be_written_refuses_the_challenge_and_says_what_is_missing",
        ("actions/flow.py", "        if is_challenge:\n            raise\n", ""),
    ),
    mutant(
        "notices: where unenrolled users are let through, an unlinked challenge reads as ALLOW",
        f"{LINKING}::test_where_unenrolled_users_are_let_through_a_challenge_still_needs_its_transaction",
        ("actions/flow.py", "    return outcome == Outcome.CHALLENGE or state", "    return state"),
    ),
    mutant(
        "notices: a backend asks for a proof of what was never linked",
        f"{LINKING}::test_a_decision_that_asks_for_no_proof_stands_without_its_transaction",
        ("actions/flow.py", "        linking.check_may_become(locked, state)\n", ""),
    ),
    mutant(
        "notices: an app signs random bytes only",
        f"{LINKING}::test_what_an_app_signs_is_made_of_the_transaction_and_of_no_other",
        ("authenticators/challenges.py", "    link_id(challenge)\n", ""),
    ),
    mutant(
        "notices: what an app signed for one action proves another",
        f"{LINKING}::test_an_apps_challenge_for_one_transaction_proves_no_other",
        ("actions/device_proving.py", "    if challenge.action_id not in (None, context.action.pk):", "    if False:"),
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
    mutant(
        "notices: a code on a screen stands for a transaction that nobody tracked",
        f"{LINKING}::test_a_code_that_is_shown_before_anybody_is_known_is_for_no_transaction",
        ("actions/device_waiting.py", "        linking.check_needs_none(tenant, action)\n", ""),
    ),
]

NOTICES = [*COVERED]
