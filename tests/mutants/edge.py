"""Ways to deploy the product wrongly: what stands before it, and what it is started with."""

from tests.mutants.catalogue import mutant

NGINX = "tests/deploy/test_nginx.py"
SITE = "deploy/nginx.conf"
OVER_HTTP = """    # As below: people who type an address by hand bring links and tokens here too.
    access_log /var/log/nginx/authsignal.log no_query;
"""
ERRORS = """    # An upstream error would be logged with the whole request line.
    error_log /var/log/nginx/authsignal.error.log crit;
"""
ADDRESS = """    # Set, not appended: what the client claimed is dropped.
    proxy_set_header X-Forwarded-For $remote_addr;
"""
EDGE = [
    mutant(
        "edge: the proxy logs links as they were asked for",
        f"{NGINX}::test_no_link_and_no_token_stands_in_a_log",
        (SITE, "    ~^/challenge/link/  /challenge/link/hidden;\n", ""),
    ),
    mutant(
        "edge: over http whole requests are logged",
        f"{NGINX}::test_no_link_and_no_token_stands_in_a_log",
        (SITE, OVER_HTTP, ""),
    ),
    mutant(
        "edge: that the server is away is logged with the whole request",
        f"{NGINX}::test_no_link_and_no_token_stands_in_a_log",
        (SITE, ERRORS, ""),
    ),
    mutant(
        "edge: the address that a client claims is passed on",
        f"{NGINX}::test_a_forged_address_changes_nothing",
        (SITE, ADDRESS, "    proxy_set_header X-Forwarded-For $http_x_forwarded_for;\n"),
    ),
    mutant(
        "edge: who asks for another host is answered",
        f"{NGINX}::test_another_host_is_told_nothing",
        (SITE, "    return 444;\n", "    location / { proxy_pass http://authsignal; }\n"),
    ),
    mutant(
        "edge: calls of the API are sent on to https",
        f"{NGINX}::test_over_http_pages_are_sent_on_and_the_api_is_not",
        (SITE, "    location ~ ^/v1(/|$) {\n", "    location = /nowhere {\n"),
    ),
    mutant(
        "edge: callers of the API read nginx's pages when the server is away",
        f"{NGINX}::test_a_server_that_is_away_is_told_in_json_to_callers_of_the_api",
        (SITE, "        error_page 502 504 @unanswered;\n", ""),
    ),
    mutant(
        "edge: a call that may have been done is said to be safe to repeat",
        f"{NGINX}::test_a_server_that_took_the_call_and_closed_may_have_done_it",
        (SITE, "        error_page 502 504 @unanswered;\n", "        error_page 502 504 = @away;\n"),
    ),
    mutant(
        "edge: the server of sockets keeps what is sent, however long it is",
        f"{NGINX}::test_a_message_that_is_too_long_is_refused_when_it_begins",
        ("deploy/authsignal-sockets.service", " --ws-max-size 65536", ""),
    ),
]
