"""Ways to break the web app: a code for two phones, a key that leaves, notifications that tell or reach too much."""

from tests.mutants.catalogue import mutant

APP = "tests/api/test_web_app.py"
NOTIFICATIONS = "tests/authenticators/test_web_push.py"
RACE = "tests/races/test_app_invitations.py"
BROWSER = "tests/browser/test_web_app.py"
INVITATIONS = "authenticators/app_invitations.py"

WEBAPP = [
    mutant(
        "webapp: a code for a second phone",
        f"{APP}::test_an_invitation_is_used_once",
        (
            INVITATIONS,
            "(tenant=tenant, used_at=None, expires_at__gt=clock.Now())",
            "(tenant=tenant, expires_at__gt=clock.Now())",
        ),
        (INVITATIONS, "(pk=invitation.pk, used_at=None, expires_at__gt=clock.Now())", "(pk=invitation.pk)"),
    ),
    mutant(
        "webapp: a code for all who come at once",
        f"{RACE}::test_of_many_apps_with_one_invitation_one_is_enrolled",
        (INVITATIONS, "(pk=invitation.pk, used_at=None, expires_at__gt=clock.Now())", "(pk=invitation.pk)"),
    ),
    mutant(
        "webapp: a code that never ends",
        f"{APP}::test_an_invitation_that_is_too_old_or_overtaken_enrols_nobody",
        (INVITATIONS, "(tenant=tenant, used_at=None, expires_at__gt=clock.Now())", "(tenant=tenant, used_at=None)"),
        (
            INVITATIONS,
            "(pk=invitation.pk, used_at=None, expires_at__gt=clock.Now())",
            "(pk=invitation.pk, used_at=None)",
        ),
    ),
    mutant(
        "webapp: a code that outlives its token",
        f"{APP}::test_an_invitation_lives_no_longer_than_its_token",
        (
            INVITATIONS,
            "min(now + timedelta(seconds=settings.APP_INVITATION_SECONDS), token.expires_at)",
            "now + timedelta(seconds=settings.APP_INVITATION_SECONDS)",
        ),
    ),
    mutant(
        "webapp: a code of another tenant",
        f"{APP}::test_an_invitation_counts_for_its_own_tenant_alone",
        (INVITATIONS, "(tenant=tenant, used_at=None", "(used_at=None"),
        (INVITATIONS, 'keyed_hashes("app-invitation", tenant.pk.bytes, code)', 'keyed_hashes("app-invitation", code)'),
    ),
    mutant(
        "webapp: an invitation that is a client token",
        f"{APP}::test_an_invitation_opens_nothing_else",
        (
            "actions/client_devices.py",
            '    """GET: whether it is still enrolled. POST: enrol it, or bring it up to date."""\n',
            "    authentication_classes = [InvitedApp, *DeviceView.authentication_classes]\n",
        ),
    ),
    mutant(
        "webapp: an invitation that vouches for its user",
        f"{APP}::test_what_was_a_first_app_when_it_was_invited_is_judged_anew_when_it_comes",
        (
            "actions/app_enrolment.py",
            "scopes=frozenset(invitation.token_scope.split())",
            'scopes=frozenset(["add:authenticators"])',
        ),
    ),
    mutant(
        "webapp: an invitation without a proof",
        f"{APP}::test_a_further_app_takes_the_word_or_a_proof_that_its_page_had",
        (
            "actions/app_enrolment.py",
            "            proving.check_may_enrol(context, method, adds=False)\n",
            "            pass\n",
        ),
    ),
    mutant(
        "webapp: offered to users of all tenants",
        f"{APP}::test_the_app_is_offered_only_where_the_tenant_wants_it",
        (
            "authenticators/available.py",
            "(tenant=tenant, web_app=True, is_active=True)",
            "(tenant=tenant, is_active=True)",
        ),
    ),
    mutant(
        "webapp: any address as subscription",
        f"{APP}::test_a_subscription_that_leads_into_a_private_network_is_refused",
        ("authenticators/web_push.py", "    outbound.check_url(endpoint, public_only=not _is_ours(endpoint))\n", ""),
    ),
    mutant(
        "webapp: the operator's networks open to whoever enrols a phone",
        f"{APP}::test_a_subscription_that_leads_into_a_private_network_is_refused",
        (
            "authenticators/web_push.py",
            "check_url(endpoint, public_only=not _is_ours(endpoint))",
            "check_url(endpoint)",
        ),
    ),
    mutant(
        "webapp: the operator's networks open to a name that leads there",
        f"{NOTIFICATIONS}::test_a_name_that_leads_into_a_private_network_is_not_connected_to",
        ("authenticators/web_push.py", "not _is_ours(subscription.endpoint)\n", "False\n"),
    ),
    mutant(
        "webapp: any public address as push service",
        f"{APP}::test_a_subscription_at_no_known_push_service_is_refused",
        ("authenticators/web_push.py", "if not (_is_ours(endpoint) or _is_known(endpoint)):", "if False:"),
    ),
    mutant(
        "webapp: push services by how their names end",
        f"{APP}::test_a_subscription_at_no_known_push_service_is_refused",
        (
            "authenticators/web_push.py",
            'host == one or (one.startswith(".") and host.endswith(one))',
            'host.endswith(one.lstrip("."))',
        ),
    ),
    mutant(
        "webapp: a subscription that nothing can be signed for",
        f"{APP}::test_a_subscription_at_no_known_push_service_is_refused",
        ("authenticators/web_push.py", "        origins.origin_of(endpoint)\n", ""),
    ),
    mutant(
        "webapp: a subscription too deep to be read",
        f"{APP}::test_what_is_no_subscription_is_refused",
        ("authenticators/web_push.py", "TypeError, RecursionError", "TypeError"),
    ),
    mutant(
        "webapp: one message that ends the sweep of all",
        "tests/authenticators/test_delivery.py"
        "::test_what_no_provider_should_raise_ends_its_message_and_holds_nothing_up",
        ("authenticators/delivery.py", "    except Exception as error:", "    except ZeroDivisionError as error:"),
    ),
    mutant(
        "webapp: one slow phone takes the time of all",
        f"{NOTIFICATIONS}::test_phones_that_would_take_longer_than_the_whole_are_left_out",
        ("authenticators/messaging/web_push.py", "until - outbound.TOTAL_SECONDS / 2", "until"),
    ),
    mutant(
        "webapp: notifications past the guard",
        f"{NOTIFICATIONS}::test_a_name_that_leads_into_a_private_network_is_not_connected_to",
        ("authenticators/web_push.py", "    outbound.check_url(endpoint, public_only=not _is_ours(endpoint))\n", ""),
        (
            "authenticators/web_push.py",
            "    return outbound.post(subscription.endpoint, body, headers, public_only=public_only).status\n",
            (
                "    import requests\n"
                "    return requests.post(subscription.endpoint, body, headers=headers, timeout=5).status_code\n"
            ),
        ),
    ),
    mutant(
        "webapp: a notification that names the challenge",
        f"{NOTIFICATIONS}::test_a_notification_is_read_by_its_browser_alone_and_tells_its_own_id_alone",
        ("authenticators/messaging/web_push.py", '{"id": message.ident}', '{"id": message.text}'),
    ),
    mutant(
        "webapp: a notification that outlives its challenge",
        f"{NOTIFICATIONS}::test_a_notification_is_read_by_its_browser_alone_and_tells_its_own_id_alone",
        ("authenticators/messaging/web_push.py", "max(0, int((until - message.at).total_seconds()))", "86400"),
    ),
    mutant(
        "webapp: signed for every push service",
        f"{NOTIFICATIONS}::test_the_tenants_key_signs_for_that_push_service_and_for_hours",
        ("authenticators/web_push.py", '"aud": origins.origin_of(endpoint)', '"aud": "https://push.example"'),
    ),
    mutant(
        "webapp: subscriptions that are kept for ever",
        f"{NOTIFICATIONS}::test_a_subscription_that_is_over_is_forgotten_and_the_others_are_told",
        ("authenticators/messaging/web_push.py", "        _forget(row)\n", "        pass\n"),
    ),
    mutant(
        "webapp: every phone of everybody rings",
        f"{NOTIFICATIONS}::test_a_push_to_one_phone_rings_no_other_and_one_to_all_rings_nobody_elses",
        (
            "authenticators/messaging/web_push.py",
            "(Authenticator.usable(), user=challenge.user_id)",
            "(Authenticator.usable())",
        ),
    ),
    mutant(
        "webapp: the transaction told to whoever knows the public key",
        f"{APP}::test_the_app_is_told_the_transaction_and_whether_a_number_is_typed",
        (
            "actions/client_answering.py",
            "return shown | (shown_output(action) if is_signed else {})",
            "return shown | shown_output(action)",
        ),
    ),
    mutant(
        "webapp: a code of anybody's claimed by a link",
        f"{APP}::test_a_link_claims_no_code_that_anybody_could_have_begun",
        ("actions/device_proving.py", "if by_link and challenge.user_id is None:", "if False:"),
    ),
    mutant(
        "webapp: a link that claims before anybody presses",
        f"{BROWSER}::test_a_code_is_used_once_and_a_qr_code_by_its_link",
        ("static/app/app.js", 'if (byLink && (await screen("linked"', 'if (false && (await screen("linked"'),
    ),
    mutant(
        "webapp: a refusal that stopped nothing, called one",
        f"{BROWSER}::test_on_the_phone_itself_a_click_approves_and_what_fails_is_told",
        ("static/app/requests.js", '(decided === "declined" && !failureReason)', 'decided === "declined"'),
    ),
    mutant(
        "webapp: words of whoever asks, as the browser",
        f"{BROWSER}::test_on_the_phone_itself_a_click_approves_and_what_fails_is_told",
        ("static/app/requests.js", 'browserOf(agent) || text("unknown-browser")', "browserOf(agent) || agent"),
    ),
    mutant(
        "webapp: a phone that nobody is shown",
        f"{BROWSER}::test_a_phone_enrols_by_the_code_and_approves_a_payment_by_its_number",
        ("static/challenge/app_enrol.js", 'came(name || platform || "")', 'done("added")'),
    ),
    mutant(
        "webapp: a key of another user by a code",
        f"{APP}::test_a_code_gives_no_key_of_one_user_to_another",
        (
            "authenticators/device_credentials.py",
            "if rows.exclude(user=user).exists():",
            "if rows.exclude(user=user).delete()[0] < 0:",
        ),
    ),
    mutant(
        "webapp: a key that is another user's by now, still shown as one's own",
        f"{BROWSER}::test_a_key_that_is_another_users_by_now_is_set_up_no_more",
        ("static/app/app.js", "told.userId && told.userId !== account.userId", "false"),
    ),
    mutant(
        "webapp: a page that may be framed",
        f"{APP}::test_the_app_is_a_document_of_its_tenant_alone_and_cannot_be_framed",
        ("actions/web_app.py", '"frame-ancestors": [NONE]', '"frame-ancestors": [SELF]'),
    ),
    mutant(
        "webapp: a key that can be taken out",
        f"{BROWSER}::test_a_phone_enrols_by_the_code_and_approves_a_payment_by_its_number",
        ("static/app/keys.js", 'generateKey(CURVE, false, ["sign"])', 'generateKey(CURVE, true, ["sign"])'),
    ),
]
