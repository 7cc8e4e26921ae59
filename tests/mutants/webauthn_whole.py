"""Ways to break WebAuthn: each check that the library leaves to us, and what surrounds the ceremonies."""

from tests.mutants.catalogue import CHALLENGE_UNLOCKED, CONSUME, CONSUMED_BY_SAVING, USER_UNLOCKED, mutant

ADAPTER = "authenticators/webauthn.py"
JSON = "authenticators/webauthn_json.py"
ROWS = "authenticators/credentials.py"
CEREMONIES = "actions/ceremonies.py"
CLIENT = "actions/client_passkeys.py"
VIEWS = "actions/client_views.py"

ATTACKS = "tests/api/test_webauthn_attacks.py"
STEPS = "tests/authenticators/test_webauthn.py"
FIDO = "tests/authenticators/test_fido_cases.py"
KEYS = "tests/api/test_client_security_keys.py"
SETTINGS = "tests/api/test_client_passkey_settings.py"
RACES = "tests/races/test_webauthn.py"
TAMPERED = f"{STEPS}::test_a_tampered_registration_is_refused"

BELONGS = (
    ROWS,
    "    if user_known and named.user_id != challenge.user_id:\n",
    "    if False:\n",
)

UNOWNED = (
    (
        "authenticators/models/enrolled.py",
        'fields=["tenant", "rp_id", "credential_id"],\n                name="one_owner',
        'fields=["tenant", "rp_id", "credential_id", "user", "id"],\n                name="one_owner',
    ),
    (
        "authenticators/migrations/0001_initial.py",
        "fields=('tenant', 'rp_id', 'credential_id'), name='one_owner",
        "fields=('tenant', 'rp_id', 'credential_id', 'user', 'id'), name='one_owner",
    ),
)

REGISTRATION = [
    mutant(
        "webauthn at once: a security key's challenge is read, judged and saved",
        f"{RACES}::test_one_answer_of_a_security_key_is_accepted_once",
        USER_UNLOCKED,
        CHALLENGE_UNLOCKED,
        CONSUMED_BY_SAVING,
        # Else the counter of the key notices.
        (ADAPTER, "    if regressed and not backup_eligible:\n", "    if False:\n"),
    ),
    mutant(
        "webauthn at once: one credential of many users",
        f"{RACES}::test_one_credential_registered_for_many_users_at_once_is_one_users",
        *UNOWNED,
    ),
    mutant(
        "webauthn: an answered challenge stays open",
        f"{ATTACKS}::test_an_answer_counts_once",
        ("authenticators/challenges.py", CONSUME, "return True"),
    ),
    mutant(
        "webauthn: framed where nobody may frame us",
        f"{ATTACKS}::test_a_tenant_without_origins_is_framed_by_nobody",
        (JSON, "    if allow_cross_origin_from is None:\n", "    if False:\n"),
        (JSON, "not in frozenset(allow_cross_origin_from):", "not in frozenset(allow_cross_origin_from or ()):"),
    ),
    mutant(
        "webauthn: framed by anybody",
        f"{ATTACKS}::test_only_the_tenants_origins_may_frame_a_ceremony",
        (JSON, "    if top_origin is not None and top_origin not in", "    if False and top_origin not in"),
    ),
    mutant(
        "webauthn: bytes after the attestation object",
        TAMPERED,
        (
            ADAPTER,
            '        raise WebAuthnError("malformed", "bytes after the end of attestationObject")\n',
            "        pass\n",
        ),
    ),
    mutant(
        "webauthn: a statement where there is no attestation",
        TAMPERED,
        (ADAPTER, '    if decoded["fmt"] == "none" and statement:\n', "    if False:\n"),
    ),
    mutant(
        "webauthn: a credential id of any length",
        TAMPERED,
        (ADAPTER, "    if len(verified.credential_id) > MAX_CREDENTIAL_ID_BYTES:\n", "    if False:\n"),
    ),
    mutant(
        "webauthn: an id that is not the one in the authenticator data",
        TAMPERED,
        (ADAPTER, '    if decode_member(given, "id") != verified.credential_id:\n', "    if False:\n"),
    ),
    mutant(
        "webauthn: one credential of two users",
        f"{ATTACKS}::test_a_credential_has_one_owner",
        *UNOWNED,
    ),
    mutant(
        "webauthn: whether the user was verified is not stored",
        f"{ATTACKS}::test_everything_that_was_verified_is_stored",
        (ROWS, "        uv_initialized=made.user_verified,\n", ""),
    ),
    mutant(
        "webauthn: transports are not stored",
        f"{ATTACKS}::test_everything_that_was_verified_is_stored",
        (ROWS, "        transports=list(made.transports),\n", ""),
    ),
    mutant(
        "webauthn: whether it can be backed up is not stored",
        f"{ATTACKS}::test_everything_that_was_verified_is_stored",
        (ROWS, "        backup_eligible=made.backup_eligible,\n", ""),
    ),
    mutant(
        "webauthn: a chain of certificates in any order",
        f"{FIDO}::test_attestation_resp_5_f",
        (
            "authenticators/attestation.py",
            "            certificate.verify_directly_issued_by(issuer)\n",
            "            pass\n",
        ),
    ),
    mutant(
        "webauthn: certificates of any time",
        f"{FIDO}::test_attestation_resp_5_f",
        ("authenticators/attestation.py", "    _check_dates(chain, datetime.now(UTC))\n", ""),
    ),
    mutant(
        "webauthn: certificates are not looked at",
        f"{FIDO}::test_attestation_resp_5_f",
        (ADAPTER, '        check_certificates(statement["x5c"])\n', "        pass\n"),
    ),
]

