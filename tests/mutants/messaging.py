"""Ways to break links, providers and the guard of outgoing requests that a test must notice."""

from tests.mutants.catalogue import (
    CHALLENGE_UNLOCKED,
    CONSUMED_BY_SAVING,
    COUNT_UNLOCKED,
    USER_UNLOCKED,
    mutant,
)

LINK = "tests/api/test_magic_link.py"
RACE = "tests/races/test_links.py"
OUTBOUND = "tests/authenticators/test_outbound.py"
EMAIL = "tests/authenticators/test_email.py"
WEBHOOK = "tests/authenticators/test_webhook_provider.py"
SENDERS = "tests/authenticators/test_sender_services.py"
REPORTS = "tests/authenticators/test_email_callbacks.py"
SENDER_PAGES = "tests/portal/test_portal_sender_services.py"
TWILIO = "tests/authenticators/test_twilio_status.py"
WHATSAPP = "tests/api/test_whatsapp.py"
PAGES = "tests/portal/test_portal_providers.py"
FORWARDED = "tests/api/test_forwarded_data.py"

LINKS = [
    mutant(
        "link: a confirmed link is judged without locks and saved",
        f"{RACE}::test_a_confirmed_link_is_one_proof",
        USER_UNLOCKED,
        COUNT_UNLOCKED,
        CHALLENGE_UNLOCKED,
        CONSUMED_BY_SAVING,
    ),
    mutant(
        "link: confirmed whether or not it was before",
        f"{RACE}::test_a_link_is_confirmed_once",
        (
            "authenticators/links.py",
            "unused = MagicLink.objects.filter(pk=link.pk, token_hash=link.token_hash, used_at=None)",
            "unused = MagicLink.objects.filter(pk=link.pk, token_hash=link.token_hash)",
        ),
    ),
    mutant(
        "link: opening it confirms it",
        f"{LINK}::test_opening_it_changes_nothing_however_often_and_whoever_does",
        (
            "actions/link_page.py",
            'if request.method == "POST":\n            return _confirmed(request, visit)',
            "return _completed(request, visit)",
        ),
    ),
    mutant(
        "link: any browser completes it",
        f"{LINK}::test_another_browser_is_shown_a_code_and_proves_nothing",
        ("actions/link_page.py", "if visit.is_same_browser or visit.needs_address:", "if True:"),
    ),
    mutant(
        "link: a frame completes it",
        f"{LINK}::test_a_page_in_a_frame_takes_a_code_because_nothing_tells_its_browser",
        ("actions/link_page.py", "return bool(bound) and crypto", "return not bound or crypto"),
    ),
    mutant(
        "link: the SDK's endpoint gets around the browser",
        f"{LINK}::test_whoever_calls_the_sdks_endpoint_does_not_get_around_the_browser",
        (
            "actions/link_page.py",
            "return not self.link.is_hosted and not self.action.facts.bound_browser",
            "return not self.link.is_hosted",
        ),
    ),
    mutant(
        "link: a button is enough where an SDK waits",
        f"{LINK}::test_where_an_sdk_waits_the_address_must_be_typed_and_ten_wrong_ones_end_the_link",
        (
            "authenticators/links.py",
            "return _try(link) and link.challenge.contact_index in contact.indexes(link.challenge.tenant_id, typed)",
            "return _try(link)",
        ),
    ),
    mutant(
        "link: addresses are tried without end",
        f"{LINK}::test_where_an_sdk_waits_the_address_must_be_typed_and_ten_wrong_ones_end_the_link",
        ("authenticators/links.py", 'update(tries=F("tries") + 1)', 'update(tries=F("tries"))'),
    ),
    mutant(
        "link: the form is good in any browser",
        f"{LINK}::test_the_form_is_good_only_in_the_browser_that_it_was_shown_in",
        (
            "actions/link_page.py",
            'return crypto.is_keyed_hash(given, "magic-link-form", self.browser, links.hash_of(self.token))',
            "return True",
        ),
    ),
    mutant(
        "link: the token itself is stored",
        f"{LINK}::test_only_the_hash_of_256_random_bits_is_kept",
        ("authenticators/links.py", "return hashlib.sha256(token.encode()).hexdigest()", "return token"),
    ),
    mutant(
        "link: one that waits is tried again every second",
        f"{LINK}::test_a_code_of_nobody_is_a_wrong_guess_and_limited",
        (
            "actions/verifying.py",
            "            # Else every second would try it again.\n            links.withdraw(challenge)\n",
            "            pass\n",
        ),
    ),
    mutant(
        "link: polls are not limited",
        f"{LINK}::test_a_page_that_waits_changes_nothing_and_may_ask_every_second",
        ("actions/client_messaging.py", "        limits.link_poll(self.context.action.pk)\n", ""),
    ),
]

