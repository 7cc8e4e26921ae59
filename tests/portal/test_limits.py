"""Request limits in Redis: they smooth, they tell when to come back, and without Redis the API goes on."""

import secrets

import pytest
from redis.exceptions import RedisError

from authenticators.models import Challenge
from authsignal_portal import limits
from authsignal_portal.errors import TooManyRequests, Unavailable
from tests import make


def address():
    """One that no other test has used in this minute."""
    return f"2001:db8:{secrets.token_hex(2)}:{secrets.token_hex(2)}::1"


@pytest.fixture
def no_redis(settings, tmp_path):
    settings.REDIS_URL = f"unix://{tmp_path}/nothing.sock"
    limits._limiter.cache_clear()
    yield
    limits._limiter.cache_clear()


def assert_limited(answer):
    assert answer.status_code == 429
    assert answer.body["errorCode"] == "too_many_requests"
    assert set(answer.body) == {"error", "errorCode", "errorDescription"}
    assert 1 <= int(answer["Retry-After"]) <= 61
    assert answer["Content-Type"] == "application/json"


def test_a_key_has_so_many_requests_in_ten_seconds_and_another_has_its_own(api, acme, settings):
    settings.API_REQUESTS_PER_10_SECONDS = 3
    assert [api("GET", "users/alice").status_code for _ in range(3)] == [200] * 3
    assert_limited(api("GET", "users/alice"))
    assert_limited(api("GET", "nothing"))
    other = make.basic(make.make_key(acme))
    assert api("GET", "users/alice", Authorization=other).status_code == 200


def test_wrong_keys_are_counted_by_address(client, db, settings):
    settings.BAD_KEYS_PER_MINUTE = 2
    place = address()

    def wrong():
        answer = client.get("/v1/users/a", headers={"Authorization": make.basic("no")}, REMOTE_ADDR=place)
        answer.body = answer.json()
        return answer

    assert [wrong().status_code for _ in range(2)] == [401, 401]
    assert_limited(wrong())
    answer = client.get("/v1/users/a", headers={"Authorization": make.basic("no")}, REMOTE_ADDR=address())
    assert answer.status_code == 401


def test_a_right_key_is_not_held_up_by_wrong_ones_from_its_address(client, acme, settings):
    settings.BAD_KEYS_PER_MINUTE = 1
    place, key = address(), make.basic(make.make_key(acme))
    for _attempt in range(3):
        client.get("/v1/users/a", headers={"Authorization": make.basic("no")}, REMOTE_ADDR=place)
    assert client.get("/v1/users/a", headers={"Authorization": key}, REMOTE_ADDR=place).status_code == 200