AUTHENTICATION = [
    mutant(
        "webauthn: a credential that was not asked for",
        f"{STEPS}::test_a_credential_outside_the_list_that_was_sent_is_refused",
        (ADAPTER, "    elif stored.credential_id not in allowed_credential_ids:\n", "    elif False:\n"),
    ),
    mutant(
        "webauthn: another user's credential",
        f"{ATTACKS}::test_an_answer_is_its_users_own",
        BELONGS,
        (ADAPTER, "    elif stored.credential_id not in allowed_credential_ids:\n", "    elif False:\n"),
    ),
    mutant(
        "webauthn: another user's handle",
        f"{ATTACKS}::test_an_answer_is_its_users_own",
        (JSON, "    if not forms & accepted:\n", "    if False:\n"),
    ),
    mutant(
        "webauthn: no handle where the user is not known",
        f"{ATTACKS}::test_a_sign_in_needs_the_owners_handle",
        (JSON, "        if not user_known:\n", "        if False:\n"),
    ),
    mutant(
        "webauthn: a changed backup eligibility",
        f"{ATTACKS}::test_what_is_refused_proves_and_changes_nothing",
        (ADAPTER, "    if stored.backup_eligible is not None and backup_eligible != stored", "    if False and stored"),
    ),
    mutant(
        "webauthn: the counter is compared by the library",
        f"{ATTACKS}::test_the_counter_means_what_the_policy_says",
        (ADAPTER, "credential_current_sign_count=0,", "credential_current_sign_count=stored.sign_count,"),
    ),
    mutant(
        "webauthn: the alarm is raised without the key",
        f"{ATTACKS}::test_nobody_without_the_key_raises_the_alarm",
        (
            ROWS,
            'if error.reason == "sign_count_regressed":',
            'if error.reason in ("sign_count_regressed", "bad_signature"):',
        ),
    ),
    mutant(
        "webauthn: a copy of what cannot be copied is let in",
        f"{ATTACKS}::test_the_counter_means_what_the_policy_says",
        (ADAPTER, "    if regressed and not backup_eligible:\n", "    if False:\n"),
    ),
    mutant(
        "webauthn: a synced passkey must count",
        f"{ATTACKS}::test_the_counter_means_what_the_policy_says",
        (ADAPTER, "    if regressed and not backup_eligible:\n", "    if regressed:\n"),
    ),
    mutant(
        "webauthn: who never counts is refused",
        f"{ATTACKS}::test_the_counter_means_what_the_policy_says",
        (ADAPTER, "regressed = (before, now) != (0, 0) and now <= before", "regressed = now <= before"),
    ),
    mutant(
        "webauthn: a refused copy raises no alarm",
        f"{ATTACKS}::test_the_counter_means_what_the_policy_says",
        (ROWS, '            _suspect_clone(row, challenge, now, reason="refused")\n', "            pass\n"),
    ),
    mutant(
        "webauthn: a copy that was let in raises no alarm",
        f"{ATTACKS}::test_the_counter_means_what_the_policy_says",
        (ROWS, '        _suspect_clone(row, challenge, now, reason="allowed")\n', "        pass\n"),
    ),
    mutant(
        "webauthn: what came of the verification is ignored",
        f"{ATTACKS}::test_a_signature_of_another_key_proves_and_changes_nothing",
        (ROWS, "copy_of=row) from error\n        raise\n", "copy_of=row) from error\n        return row\n"),
    ),
    mutant(
        "webauthn: the new count is stored before anything is checked",
        f"{ATTACKS}::test_what_is_refused_proves_and_changes_nothing",
        (
            ROWS,
            "    asked = policy(tenant, method)\n    try:\n        assertion =",
            (
                "    asked = policy(tenant, method)\n"
                "    Authenticator.objects.filter(pk=row.pk).update(sign_count=999)\n"
                "    try:\n        assertion ="
            ),
        ),
    ),
    mutant(
        "webauthn: the new count is not stored",
        f"{ATTACKS}::test_the_counter_means_what_the_policy_says",
        (ROWS, 'update_fields=["sign_count", "backed_up",', 'update_fields=["backed_up",'),
    ),
    mutant(
        "webauthn: whether it is backed up now is not stored",
        f"{ATTACKS}::test_everything_that_was_verified_is_stored",
        (ROWS, 'update_fields=["sign_count", "backed_up",', 'update_fields=["sign_count",'),
    ),
]

