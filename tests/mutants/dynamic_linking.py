"""Ways to break dynamic linking, receipts and trusted devices: what is proved is not what was shown."""

from tests.mutants.catalogue import mutant

LINKING = "tests/api/test_dynamic_linking.py"
RECEIPTS = "tests/api/test_receipts.py"
DEVICES = "tests/api/test_trusted_devices.py"
ALIKE = "tests/authenticators/test_lookalikes.py"
CANONICAL = "tests/authenticators/test_transactions.py"
LANGUAGES = "tests/api/test_localized_messages.py"
MESSAGES = "tests/portal/test_portal_messages.py"

BOUND = [
    mutant(
        "linking: a missing value hides the message instead of refusing",
        f"{LINKING}::test_a_text_that_cannot_be_written_refuses_the_challenge_and_says_what_is_missing",
        ("actions/linking.py", "        missing += problem.names\n", '        missing, text = [], "…"\n'),
    ),
    mutant(
        "linking: a challenge does not carry its transaction",
        f"{LINKING}::test_every_challenge_row_carries_the_transaction_and_its_hash",
        (
            "authenticators/starting.py",
            '            "transaction_hash": self.transaction_hash,\n',
            "",
        ),
    ),
    mutant(
        "linking: a server challenge does not carry its transaction",
        f"{LINKING}::test_every_challenge_row_carries_the_transaction_and_its_hash",
        (
            "actions/server_challenges.py",
            "facts.transaction,\n            transaction_hash=action.facts.transaction_hash,\n",
            'facts.transaction[:0],\n            transaction_hash="",\n',
        ),
    ),
    mutant(
        "linking: a passkey signs random bytes only",
        f"{LINKING}::test_a_passkey_signs_the_transaction_and_no_challenge_twice",
        (
            "authenticators/starting.py",
            '        challenge.nonce = linked_challenge(bytes(challenge.nonce or b""), origin.transaction_hash)\n',
            "",
        ),
    ),
    mutant(
        "linking: a passkey signs the transaction without the random bytes",
        f"{LINKING}::test_a_passkey_signs_the_transaction_and_no_challenge_twice",
        ("authenticators/transactions.py", "sha256(nonce + linked).digest()", "sha256(linked).digest()"),
    ),
    mutant(
        "linking: a proof counts whatever its challenge was for",
        f"{LINKING}::test_a_transaction_that_was_changed_after_its_challenge_began_is_not_proved",
        ("actions/linking.py", "    if facts.transaction_hash != transaction_hash:", "    if False:"),
    ),
    mutant(
        "linking: a row that was altered is believed",
        f"{LINKING}::test_a_transaction_that_was_changed_after_its_challenge_began_is_not_proved",
        ("actions/linking.py", "    if stored.hash != facts.transaction_hash:", "    if False:"),
    ),
    mutant(
        "linking: a challenge begins for a row that was altered",
        f"{LINKING}::test_no_challenge_begins_for_a_transaction_that_was_altered",
        ("actions/proving.py", "    linking.transaction_of(facts)\n", ""),
    ),
    mutant(
        "linking: a proof from before the transaction was known counts",
        f"{LINKING}::test_a_proof_that_was_begun_before_the_transaction_was_known_does_not_count",
        ("actions/claims.py", " and is_same", ""),
        ("actions/proofs.py", "    linking.check_same(facts, proof.challenge.transaction_hash)\n", ""),
    ),
    mutant(
        "linking: a code is sent before the transaction is known",
        f"{LINKING}::test_a_challenge_without_its_user_and_transaction_does_not_begin",
        ("actions/server_challenges.py", "    linking.check_needs_none(tenant, action_code)\n", ""),
    ),
    mutant(
        "linking: a passkey's challenge begins before the transaction is known",
        f"{LINKING}::test_a_challenge_without_its_user_and_transaction_does_not_begin",
        ("actions/ceremonies.py", "    linking.check_needs_none(tenant, code)\n", ""),
    ),
    mutant(
        "linking: the message with the code does not tell what it is for",
        f"{LINKING}::test_the_message_with_the_code_tells_amount_and_payee",
        (
            "authenticators/codes.py",
            "linked=Transaction.read(challenge.transaction) if challenge.transaction else None,",
            "linked=None,",
        ),
    ),
    mutant(
        "linking: the same key takes other values of a server challenge",
        f"{LINKING}::test_a_server_challenge_under_the_same_key_does_not_take_other_values",
        ("actions/joining.py", "            _check_same_custom(held, attributes)\n", ""),
    ),
    mutant(
        "linking: 1e3 and 1000 are two requests",
        f"{LINKING}::test_order_of_keys_and_the_spelling_of_a_number_make_no_other_transaction",
        (
            "actions/track_request.py",
            "return int(value) if isinstance(value, float) and value.is_integer() else value",
            "return value",
        ),
    ),
    mutant(
        "linking: the payee is not in the hash",
        f"{LINKING}::test_another_amount_currency_or_payee_is_another_transaction_and_never_the_same_action",
        (
            "authenticators/transactions.py",
            "return rfc8785.dumps(asdict(self)).decode()",
            'return rfc8785.dumps(asdict(self) | {"payee": "", "text": ""}).decode()',
        ),
    ),
    mutant(
        "linking: any spelling of a transaction is read",
        f"{CANONICAL}::test_no_other_form_is_read",
        ("authenticators/transactions.py", "        if read.canonical != canonical:", "        if False:"),
    ),
]

