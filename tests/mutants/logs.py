"""Ways to let secrets into the logs."""

from tests.mutants.catalogue import mutant

TEST = "tests/api/test_logs.py"

LOGS = [
    mutant(
        "logs: a link is logged as it was asked for",
        f"{TEST}::test_no_link_stands_in_a_log_whatever_comes_of_it",
        ("authsignal_portal/logs.py", r"|/+link/+[^/?\s\"]+", ""),
    ),
    mutant(
        "logs: an invitation of staff is logged as it was asked for",
        f"{TEST}::test_no_invitation_of_staff_stands_in_a_log",
        ("authsignal_portal/logs.py", r"|/+invite/+[^?\s\"]+", ""),
    ),
    mutant(
        "logs: what a query carries is logged",
        f"{TEST}::test_no_token_stands_in_a_log_whatever_it_was_sent_to",
        ("authsignal_portal/logs.py", "(?:token|code|state|enrol)=", "token="),
    ),
    mutant(
        "links: a form of whatever bytes is compared as text",
        "tests/api/test_magic_link.py::test_the_form_is_good_only_in_the_browser_that_it_was_shown_in",
        (
            "authsignal_portal/crypto.py",
            'stored.encode(errors="surrogatepass"), _keyed(pepper_id, pepper, purpose, parts).encode()',
            "stored, _keyed(pepper_id, pepper, purpose, parts)",
        ),
    ),
]
