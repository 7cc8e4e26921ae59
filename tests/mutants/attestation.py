"""Ways to break app attestation: a step left out, a nonce that counts again, an app that is let in all the same."""

from tests.mutants.catalogue import Mutant, mutant

API = "tests/api/test_app_attestation.py"
RACES = "tests/races/test_devices.py"
PORTAL = "tests/portal/test_portal_attested_apps.py"
APPLE = "authenticators/app_attestation/app_attest.py"
GOOGLE = "authenticators/app_attestation/play_integrity.py"
TOKEN = "authenticators/app_attestation/nested_token.py"
NONCES = "authenticators/app_attestation/nonces.py"

WAITING = "user=user, used_at=None, expires_at__gt=now)\n"
UNUSED = "issued.filter(used_at=None, expires_at__gt=now).update("
LOCKED = "        context.lock()\n        for method in methods:\n"


def apple(name: str, old: str, new: str = "if False:") -> Mutant:
    return mutant(
        f"attestation: {name}", f"{API}::test_what_apple_did_not_attest_so_is_not_attested", (APPLE, old, new)
    )


def google(name: str, old: str, new: str = "if False:") -> Mutant:
    return mutant(
        f"attestation: {name}", f"{API}::test_what_google_did_not_attest_so_is_not_attested", (GOOGLE, old, new)
    )


MAKERS = [
    apple("certificates of anybody", "    _check_chain(statement, roots, now)\n", ""),
    apple("an authority's certificate is an app's", "if found.ca:"),
    apple("made over anything", "if hmac.compare_digest(found, NONCE_HEAD + nonce):", "if True:"),
    apple("any key named", "if not hmac.compare_digest(hashlib.sha256(point).digest(), key_id):"),
    apple("any app of Apple's", "if data[:32] not in ids:"),
    apple("a key that was used", "if data[COUNTER] != bytes(4):"),
    apple("any environment", "if data[AAGUID] not in (PRODUCTION, DEVELOPMENT):"),
    apple("development builds everywhere", " and not apps.allows_development:", " and False:"),
    apple("any credential", "if statement.credential_id != key_id:"),
    google("asked by any app", 'if details.get("requestPackageName") != app.package_name:'),
    google("a verdict of any time", "if not now - lifetime <= made <= now + AHEAD:"),
    google("an app that Google does not recognize", 'if integrity.get("appRecognitionVerdict") != RECOGNIZED:'),
    google("any app of Google's", 'if integrity.get("packageName") != app.package_name:'),
    google("an app that anybody signed", "if not known or not all(known):"),
    google("one certificate of many is enough", "if not known or not all(known):", "if not any(known):"),
    google("any device", "if not isinstance(verdicts, list) or DEVICE_INTEGRITY not in verdicts:"),
    google(
        "a device in a text",
        "if not isinstance(verdicts, list) or DEVICE_INTEGRITY not in verdicts:",
        "if DEVICE_INTEGRITY not in verdicts:",
    ),
    mutant(
        "attestation: a verdict that anybody signed",
        f"{API}::test_a_token_that_the_keys_do_not_open_is_not_attested",
        (
            TOKEN,
            'jwt.api_jws.decode(signed, keys.verification, algorithms=["ES256"])',
            'jwt.api_jws.decode(signed, options={"verify_signature": False})',
        ),
    ),
    mutant(
        "attestation: any algorithm that the token names",
        f"{API}::test_a_token_that_the_keys_do_not_open_is_not_attested",
        (TOKEN, "{name: given.get(name) for name in HEADER} != HEADER or ", ""),
    ),
    mutant(
        "attestation: of any platform",
        f"{API}::test_an_attestation_of_one_platform_is_none_for_another",
        ("authenticators/app_attestation/examining.py", "if platform != PLATFORM[attestation.provider]:", "if False:"),
    ),
]