SEEN = [
    mutant(
        "lookalikes: what cannot be seen passes",
        f"{ALIKE}::test_what_misleads_is_refused",
        ("authenticators/lookalikes.py", 'return category[0] == "C" or category in', "return category in"),
    ),
    mutant(
        "lookalikes: alphabets mixed in one word",
        f"{ALIKE}::test_what_misleads_is_refused",
        ("authenticators/lookalikes.py", "if len(scripts) > 1 and not scripts <= TOGETHER:", "if False:"),
    ),
    mutant(
        "lookalikes: whatever Unicode calls Latin passes",
        f"{ALIKE}::test_what_misleads_is_refused",
        (
            "authenticators/lookalikes.py",
            'if category[0] == "L" and _script(char) == "LATIN" and (not LATIN.match(char) or char in OUT_OF_USE):',
            "if False:",
        ),
    ),
    mutant(
        "lookalikes: a payee is not looked at",
        f"{LINKING}::test_what_the_payer_could_not_read_rightly_is_refused",
        ("actions/linking.py", "                lookalikes.check(value)\n", "                pass\n"),
    ),
    mutant(
        "lookalikes: Cyrillic shown as if it were Latin",
        f"{LINKING}::test_a_payee_that_passes_wholly_for_latin_letters_is_shown_with_its_alphabet",
        (
            "actions/linking.py",
            "lookalikes.shown(value) if isinstance(value := values[name], str) else value",
            "values[name]",
        ),
    ),
]

SIGNED = [
    mutant(
        "receipts: the signature is not checked",
        f"{RECEIPTS}::test_a_receipt_that_was_touched_is_refused",
        (
            "actions/receipts.py",
            "payload = jwt.api_jws.decode(jws, keys[0].key, algorithms=[tokens.ALGORITHM])",
            'payload = jwt.api_jws.decode(jws, options={"verify_signature": False})',
        ),
    ),
    mutant(
        "receipts: the hash is taken for right",
        f"{RECEIPTS}::test_not_even_the_servers_own_key_can_change_what_a_passkey_signed",
        ("actions/receipts.py", '    if linked.hash != claims["hash"]:', "    if False:"),
    ),
    mutant(
        "receipts: what the passkey signed is not checked",
        f"{RECEIPTS}::test_not_even_the_servers_own_key_can_change_what_a_passkey_signed",
        ("actions/receipts.py", "        _check_evidence(claims)\n", "        pass\n"),
    ),
    mutant(
        "receipts: a token passes for one",
        f"{RECEIPTS}::test_a_receipt_is_no_token_and_a_token_is_no_receipt",
        ("actions/receipts.py", '        if header.get("typ") != TYPE:', "        if False:"),
    ),
    mutant(
        "receipts: told although the action was blocked since",
        f"{RECEIPTS}::test_there_is_one_receipt_and_only_for_what_is_proved_now",
        ("actions/serializers.py", "if validation.is_valid and validation.receipt else None", "or None"),
    ),
    mutant(
        "receipts: another tenant's can be downloaded",
        f"{RECEIPTS}::test_an_action_without_a_proof_has_no_receipt_and_another_tenants_has_none_to_show",
        (
            "actions/activity_page.py",
            "        action: Action = self.found(request, str(action_pk))\n        kept =",
            "        action = Action.objects.get(pk=action_pk)\n        kept =",
        ),
    ),
]

TRUSTED = [
    mutant(
        "devices: remembered without a proof",
        f"{DEVICES}::test_nor_by_a_proof_that_its_action_did_not_ask_for",
        (
            "actions/devices.py",
            "proved = action.state == ActionState.CHALLENGE_SUCCEEDED and action.state_updated_at >= since",
            "proved = action.state_updated_at >= since",
        ),
    ),
    mutant(
        "devices: remembered for an old proof",
        f"{DEVICES}::test_an_old_proof_does_not_count",
        (
            "actions/devices.py",
            "proved = action.state == ActionState.CHALLENGE_SUCCEEDED and action.state_updated_at >= since",
            "proved = action.state == ActionState.CHALLENGE_SUCCEEDED",
        ),
    ),
    mutant(
        "devices: remembered where the tenant does not offer it",
        f"{DEVICES}::test_where_the_tenant_does_not_offer_it_nothing_is_remembered",
        ("actions/devices.py", "proved and action.tenant.remember_devices and", "proved and"),
    ),
    mutant(
        "devices: a forgotten one remembered",
        f"{DEVICES}::test_a_device_that_was_forgotten_meanwhile_is_not_remembered",
        (
            "actions/devices.py",
            "device_id=facts.device_id, invalidated_at=None).first()",
            "device_id=facts.device_id).first()",
        ),
    ),
    mutant(
        "devices: a forgotten one remembered again by the next proof",
        f"{DEVICES}::test_a_forgotten_device_is_not_remembered_again_by_the_next_proof",
        (
            "actions/devices.py",
            "device.invalidated_at, device.remembered_until = clock.now(), None",
            "device.invalidated_at = clock.now()",
        ),
    ),
    mutant(
        "devices: somebody else's forgotten",
        f"{DEVICES}::test_nobody_forgets_the_device_of_somebody_else",
        ("actions/hosted_devices.py", "user=user, invalidated_at=None", "invalidated_at=None"),
    ),
    mutant(
        "devices: told and forgotten without a proof",
        f"{DEVICES}::test_devices_are_neither_told_nor_forgotten_without_a_proof",
        (
            "actions/own_methods.py",
            '    if not context.may(Scope.UPDATE):\n        raise Forbidden("Devices',
            '    if False:\n        raise Forbidden("Devices',
        ),
    ),
]

