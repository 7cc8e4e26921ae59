"""Origins and redirect targets: parsed once, judged, and compared in one spelling. (tests/api/test_redirect_url.py)"""

import pytest

from authsignal_portal.origins import check_redirect, origin_of, parse_origin


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://app.example.com", "https://app.example.com"),
        ("https://app.example.com/", "https://app.example.com"),
        ("HTTPS://App.Example.COM", "https://app.example.com"),
        ("https://app.example.com:443", "https://app.example.com"),
        ("http://app.example.com:80/", "http://app.example.com"),
        ("http://app.example.com:443", "http://app.example.com:443"),
        ("https://app.example.com:08443", "https://app.example.com:8443"),
        ("http://localhost:8009", "http://localhost:8009"),
        ("http://127.0.0.1", "http://127.0.0.1"),
        ("http://[::1]:3000", "http://[::1]:3000"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
    ],
)
def test_an_origin_has_one_spelling(text, origin):
    assert parse_origin(text) == origin
    assert origin_of(text) == origin


@pytest.mark.parametrize(
    "text",
    [
        "",
        "app.example.com",
        "//app.example.com",
        "https://",
        "https://app.example.com/path",
        "https://app.example.com?",
        "https://app.example.com#",
        "https://app.example.com/?x",
        "https://u@app.example.com",
        "ftp://app.example.com",
        "https://*.example.com",
        "https://app.example.com, https://b.example.com",
        "null",
        "*",
        "https://bücher.example",
        "https://app.example.com:99999",
        "https://app.example.com:",
        "https://a b",
        "javascript:alert(1)",
        "https://-a-",
    ],
)
def test_what_is_no_origin_is_told_why(text):
    with pytest.raises(ValueError) as error:
        parse_origin(text)
    assert len(str(error.value)) > 10


@pytest.mark.parametrize(
    ("url", "origin"),
    [("https://a.example/x?y#z", "https://a.example"), ("http://a.example:8080/x", "http://a.example:8080")],
)
def test_the_origin_of_a_url_leaves_its_path_out(url, origin):
    assert origin_of(url) == origin


def test_a_redirect_is_compared_by_origin_and_returned_as_it_was():
    allowed = ["https://a.example", "http://localhost:8009"]
    for url in ("https://a.example/x?y", "https://A.example:443/", "http://localhost:8009/back"):
        assert check_redirect(url, allowed=allowed, development=False) == url
    for url in ("http://a.example/", "https://a.example:444/", "http://localhost:8010/", "https://b.a.example/"):
        with pytest.raises(ValueError, match="origin"):
            check_redirect(url, allowed=allowed, development=True)


def test_without_origins_any_https_url_is_taken_and_loopback_in_development():
    assert check_redirect("https://any.example/x", allowed=[], development=False)
    for url in ("http://localhost:3000/", "http://127.0.0.1/", "http://[::1]/"):
        assert check_redirect(url, allowed=[], development=True) == url
        with pytest.raises(ValueError, match="https"):
            check_redirect(url, allowed=[], development=False)
    for url in ("http://any.example/", "http://localhost.example/", "http://127.0.0.2/"):
        with pytest.raises(ValueError, match="https"):
            check_redirect(url, allowed=[], development=True)