ONCE = [
    mutant(
        "attestation: a nonce counts again",
        f"{API}::test_an_attestation_counts_once",
        (NONCES, WAITING, "user=user, expires_at__gt=now)\n"),
        (NONCES, UNUSED, "issued.filter(expires_at__gt=now).update("),
    ),
    mutant(
        "attestation: a nonce waits for ever",
        f"{API}::test_a_nonce_waits_for_five_minutes",
        (NONCES, WAITING, "user=user, used_at=None)\n"),
        (NONCES, UNUSED, "issued.filter(used_at=None).update("),
    ),
    mutant(
        "attestation: a nonce is anybody's of the tenant",
        f"{API}::test_a_nonce_is_its_users_alone",
        (NONCES, WAITING, "used_at=None, expires_at__gt=now)\n"),
        (NONCES, "filter(tenant=user.tenant_id, user=user, nonce=nonce)", "filter(tenant=user.tenant_id, nonce=nonce)"),
    ),
    mutant(
        "attestation: at once, a nonce is read and then used",
        f"{RACES}::test_one_attestation_sent_for_many_keys_at_once_enrols_one",
        ("actions/device_proving.py", LOCKED, "        for method in methods:\n"),
        (NONCES, UNUSED, "issued.update("),
    ),
    mutant(
        "attestation: an idempotency key counts for each user",
        f"{RACES}::test_one_idempotency_key_of_many_users_at_once_attests_one_app",
        (NONCES, "defaults=first)[1]:", "defaults=first):"),
    ),
    mutant(
        "attestation: an idempotency key counts again",
        f"{API}::test_the_idempotency_key_of_its_action_is_a_nonce_once",
        (NONCES, "defaults=first)[1]:", "defaults=first):"),
    ),
]

LET_IN = [
    mutant(
        "attestation: who is not attested enrols all the same",
        f"{API}::test_without_an_attestation_an_app_is_refused_or_told_to_be_without",
        ("authenticators/device_credentials.py", "if configuration.blocks_unattested:", "if False:"),
    ),
    mutant(
        "attestation: one that failed is as good as none asked for",
        f"{API}::test_what_apple_did_not_attest_so_is_not_attested",
        (
            "authenticators/device_credentials.py",
            "    if standing.is_attested:\n        return\n",
            "    if standing.is_attested or standing.reason:\n        return\n",
        ),
    ),
    mutant(
        "attestation: nobody is told of an app without one",
        f"{API}::test_without_an_attestation_an_app_is_refused_or_told_to_be_without",
        (
            "authenticators/device_credentials.py",
            "if standing != ABSENT or configuration.require_app_attestation:",
            "if standing != ABSENT:",
        ),
    ),
    mutant(
        "attestation: the web app is offered where only attested apps enrol",
        "tests/api/test_web_app.py::test_where_only_attested_apps_enrol_the_web_app_is_neither_offered_nor_taken",
        ("authenticators/available.py", "if not row.blocks_unattested", "if True"),
    ),
    mutant(
        "attestation: half a pair of keys is taken",
        f"{PORTAL}::test_keys_are_kept_where_none_are_entered_and_replaced_as_a_pair",
        ("authenticators/attested_apps_form.py", " or bool(new)\n", "\n"),
    ),
    mutant(
        "attestation: one app's keys stay for another",
        f"{PORTAL}::test_another_app_needs_its_own_keys_and_none_keeps_none",
        ("authenticators/attested_apps_form.py", ' or "package_name" in self.changed_data', ""),
    ),
    mutant(
        "attestation: the last app goes, and nobody enrols any more",
        f"{PORTAL}::test_the_last_app_stays_named_while_a_method_takes_attested_apps_only",
        ("authenticators/attested_apps_form.py", "        self._check_needed(given)\n", ""),
    ),
    mutant(
        "attestation: attested apps only, where none is named",
        f"{PORTAL}::test_without_apps_what_refuses_nobody_keeps_no_other_setting_from_being_saved",
        ("authenticators/admin.py", "        return refuses or ", "        return "),
    ),
    mutant(
        "attestation: what nobody asked for and nobody can judge is told as failed",
        f"{API}::test_where_nobody_asks_and_no_app_is_named_nothing_is_told",
        ("authenticators/device_credentials.py", "        standing = ABSENT\n", "        pass\n"),
    ),
]

ATTESTATION = [*MAKERS, *ONCE, *LET_IN]