AROUND = [
    mutant(
        "webauthn: verification of the user is not required where the tenant does",
        f"{ATTACKS}::test_the_client_waives_no_verification",
        (ROWS, '        return self.user_verification == "required"\n', "        return False\n"),
    ),
    mutant(
        "webauthn: a security key as a passkey",
        f"{KEYS}::test_a_passkey_is_no_security_key_and_a_security_key_no_passkey",
        (ROWS, "rows.filter(tenant=tenant, method=method, rp_id=", "rows.filter(tenant=tenant, rp_id="),
    ),
    mutant(
        "webauthn: what was begun stays open beside what was begun anew",
        f"{KEYS}::test_beginning_anew_drops_what_was_begun",
        (
            CEREMONIES,
            "    challenges.withdraw(earlier.filter(purpose=purpose))\n",
            "    earlier.filter(purpose=purpose)\n",
        ),
    ),
    mutant(
        "webauthn: a security key's challenge serves either ceremony",
        f"{ATTACKS}::test_a_challenge_serves_its_own_ceremony",
        (CEREMONIES, "    return named.filter(purpose=purpose).first()\n", "    return named.first()\n"),
    ),
    mutant(
        "webauthn: a security key answers for another action",
        f"{KEYS}::test_an_answer_counts_once_and_for_its_own_action_and_ceremony",
        (
            "authenticators/challenges.py",
            "    return of_action(tenant, action_id, method).filter(nonce=nonce)\n",
            (
                "    rows = Challenge.objects.filter(tenant=tenant, method=method, nonce=nonce)\n"
                '    return rows.select_related("tenant", "user")\n'
            ),
        ),
    ),
    mutant(
        "webauthn: a conditional create needs no sign-in before it",
        f"{SETTINGS}::test_a_conditional_create_needs_a_sign_in_before_it_even_as_the_first",
        (CEREMONIES, "        if is_conditional and not context.may(Scope.ADD):\n", "        if False:\n"),
    ),
    mutant(
        "webauthn: a conditional create proves the user",
        f"{SETTINGS}::test_a_passkey_that_a_browser_makes_by_itself_is_enrolled_and_proves_nothing",
        ("actions/proofs.py", "    if not proof.is_silent:\n", "    if True:\n"),
        ("actions/verifying.py", "token = None if attempt.proof.is_silent else", "token = None if False else"),
    ),
    mutant(
        "webauthn: every registration is one without its user",
        f"{SETTINGS}::test_without_conditional_create_a_user_must_be_there",
        (ROWS, "require_user_presence=not is_silent,", "require_user_presence=False,"),
        (
            ROWS,
            "require_user_verification=asked.verification_is_required and not is_silent,",
            "require_user_verification=False,",
        ),
    ),
    mutant(
        "webauthn: another tenant's settings",
        f"{SETTINGS}::test_what_another_tenant_set_does_not_count",
        (
            "authenticators/models/configurations.py",
            "return cls.objects.filter(tenant=tenant, method=method).first() or",
            "return cls.objects.filter(method=method).first() or",
        ),
    ),
    mutant(
        "webauthn: a key of any strength is enrolled",
        "tests/api/test_authenticators.py::test_what_cannot_be_enrolled_is_refused_and_creates_nobody",
        ("authenticators/webauthn.py", "MIN_RSA_BITS = 2048", "MIN_RSA_BITS = 512"),
    ),
    mutant(
        "webauthn: a key for any hash is enrolled",
        "tests/api/test_authenticators.py::test_what_cannot_be_enrolled_is_refused_and_creates_nobody",
        ("authenticators/webauthn.py", "    if key.alg not in ALGORITHMS:\n", "    if False:\n"),
    ),
    mutant(
        "webauthn: any page asks with the cookies of its visitors",
        f"{SETTINGS}::test_with_cookies_only_pages_of_the_tenants_origins_ask",
        (VIEWS, "        check_origin(request._request, tenant_of(request))\n", ""),
    ),
    mutant(
        "webauthn: the cookie of a used challenge is in the next sign-in's way",
        f"{SETTINGS}::test_the_cookie_of_a_used_challenge_is_in_nobodys_way",
        (CLIENT, "return named if named and ceremonies.is_begun(self.tenant, named) else None", "return named"),
    ),
    mutant(
        "webauthn: the cookie of a used challenge is not taken back",
        f"{SETTINGS}::test_the_cookie_of_a_used_challenge_is_in_nobodys_way",
        (CLIENT, "            response.delete_cookie(", "            () and response.delete_cookie("),
    ),
    mutant(
        "webauthn: a refused answer takes the cookie back",
        f"{SETTINGS}::test_a_refused_answer_takes_no_cookie_back",
        (CLIENT, "if verified.is_verified and challenge_in_cookie(", "if challenge_in_cookie("),
    ),
    mutant(
        "webauthn: a cookie that anybody wrote names a challenge",
        f"{SETTINGS}::test_a_cookie_counts_for_the_tenant_that_set_it_and_only_if_we_made_it",
        (
            VIEWS,
            "    except signing.BadSignature:\n        return None\n",
            ("    except signing.BadSignature:\n        return request.COOKIES.get(CHALLENGE_COOKIE)\n"),
        ),
    ),
]

WEBAUTHN = [*REGISTRATION, *AUTHENTICATION, *AROUND]