GUARD = [
    mutant(
        "guard: no address is judged",
        f"{OUTBOUND}::test_no_spelling_of_an_inner_address_is_reached",
        (
            "authsignal_portal/outbound.py",
            "    judge_public(addresses, public_only=public_only)\n\n\ndef judge",
            "\n\ndef judge",
        ),
    ),
    mutant(
        "guard: only the address itself is judged, not what it hides",
        f"{OUTBOUND}::test_an_inner_address_is_found_in_whatever_it_is_hidden",
        (
            "authsignal_portal/outbound.py",
            "return _is_public_itself(address) and all(map(_is_public_itself, embedded(address)))",
            "return _is_public_itself(address)",
        ),
    ),
    mutant(
        "guard: one public address is enough",
        f"{OUTBOUND}::test_one_inner_address_among_public_ones_forbids_the_name",
        (
            "authsignal_portal/outbound.py",
            "if not all(is_public(address) or (is_allowed(address) and not public_only) for address in addresses):",
            "if not any(is_public(address) or (is_allowed(address) and not public_only) for address in addresses):",
        ),
    ),
    mutant(
        "guard: the name is asked again for the connection",
        f"{OUTBOUND}::test_a_name_is_asked_for_once_and_the_judged_address_is_the_one_connected_to",
        (
            "authsignal_portal/outbound.py",
            "socket.create_connection((str(address), target.port), left)",
            "socket.create_connection((str(resolve(target.host, target.port)[0]), target.port), left)",
        ),
    ),
    mutant(
        "guard: the certificate's name is not looked at",
        f"{OUTBOUND}::test_the_certificate_must_be_of_the_name_and_trusted",
        (
            "authsignal_portal/outbound.py",
            "server_hostname=target.host)",
            'server_hostname="hooks.acme.example")',
        ),
    ),
    mutant(
        "guard: a name that is never answered for is asked for by each message",
        f"{OUTBOUND}::test_names_that_are_never_answered_for_keep_nobody_else_waiting",
        (
            "authsignal_portal/outbound.py",
            "            if (host, port) not in self._asked:\n",
            "            if True:\n",
        ),
    ),
    mutant(
        "guard: an answer may trickle for ever",
        f"{OUTBOUND}::test_an_answer_that_trickles_is_left_in_time",
        (
            "authsignal_portal/outbound.py",
            "        left = self.until - time.monotonic()\n        if left <= 0:\n            raise TimeoutError",
            "        left = 3.0\n        if left <= 0:\n            raise TimeoutError",
        ),
    ),
]

