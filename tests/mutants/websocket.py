"""Ways to break the socket of QR codes, and payments by them: who may open one, its bounds, what is told."""

from tests.mutants.catalogue import mutant

SOCKET = "tests/api/test_qr_socket.py"
PAYMENT = "tests/api/test_qr_payment.py"
HANDSHAKE = "actions/socket_handshake.py"
API = "authsignal_portal/api.py"
OPEN = "actions/qr_socket.py"

WHO = [
    mutant(
        "websocket: another browser than the page's opens a socket",
        f"{SOCKET}::test_once_the_page_was_opened_a_socket_is_for_the_browser_that_opened_it",
        (HANDSHAKE, "    check_browser(request, context)\n", ""),
    ),
    mutant(
        "websocket: a socket that was open before the page goes on",
        f"{SOCKET}::test_once_the_page_was_opened_a_socket_is_for_the_browser_that_opened_it",
        ("actions/qr_socket.py", "            check_browser(self._caller.request, context)\n", "            pass\n"),
    ),
    mutant(
        "websocket: any origin",
        f"{SOCKET}::test_only_the_tenants_own_origins_open_a_socket_from_a_page",
        (HANDSHAKE, "    check_origin(request, caller.tenant)\n", ""),
    ),
    mutant(
        "websocket: no origin is what a page without one sends",
        f"{SOCKET}::test_only_the_tenants_own_origins_open_a_socket_from_a_page",
        (API, "if origin is not None and origin not in", 'if origin not in (None, "", "null") and origin not in'),
    ),
    mutant(
        "websocket: an expired token opens a socket",
        f"{SOCKET}::test_only_a_valid_credential_opens_a_socket",
        ("actions/client_auth.py", " or token.expires_at <= action.clock:", ":"),
    ),
    mutant(
        "websocket: a device scans another tenant's code",
        f"{SOCKET}::test_a_credential_is_for_its_own_tenants_socket_and_codes",
        (
            "actions/device_proving.py",
            "rows.filter(pk=challenge_id, tenant=tenant, method=M.QR_CODE",
            "rows.filter(pk=challenge_id, method=M.QR_CODE",
        ),
    ),
    mutant(
        "websocket: the first of several credentials counts",
        f"{SOCKET}::test_only_a_valid_credential_opens_a_socket",
        (HANDSHAKE, "or len(credentials) != 1:", "or not credentials:"),
    ),
    mutant(
        "websocket: a token counts for as long as its socket",
        f"{SOCKET}::test_a_token_shows_codes_of_its_own_action_while_it_lives",
        (OPEN, "context = read_context(self._caller.token) if self._caller.token else None", "context = None"),
    ),
    mutant(
        "websocket: a header with an underscore passes for the proxy's",
        f"{SOCKET}::test_a_proxys_word_on_the_address_counts_and_nobody_elses",
        (HANDSHAKE, 'if b"_" not in name:', "if True:"),
    ),
]

BOUNDS = [
    mutant(
        "websocket: messages of any length",
        f"{SOCKET}::test_what_is_no_request_for_a_code_closes_the_socket",
        (OPEN, "if len(raw) > MAX_BODY:", "if False:"),
    ),
    mutant(
        "websocket: length counted in characters",
        f"{SOCKET}::test_what_is_no_request_for_a_code_closes_the_socket",
        (OPEN, "if len(raw) > MAX_BODY:", "if len(text) > MAX_BODY:"),
    ),
    mutant(
        "websocket: any number of sockets for a user",
        f"{SOCKET}::test_a_user_an_address_and_a_tenant_have_so_many_sockets_and_places_come_back",
        (HANDSHAKE, '{f"user:{context.user.pk}": settings.SOCKETS_PER_USER, **', "{**"),
    ),
    mutant(
        "websocket: any number of sockets for an address",
        f"{SOCKET}::test_an_address_has_no_more_than_its_places_without_a_token",
        (HANDSHAKE, '        f"address:{bucket(address)}": settings.SOCKETS_PER_ADDRESS,\n', ""),
    ),
    mutant(
        "websocket: a machine has as many addresses as its network",
        f"{SOCKET}::test_a_machine_has_one_address_whichever_it_takes_and_whichever_tenant_it_names",
        (HANDSHAKE, 'f"address:{bucket(address)}"', 'f"address:{address}"'),
    ),
    mutant(
        "websocket: a machine has its places once more at each tenant",
        f"{SOCKET}::test_a_machine_has_one_address_whichever_it_takes_and_whichever_tenant_it_names",
        (HANDSHAKE, 'f"address:{bucket(address)}"', 'f"address:{tenant.pk}:{bucket(address)}"'),
    ),
    mutant(
        "websocket: pages without a user take all of a tenant's places",
        f"{SOCKET}::test_pages_that_know_no_user_leave_half_of_a_tenants_places_to_users",
        (HANDSHAKE, "settings.SOCKETS_PER_TENANT // 2", "settings.SOCKETS_PER_TENANT"),
    ),
    mutant(
        "websocket: requests are counted by whole IPv6 addresses",
        "tests/portal/test_limits.py::test_whichever_address_of_its_network_a_host_takes_it_is_counted_as_one",
        ("authsignal_portal/limits.py", '"address", bucket(address))', '"address", address)'),
    ),
    mutant(
        "websocket: any number of sockets for a tenant",
        f"{SOCKET}::test_a_user_an_address_and_a_tenant_have_so_many_sockets_and_places_come_back",
        (HANDSHAKE, 'return {f"tenant:{tenant.pk}": settings.SOCKETS_PER_TENANT}', "return {}"),
    ),
    mutant(
        "websocket: places are not given back",
        f"{SOCKET}::test_a_user_an_address_and_a_tenant_have_so_many_sockets_and_places_come_back",
        (
            OPEN,
            "        await in_database(socket_places.give_back, self._name, self._caller.bounds)\n",
            "",
        ),
    ),
    mutant(
        "websocket: any number of sockets in a process",
        f"{SOCKET}::test_a_process_has_so_many_sockets",
        ("actions/qr_watch.py", "if self._sockets >= settings.SOCKETS_PER_PROCESS:", "if False:"),
    ),
    mutant(
        "websocket: any number of codes on one socket",
        f"{SOCKET}::test_a_socket_asks_for_so_many_codes_a_minute",
        (OPEN, "if len(self._asked) >= settings.SOCKET_CODES_PER_MINUTE:", "if False:"),
    ),
    mutant(
        "websocket: codes without a token are not counted",
        f"{SOCKET}::test_codes_without_a_token_count_against_the_address_as_over_rest",
        (
            OPEN,
            "            limits.without_token(self._caller.tenant.pk, client_ip(self._caller.request))\n",
            "            pass\n",
        ),
    ),
    mutant(
        "websocket: a socket that waits for nothing stays open",
        f"{SOCKET}::test_a_socket_that_waits_for_nothing_is_closed_and_one_that_waits_is_kept_alive",
        (OPEN, "if not self._codes and now >=", "if False and now >="),
    ),
]

