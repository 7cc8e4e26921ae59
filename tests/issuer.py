"""An OpenID Connect provider on this machine: it describes itself, publishes its keys, and exchanges codes."""

import base64
import hashlib
import json
import time
from functools import lru_cache
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from werkzeug import Request, Response

CLIENT = "acme-web"
PATH = "/idp"


@lru_cache(maxsize=3)
def rsa_key(number=0):
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@lru_cache(maxsize=3)
def ec_key(number=0):
    return ec.generate_private_key(ec.SECP256R1())


def public_jwk(key, kid, **more):
    kind = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    return {**kind.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig", **more}


class Issuer:
    """`asked` counts the requests by path; `codes` are what the user's browser would bring back."""

    def __init__(self, server, path=PATH):
        self.server, self.path = server, path
        self.name = server.url_for(path)
        self.keys = {"one": rsa_key(), "two": ec_key()}
        self.asked = []
        self.codes = {}
        self.described = {
            "issuer": self.name,
            "authorization_endpoint": f"{self.name}/authorize",
            "token_endpoint": f"{self.name}/token",
            "jwks_uri": f"{self.name}/jwks",
        }
        self.is_down = False
        self.secret = ""
        self.serve("/.well-known/openid-configuration", lambda _request: self.described)
        self.serve("/jwks", lambda _request: {"keys": [public_jwk(key, kid) for kid, key in self.keys.items()]})
        self.serve("/token", self.exchange)
        # Who is signed in there.
        self.account = "jo-1"
        self.serve("/authorize", self.send_back)

    def serve(self, path, answer):
        def handler(request: Request) -> Response:
            self.asked.append(path)
            if self.is_down:
                return Response("down", 503)
            given = answer(request)
            return given if isinstance(given, Response) else Response(json.dumps(given), 200)

        self.server.expect_request(self.path + path).respond_with_handler(handler)

    def claims(self, nonce=None, **other):
        now = int(time.time())
        given = {"iss": self.name, "sub": "jo-1", "aud": CLIENT, "iat": now, "exp": now + 600, "nonce": nonce} | other
        # Signed in for it, unless a test says otherwise.
        given = {"auth_time": given["iat"]} | given
        return {name: value for name, value in given.items() if value is not None}

    def token(self, nonce=None, *, kid="one", **other):
        return self.sign(self.claims(nonce, **other), kid)

    def sign(self, claims, kid="one", key=None, algorithm=None, headers=None):
        key = key or self.keys[kid]
        algorithm = algorithm or ("RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256")
        return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": kid} | (headers or {}))

    # -- the authorization code flow --------------------------------------------------------------

    def sign_in(self, url, **claims):
        """What a browser brings back that was sent here and whose user signed in: code and state."""
        parts = urlsplit(url)
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == self.described["authorization_endpoint"]
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        code = f"code-{len(self.codes)}"
        self.codes[code] = query | {"claims": claims}
        return {"code": code, "state": query["state"]}

    def send_back(self, request):
        """As for a browser whose user is signed in already, since long, and signs in again when asked to."""
        asked_to = request.args.get("prompt") == "login" or request.args.get("max_age") == "0"
        brought = self.sign_in(request.url, sub=self.account, auth_time=int(time.time()) - (0 if asked_to else 3600))
        return Response("", 302, {"Location": f"{request.args['redirect_uri']}?{urlencode(brought)}"})

    def exchange(self, request):
        form = request.form
        asked = self.codes.pop(form["code"], None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).decode()
        right = (
            asked is not None
            and form["grant_type"] == "authorization_code"
            and form["redirect_uri"] == asked["redirect_uri"]
            and asked["code_challenge"] == challenge.rstrip("=")
            and asked["code_challenge_method"] == "S256"
            and self.is_client(request)
        )
        if not right:
            return Response('{"error": "invalid_grant"}', 400)
        return {"id_token": self.token(asked["nonce"], **asked["claims"]), "access_token": "x", "token_type": "Bearer"}

    def is_client(self, request):
        if not self.secret:
            return request.form["client_id"] == CLIENT and request.authorization is None
        if "token_endpoint_auth_methods_supported" in self.described:
            return request.form["client_secret"] == self.secret
        given = request.authorization
        return given is not None and (given.username, given.password) == (CLIENT, self.secret)