PROVIDERS = [
    mutant(
        "email: a mail server's reply may never end",
        f"{EMAIL}::test_a_mail_server_that_never_comes_to_an_end_is_left_in_time",
        ("authenticators/messaging/email.py", "io.BufferedReader(_Replies(self))", 'self.sock.makefile("rb")'),
    ),
    mutant(
        "email: a mail server may say anything",
        f"{EMAIL}::test_of_a_mail_server_that_says_a_lot_little_is_read",
        ("authenticators/messaging/email.py", "        if self.talk.said > MOST_SAID:\n", "        if False:\n"),
    ),
    mutant(
        "webhook: signed with the time of the message, not of the attempt",
        f"{WEBHOOK}::test_a_later_attempt_has_the_same_id_and_a_signature_of_its_own_time",
        ("authenticators/delivery.py", "at=clock.now(), status_url", "at=message.created_at, status_url"),
    ),
    mutant(
        "webhook: the body is not signed byte for byte",
        f"{WEBHOOK}::test_the_vendors_verifier_accepts_every_attempt_even_after_an_hour",
        (
            "authenticators/messaging/webhook.py",
            "webhook_signature.header(body,",
            "webhook_signature.header(body[:-1],",
        ),
    ),
    mutant(
        "webhook: a redirect counts as accepted",
        f"{WEBHOOK}::test_anything_but_2xx_is_a_refusal",
        ("authenticators/messaging/webhook.py", "if not 200 <= answer.status <= 299:", "if answer.status >= 400:"),
    ),
    mutant(
        "failover: what may have been accepted goes to the next too",
        f"{WEBHOOK}::test_what_may_have_been_accepted_goes_to_nobody_else",
        ("authenticators/delivery.py", "refused = not error.unsure and (", "refused = ("),
    ),
    mutant(
        "failover: another tenant's provider",
        f"{WEBHOOK}::test_another_tenants_provider_and_one_switched_off_are_not_used",
        (
            "authenticators/routing.py",
            "rows = MessageProvider.objects.filter(tenant=message.tenant_id, channel__in=channels, is_active=True)",
            "rows = MessageProvider.objects.filter(channel__in=channels, is_active=True)",
        ),
    ),
    mutant(
        "twilio: any signature will do",
        f"{TWILIO}::test_what_is_not_signed_by_the_account_is_refused",
        (
            "authenticators/callbacks.py",
            "return bool(token) and hmac.compare_digest(signature(token, url, form).encode(), given.encode())",
            "return bool(token)",
        ),
    ),
    mutant(
        "twilio: a status goes back",
        f"{TWILIO}::test_statuses_in_any_order_end_with_the_last_word",
        (
            "authenticators/delivery_news.py",
            "older = Message.objects.filter(pk=message.pk, delivery__in=earlier)",
            "older = Message.objects.filter(pk=message.pk)",
        ),
    ),
    mutant(
        "whatsapp: limits of its own",
        f"{WHATSAPP}::test_sms_and_whatsapp_share_the_sending_limits",
        (
            "authenticators/sending.py",
            "return PRICED if self.is_priced else frozenset({self.channel})",
            "return frozenset({self.channel})",
        ),
    ),
    mutant(
        "providers: the secret goes to a server that somebody else names",
        f"{PAGES}::test_an_empty_secret_is_kept_unless_it_would_go_elsewhere",
        (
            "authenticators/provider_form.py",
            "elif self.instance.secret_sealed is not None and SECRET_GOES_TO & set(self.changed_data):",
            "elif False:",
        ),
    ),
    mutant(
        "providers: tests without end",
        f"{PAGES}::test_ten_tests_an_hour_are_enough",
        ("authenticators/provider_page.py", "                limits.provider_test(here.tenant.pk)\n", ""),
    ),
    mutant(
        "providers: no code is asked for",
        f"{PAGES}::test_a_code_is_asked_for_because_whoever_sends_the_codes_has_them",
        (
            "authenticators/provider_page.py",
            "if sent is not None and form.is_valid() and proof.is_valid():",
            "if sent is not None and form.is_valid():",
        ),
    ),
]