TOLD = [
    mutant(
        "websocket: nobody looks where word was lost",
        f"{SOCKET}::test_without_redis_what_becomes_of_a_code_is_found_by_looking",
        ("actions/qr_watch.py", "            both.create_task(self._look())\n", ""),
    ),
    mutant(
        "websocket: no word of a change",
        f"{SOCKET}::test_a_rejected_code_is_told_and_fails_the_action",
        ("actions/qr_watch.py", "            both.create_task(self._listen())\n", ""),
    ),
    mutant(
        "websocket: a code that a page has replaced can be scanned",
        f"{SOCKET}::test_a_new_code_ends_the_one_before_unless_somebody_has_scanned_it",
        (
            OPEN,
            "        device_waiting.withdraw_unscanned([code.id for code in self._codes])\n        return",
            "        return",
        ),
    ),
    mutant(
        "websocket: a new code ends one that somebody is deciding on",
        f"{SOCKET}::test_a_new_code_ends_the_one_before_unless_somebody_has_scanned_it",
        ("actions/device_waiting.py", "method=M.QR_CODE, authenticator=None))", "method=M.QR_CODE))"),
    ),
    mutant(
        "websocket: a code of a page that left can be scanned",
        f"{SOCKET}::test_a_code_that_no_page_shows_any_more_is_over_and_one_that_was_scanned_is_not",
        (OPEN, "await in_database(device_waiting.withdraw_unscanned, [code.id for code in self._codes])", "pass"),
    ),
    mutant(
        "websocket: a code lives as long as its socket",
        f"{SOCKET}::test_a_code_runs_out_after_ten_minutes_by_the_databases_clock",
        (
            "actions/device_waiting.py",
            "Q(failed_at__isnull=False) | Q(expires_at__lte=clock.Now())",
            "Q(failed_at__isnull=False)",
        ),
    ),
]

PAID = [
    mutant(
        "websocket: an approval of whatever the app has shown",
        f"{PAYMENT}::test_an_approval_of_another_transaction_than_the_stored_one_is_refused",
        (
            "authenticators/device_keys.py",
            "if answer.transaction_hash and answer.transaction_hash != challenge.transaction_hash:",
            "if False:",
        ),
    ),
    mutant(
        "websocket: what is approved after the scan is not compared",
        f"{PAYMENT}::test_a_payment_that_was_altered_after_the_scan_is_not_approved",
        ("actions/proofs.py", "    linking.check_same(facts, proof.challenge.transaction_hash)\n", ""),
    ),
    mutant(
        "websocket: a shop's code is shown without its payment",
        f"{PAYMENT}::test_a_shops_code_says_all_of_its_payment_or_is_not_shown",
        ("actions/device_waiting.py", "linked = linking.asked_for(tenant, action, custom)", "linked = None"),
    ),
    mutant(
        "websocket: who scans a code is told another payment than it was shown for",
        f"{PAYMENT}::test_a_shops_code_is_worth_nothing_once_its_action_is_linked_in_another_way",
        ("actions/device_proving.py", "        linking.check_same(action.facts, challenge.transaction_hash)\n", ""),
    ),
    mutant(
        "websocket: an unsigned question is told the payment",
        f"{PAYMENT}::test_a_push_tells_the_payment_to_an_app_that_signs_its_question",
        ("actions/client_answering.py", "(shown_output(action) if is_signed else {})", "shown_output(action)"),
    ),
]

WEBSOCKET = [*WHO, *BOUNDS, *TOLD, *PAID]
