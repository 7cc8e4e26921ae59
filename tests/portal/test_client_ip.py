"""The caller's own address: counted from the right, because a caller can write the left."""

import pytest
from django.test import RequestFactory

from authsignal_portal.client_ip import bucket, client_ip, site


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, None, "10.0.0.9"),
        (0, "1.1.1.1", "10.0.0.9"),
        (1, "1.1.1.1", "1.1.1.1"),
        (1, "6.6.6.6, 1.1.1.1", "1.1.1.1"),
        (1, "6.6.6.6,7.7.7.7 , 1.1.1.1 ", "1.1.1.1"),
        (2, "6.6.6.6, 1.1.1.1, 10.0.0.1", "1.1.1.1"),
        (2, "10.0.0.1", "10.0.0.9"),
        (1, None, "10.0.0.9"),
        (1, "", "10.0.0.9"),
        (1, " , ,", "10.0.0.9"),
        (-1, "1.1.1.1", "10.0.0.9"),
    ],
)
def test_the_address_is_the_one_that_the_outermost_trusted_proxy_saw(settings, proxies, forwarded, address):
    settings.TRUSTED_PROXIES = proxies
    headers = {} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded}
    assert client_ip(RequestFactory().get("/", REMOTE_ADDR="10.0.0.9", **headers)) == address


def test_other_headers_are_not_believed(settings):
    settings.TRUSTED_PROXIES = 1
    headers = {"HTTP_X_REAL_IP": "6.6.6.6", "HTTP_FORWARDED": "for=6.6.6.6", "HTTP_CLIENT_IP": "6.6.6.6"}
    assert client_ip(RequestFactory().get("/", REMOTE_ADDR="10.0.0.9", **headers)) == "10.0.0.9"


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("203.0.113.9", ""),
        ("::ffff:203.0.113.9", ""),
        ("2001:db8:1:2::9", "2001:db8:1::/48"),
        ("2001:DB8:1:ffff:ffff:ffff:ffff:ffff", "2001:db8:1::/48"),
        ("2001:db8:2:2::9", "2001:db8:2::/48"),
        ("no address", ""),
        ("", ""),
    ],
)
def test_what_one_customer_has_counts_as_one_site(address, counted):
    assert site(address) == counted


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::9", "2001:db8:1:3::/64"),
        ("::1", "::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("no address", "no address"),
        ("", ""),
    ],
)
def test_what_one_host_has_counts_as_one_address(address, counted):
    assert bucket(address) == counted