SENDER_SERVICES = [
    mutant(
        "sender service: a redirect is followed",
        f"{SENDERS}::test_a_redirect_is_a_refusal_and_nobody_else_gets_the_mail",
        (
            "authenticators/messaging/sender_api.py",
            "    def get_redirect_target(self, _response: requests.Response) -> None:",
            "    def no_redirect_target(self, _response: requests.Response) -> None:",
        ),
    ),
    mutant(
        "sender service: proxies of the environment get the mail",
        f"{SENDERS}::test_proxies_and_passwords_of_the_environment_are_not_used",
        ("authenticators/messaging/sender_api.py", "self.trust_env = False", "self.trust_env = True"),
    ),
    mutant(
        "sender service: silence is a refusal",
        f"{SENDERS}::test_what_a_silent_service_may_have_taken_goes_to_nobody_else",
        ("authenticators/messaging/sender_api.py", "unsure=error.sent) from None", "unsure=False) from None"),
    ),
    mutant(
        "sender service: an answer that nobody can read is a refusal",
        f"{SENDERS}::test_each_service_takes_a_mail_and_what_it_says_of_it_is_understood",
        (
            "authenticators/messaging/sender_api.py",
            'the answer cannot be read", permanent=True, unsure=True)',
            'the answer cannot be read", permanent=True)',
        ),
    ),
    mutant(
        "sender service: several addresses in one",
        f"{SENDERS}::test_what_is_not_one_address_is_refused_before_anything_is_sent",
        ("authenticators/messaging/sender_api.py", "to=[str(parse_single_address(message.to))]", "to=[message.to]"),
    ),
    mutant(
        "sender service: the secret goes to another region unasked",
        f"{SENDER_PAGES}::test_the_secrets_are_kept_unless_the_first_would_go_elsewhere",
        ("authenticators/provider_form.py", '"account", "host", "port", "region"}', '"account", "host", "port"}'),
    ),
    mutant(
        "reports: any secret will do",
        f"{REPORTS}::test_each_service_is_believed_by_its_own_secret_and_by_no_other",
        ("authenticators/messaging/sender_reports.py", "        view.run_validators(request)\n", ""),
    ),
    mutant(
        "reports: believed without a secret",
        f"{REPORTS}::test_nothing_is_believed_where_no_secret_was_set",
        (
            "authenticators/messaging/sender_reports.py",
            "if not service.reports or not secret:",
            "if not service.reports:",
        ),
    ),
    mutant(
        "reports: of whoever's messages",
        f"{REPORTS}::test_only_messages_of_its_own_are_changed",
        (
            "authenticators/email_callbacks.py",
            "filter(channel=Channel.EMAIL, tenant=row.tenant_id, carrier=row)",
            "filter(channel=Channel.EMAIL)",
        ),
    ),
    mutant(
        "reports: one that is too fast is lost",
        f"{REPORTS}::test_a_report_that_is_faster_than_the_answer_is_asked_for_again",
        ("authenticators/email_callbacks.py", "    if is_sending and any(", "    if False and any("),
    ),
    mutant(
        "reports: of other mail than ours without end",
        f"{REPORTS}::test_an_account_that_sends_other_mail_too_is_not_asked_again_for_ever",
        ("authenticators/email_callbacks.py", "report.at is None or now - report.at < NEW_FOR for", "True for"),
    ),
    mutant(
        "reports: of a message that nobody sends any more",
        f"{REPORTS}::test_what_a_dead_worker_left_holds_up_no_report",
        ("authenticators/email_callbacks.py", "SENDING, lease_until__gt=now)", "SENDING)"),
    ),
    mutant(
        "reports: a key that verifies nothing is saved",
        f"{SENDER_PAGES}::test_what_cannot_work_is_refused_at_its_field",
        (
            "authenticators/messaging/sender_reports.py",
            "if key is not None and not isinstance(key, EllipticCurvePublicKey):",
            "if False:",
        ),
    ),
    mutant(
        "sender service: what a gateway may have passed on goes to the next",
        f"{SENDERS}::test_what_a_gateway_may_have_passed_on_goes_to_nobody_else",
        ("authenticators/messaging/sender_api.py", "    if status in UNSURE:", "    if False:"),
    ),
]

DATA = [
    mutant(
        "forwarded: all custom data",
        f"{FORWARDED}::test_a_code_by_email_goes_with_what_is_forwarded",
        ("actions/shared_data.py", "_chosen(action, is_forwarded=True)", "_chosen(action)"),
    ),
    mutant(
        "forwarded: what the user's phone may see",
        f"{FORWARDED}::test_a_code_by_email_goes_with_what_is_forwarded",
        ("actions/shared_data.py", "_chosen(action, is_forwarded=True)", "_chosen(action, is_public=True)"),
    ),
    mutant(
        "forwarded: what another tenant marked",
        f"{FORWARDED}::test_another_tenants_mark_does_not_count",
        ("actions/shared_data.py", "filter(tenant=action.tenant_id, **marked)", "filter(**marked)"),
    ),
    mutant(
        "forwarded: to whoever sends text messages",
        f"{FORWARDED}::test_a_text_message_and_a_push_go_without",
        ("authenticators/outbox.py", "    if variables and channel == Channel.EMAIL:", "    if variables:"),
    ),
]

MESSAGING = [*LINKS, *GUARD, *PROVIDERS, *SENDER_SERVICES, *DATA]