# The text as it would be written now, for whoever looks.
WRITTEN_AGAIN = """\
        text=messages.render(
            ActionConfiguration.objects.get(pk=action.facts.configuration_id).localized_messages.get(
                action.user.locale or "", linked.text
            ),
            action=action.facts.facts["custom"],
            user={},
        ),
"""

IN_EACH_LANGUAGE = [
    mutant(
        "messages: who switches the language is shown another text than the bound one",
        f"{LANGUAGES}::test_who_switches_the_language_is_shown_what_the_challenge_is_bound_to",
        ("actions/linking.py", "        text=linked.text,\n        amount=", f"{WRITTEN_AGAIN}        amount="),
    ),
    mutant(
        "messages: the page behind a link shows what is not bound",
        f"{LANGUAGES}::test_the_page_behind_a_link_shows_it_too",
        ("actions/link_page.py", "linking.transaction_shown(action).text", "facts.message"),
    ),
    mutant(
        "messages: a link confirms a transaction that was altered",
        f"{LANGUAGES}::test_a_link_for_a_transaction_that_was_altered_confirms_nothing",
        ("actions/link_page.py", " or _is_altered(action)", ""),
    ),
    mutant(
        "messages: where a text lacks a value, the default one steps in",
        f"{LANGUAGES}::test_a_text_without_its_value_refuses_the_challenge_and_no_other_language_steps_in",
        (
            "actions/messages.py",
            "    return localized.get(language) or default\n",
            '    found = localized.get(language) or default\n    return default if "{{user." in found else found\n',
        ),
    ),
    mutant(
        "messages: the user's language goes before the app's wish",
        f"{LANGUAGES}::test_the_text_is_in_the_language_of_the_request_then_of_the_user_then_the_default_one",
        (
            "actions/consequences.py",
            'languages.asked_for(request.sent.get("locale"), known.locale)',
            'languages.asked_for(known.locale, request.sent.get("locale"))',
        ),
    ),
    mutant(
        "messages: a shop's code is written again for who scans it",
        f"{LANGUAGES}::test_a_shops_code_says_its_default_text_whatever_language_its_scanner_speaks",
        (
            "actions/ceremonies.py",
            "in_default_text=bool(challenge.transaction_hash)",
            "in_default_text=False",
        ),
    ),
    mutant(
        "messages: who opened the page before it was switched on switches it off",
        f"{MESSAGES}::test_who_saves_what_somebody_changed_meanwhile_undoes_nothing_and_keeps_what_was_typed",
        ("rules/message_form.py", "        if self.is_overtaken:\n", "        if False:\n"),
    ),
    mutant(
        "messages: who sends no fingerprint saw everything",
        f"{MESSAGES}::test_who_saves_what_somebody_changed_meanwhile_undoes_nothing_and_keeps_what_was_typed",
        ("rules/message_form.py", 'self.data.get("seen", "")', 'self.data.get("seen", self.now)'),
    ),
    mutant(
        "messages: over anything whatever",
        f"{MESSAGES}::test_over_what_was_shown_is_not_over_what_was_changed_since",
        ("rules/message_form.py", "bool(self.seen != self.now)", 'self.seen != self.now and "over" not in self.data'),
    ),
    mutant(
        "messages: only the default text must tell the transaction",
        f"{MESSAGES}::test_with_dynamic_linking_every_language_tells_amount_currency_and_payee",
        (
            "rules/message_form.py",
            "            for problem in self._problems(text, cleaned):",
            '            for problem in self._problems(text, cleaned) if field == "message" else ():',
        ),
    ),
    mutant(
        "messages: whatever stands in braces is a placeholder",
        f"{MESSAGES}::test_what_no_value_can_fill_is_refused_by_its_name_and_language",
        ("rules/message_form.py", "            if unknown not in known:", "            if False:"),
    ),
    mutant(
        "messages: who may only read writes them",
        f"{MESSAGES}::test_who_only_reads_sees_the_texts_and_changes_none",
        ("rules/message_page.py", "            self._must_change(request)\n", ""),
    ),
]

DYNAMIC_LINKING = [*BOUND, *SEEN, *SIGNED, *TRUSTED, *IN_EACH_LANGUAGE]