def test_calls_with_a_tenant_id_alone_are_counted_by_address(client, acme, settings):
    settings.CLIENT_REQUESTS_PER_MINUTE_PER_ADDRESS = 2
    place, headers = address(), {"Authorization": make.basic(str(acme.pk)), "Origin": make.APP_ORIGIN}
    answers = [
        client.post("/v1/client/challenge", content_type="application/json", headers=headers, REMOTE_ADDR=place)
        for _ in range(3)
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    # So that the page can read when to come back.
    assert answers[2]["Access-Control-Allow-Origin"] == make.APP_ORIGIN
    assert answers[2]["Access-Control-Expose-Headers"] == "Retry-After"


def test_calls_with_a_tenant_id_alone_are_counted_for_the_tenant_too(client, acme, globex, settings):
    settings.CLIENT_REQUESTS_PER_MINUTE_PER_TENANT = 3
    settings.CLIENT_REQUESTS_PER_MINUTE_PER_ADDRESS = 2

    def call(tenant, place):
        headers = {"Authorization": make.basic(str(tenant.pk))}
        sent = {"content_type": "application/json", "headers": headers, "REMOTE_ADDR": place}
        return client.post("/v1/client/challenge", **sent).status_code

    noisy = address()
    assert [call(acme, noisy) for _ in range(9)] == [200] * 2 + [429] * 7
    assert call(acme, address()) == 200, "what was refused to one address is taken from nobody else"
    assert call(acme, address()) == 429
    assert call(globex, address()) == 200


def test_the_networks_of_one_customer_do_not_use_up_what_the_tenant_has(client, acme, settings):
    settings.CLIENT_REQUESTS_PER_MINUTE_PER_TENANT = 6
    settings.CLIENT_REQUESTS_PER_MINUTE_PER_NETWORK = 4
    sites = [address().rsplit(":", 3)[0] for _site in range(2)]

    def call(site, network):
        place = f"{sites[site]}:{network:x}::1"
        sent = {"content_type": "application/json", "headers": {"Authorization": make.basic(str(acme.pk))}}
        return client.post("/v1/client/challenge", **sent, REMOTE_ADDR=place).status_code

    assert [call(0, network) for network in range(20)] == [200] * 4 + [429] * 16
    assert [call(1, network) for network in range(3)] == [200, 200, 429]


def with_token(client, token, path="init", **more):
    answer = client.post(
        f"/v1/client/{path}",
        content_type="application/json",
        headers={"Authorization": f"Bearer {token}", "Origin": make.APP_ORIGIN},
        **more,
    )
    answer.body = answer.json()
    return answer


def token_of(api, user="alice"):
    return api("POST", f"users/{user}/actions/login").body["token"]


def test_all_calls_with_tokens_of_one_user_are_counted_together(api, client, settings):
    settings.CLIENT_REQUESTS_PER_MINUTE_PER_USER = 3
    one, other, another = token_of(api), token_of(api), token_of(api, "bob")
    assert [with_token(client, token).status_code for token in (one, other, one)] == [200] * 3
    for path in ("init", "user-authenticators/passkey/registration-options", "verify/passkey"):
        answer = with_token(client, other, path)
        assert_limited(answer)
        assert answer["Access-Control-Allow-Origin"] == make.APP_ORIGIN
    assert with_token(client, another).status_code == 200


def test_who_has_a_users_token_uses_up_nothing_of_what_the_user_has_elsewhere(api, client, settings):
    settings.CLIENT_REQUESTS_PER_MINUTE_PER_USER = 2
    theirs, mine, network = token_of(api), token_of(api), address().removesuffix("1")
    noisy = [with_token(client, theirs, REMOTE_ADDR=f"{network}{host}").status_code for host in range(1, 6)]
    assert noisy == [200] * 2 + [429] * 3
    assert with_token(client, mine, REMOTE_ADDR=address()).status_code == 200


def test_an_action_begins_so_many_challenges_of_whatever_kind(api, client, settings, acme):
    settings.NEW_CHALLENGES_PER_10_MINUTES = 4
    make.make_configuration(acme, "QR_CODE")
    make.make_configuration(acme, "SECURITY_KEY")
    token, another = token_of(api), token_of(api, "bob")
    options = "user-authenticators/passkey/registration-options"
    kinds = (options, "user-authenticators/security-key/registration-options", "challenge/qr-code")
    assert [with_token(client, token, path).status_code for path in (*kinds, options)] == [200] * 4
    for path in kinds:
        assert_limited(with_token(client, token, path))
    assert Challenge.objects.filter(user__user_id="alice").count() == 4
    assert with_token(client, token_of(api), options).status_code == 200, "it is taken from no other action"
    assert with_token(client, another, options).status_code == 200


def test_whichever_address_of_its_network_a_host_takes_it_is_counted_as_one(client, acme, settings):
    settings.CLIENT_REQUESTS_PER_MINUTE_PER_ADDRESS = settings.BAD_KEYS_PER_MINUTE = 2
    network = address().removesuffix("1")
    for path, key in (("client/challenge", str(acme.pk)), ("users/a/actions/login", "no")):
        headers = {"Authorization": make.basic(key)}
        answers = [
            client.post(f"/v1/{path}", content_type="application/json", headers=headers, REMOTE_ADDR=f"{network}{host}")
            for host in ("1", "a:b:c", "ffff:ffff:ffff")
        ]
        assert [answer.status_code == 429 for answer in answers] == [False, False, True]


def test_an_address_that_a_caller_claims_is_not_the_one_counted(api, settings):
    settings.API_REQUESTS_PER_10_SECONDS = 1
    assert api("GET", "users/alice", **{"X-Forwarded-For": "1.1.1.1"}).status_code == 200
    assert_limited(api("GET", "users/alice", **{"X-Forwarded-For": "2.2.2.2"}))


def test_without_redis_the_api_goes_on(api, browser_call, no_redis, settings):
    settings.API_REQUESTS_PER_10_SECONDS = 1
    assert [api("GET", "users/alice").status_code for _ in range(3)] == [200] * 3
    assert api("GET", "users/alice", Authorization="Basic x").status_code == 401
    assert browser_call().status_code == 200


@pytest.fixture
def browser_call(client, acme):
    return lambda: client.post(
        "/v1/client/challenge", content_type="application/json", headers={"Authorization": make.basic(str(acme.pk))}
    )


def test_staff_have_five_tries_an_account_and_start_again_when_one_is_right(settings):
    account, place = secrets.token_hex(4), address()
    for _attempt in range(5):
        limits.staff_try("password", account, place)
    with pytest.raises(TooManyRequests) as refused:
        limits.staff_try("password", account, place)
    assert 1 <= refused.value.resets_in <= 15 * 60 + 1
    limits.staff_try("code", account, place)
    limits.staff_passed("password", account)
    limits.staff_try("password", account, place)


def test_staff_have_so_many_tries_an_address(settings):
    settings.STAFF_TRIES_PER_ADDRESS = 3
    place = address()
    for number in range(3):
        limits.staff_try("password", f"{secrets.token_hex(4)}-{number}", place)
    with pytest.raises(TooManyRequests):
        limits.staff_try("password", secrets.token_hex(4), place)


def test_without_redis_no_member_of_staff_gets_a_try(no_redis):
    """A password can be guessed: here nothing else counts."""
    with pytest.raises(Unavailable):
        limits.staff_try("password", "a", address())
    limits.staff_passed("password", "a")


def test_the_tests_have_a_real_redis():
    try:
        assert limits._limiter().storage.check()
    except RedisError as error:
        raise AssertionError("no Redis") from error
