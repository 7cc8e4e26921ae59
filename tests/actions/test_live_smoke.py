def test_email_and_totp_end_to_end_through_a_real_server(live):
    status, tracked = live("POST", "users/alice/actions/Login", {"email": "alice@acme.example"})
    assert status == 200, tracked
    token = tracked["token"]
    status, started = live("POST", "client/challenge/email-otp", token=token)
    assert status == 200, started
    code = live.code("alice@acme.example")
    assert (
        live(
            "POST",
            "client/verify/email-otp",
            {"verificationCode": "000000" if code != "000000" else "111111"},
            token=token,
        )[1]["isVerified"]
        is False
    )
    status, verified = live("POST", "client/verify/email-otp", {"verificationCode": code}, token=token)
    assert status == 200, verified
    assert verified["isVerified"] is True
    status, validation = live(
        "POST", "validate", {"token": verified["accessToken"], "userId": "alice", "action": "Login"}
    )
    assert validation["isValid"] is True, validation
    assert validation["verificationMethod"] == "EMAIL_OTP"
    status, user = live("GET", "users/alice")
    assert user["isEnrolled"] is True
    status, totp = live("POST", "client/user-authenticators/totp", token=verified["accessToken"])
    assert status == 200, totp
