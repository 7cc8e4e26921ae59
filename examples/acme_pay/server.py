"""Acme Pay, a small bank that asks Authsignal before it moves money. Run it: python server.py"""

import logging
import os
import re
import signal
import sys
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from bank import Bank, Transfer
from config import Config
from order import Refused, read_order, read_request_id
from pages import Html, Pages
from proof import ENROL_PASSKEY, Authsignal, Unavailable
from teller import Teller
from visitor import Visitor
from web import Exchange, Problem, Site

SESSION_COOKIE = "acme_session"
SESSION_SECONDS = 12 * 60 * 60
DEVICE_COOKIE = "__as_aid"
DEVICE_ID = re.compile(r"[0-9A-Za-z-]{1,64}")

log = logging.getLogger("acme_pay")


class AcmePay(Site):
    """The bank, its teller and its pages, shared by all requests."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.public_url = config.public_url
        self.always = config.headers()
        self.bank = Bank()
        authsignal = Authsignal(api_url=config.api_url, api_secret_key=config.api_secret_key)
        self.teller = Teller(bank=self.bank, authsignal=authsignal, public_url=config.public_url)
        self.pages = Pages(api_url=config.api_url, tenant_id=config.tenant_id)
        super().__init__((config.host, config.port), Handler)


class Handler(Exchange):
    """Pages are GET; whatever changes something is a POST of JSON from this very origin."""

    server: AcmePay

    def do_GET(self) -> None:
        path = self.path_only
        if path == "/healthz":
            return self.send(HTTPStatus.OK, b"ok\n", "text/plain; charset=utf-8")
        if path.startswith("/static/"):
            return self.send_static(path.removeprefix("/static/"))
        # A passkey belongs to a host name: on 127.0.0.1 those of localhost cannot be used.
        if self.headers.get("Host") != urlsplit(self.server.public_url).netloc:
            return self.redirect(self.server.public_url + (self.path if path.startswith("/") else "/"))
        for pattern, page in GET:
            if match := re.fullmatch(pattern, path):
                return page(self, *match.groups())
        return self.send_page(self._no_such_page(), status=HTTPStatus.NOT_FOUND)

    do_HEAD = do_GET

    def do_POST(self) -> None:
        try:
            self._answer_post()
        except Refused as refused:
            self.send_json({"error": str(refused), "field": refused.field}, status=HTTPStatus.BAD_REQUEST)
        except Unavailable as unavailable:
            self.send_json({"error": f"{unavailable} Nothing was changed."}, status=HTTPStatus.BAD_GATEWAY)
        except Problem as problem:
            # The body may not have been read, so the connection cannot carry another request.
            self.close_connection = True
            self.send_json({"error": str(problem)}, status=problem.status)

    def _answer_post(self) -> None:
        form = self.read_form()
        for pattern, action in POST:
            if match := re.fullmatch(pattern, self.path_only):
                return action(self, form, *match.groups())
        raise Problem(HTTPStatus.NOT_FOUND, "Nothing lives at this address.")

    # Pages.

    def home(self) -> None:
        self.redirect("/account" if self._user() else "/sign-in")

    def sign_in_page(self) -> None:
        self.send_page(self.server.pages.sign_in())

    def account_page(self) -> None:
        if user := self._user_or_sign_in():
            passkeys = self.server.teller.passkeys(user)
            self.send_page(self.server.pages.account(self.server.bank.account(user), passkeys=passkeys))

    def passkey_page(self) -> None:
        if user := self._user_or_sign_in():
            self.send_page(self.server.pages.passkey(user, self.server.teller.passkeys(user)))

    def transfer_page(self) -> None:
        if user := self._user_or_sign_in():
            self.send_page(self.server.pages.transfer_form(self.server.bank.account(user), self.query()))

    def outcome_page(self, transfer_id: str) -> None:
        if transfer := self._transfer(transfer_id):
            self.server.teller.refresh(transfer)
            self.send_page(self.server.pages.outcome(transfer))

    def returned(self, transfer_id: str) -> None:
        """Back from the hosted page: use the token, and take it out of the address bar."""
        if transfer := self._transfer(transfer_id):
            try:
                self.server.teller.settle(transfer, token=self.query().get("token", ""))
            except (Refused, Unavailable) as error:
                log.warning("transfer %s was not confirmed: %s", transfer.id, error)
            self.redirect(f"/transfers/{transfer.id}")

    # Actions.

    def sign_in(self, form: dict[str, Any]) -> None:
        name = form.get("username")
        session = self.server.bank.sign_in(name if isinstance(name, str) else "")
        self.send_json({"next": "/account"}, cookie=self._session_cookie(session, seconds=SESSION_SECONDS))

    def sign_out(self, form: dict[str, Any]) -> None:
        self.server.bank.sign_out(self.cookies().get(SESSION_COOKIE, ""))
        self.send_json({"next": "/sign-in"}, cookie=self._session_cookie("", seconds=0))

    def enrol_passkey(self, form: dict[str, Any]) -> None:
        self.send_json({"token": self.server.teller.enrolment_token(self._visitor())})

    def validate_passkey(self, form: dict[str, Any]) -> None:
        visitor = self._visitor()
        verdict = self.server.teller.enrolment(visitor, token=_token(form))
        proved = verdict.proves(user=visitor.user, action=ENROL_PASSKEY)
        self.send_json({"isValid": proved, "state": verdict.state})

    def start_transfer(self, form: dict[str, Any]) -> None:
        visitor = self._visitor()
        order, request_id = read_order(form), read_request_id(form)
        transfer = self.server.teller.transfer(visitor, request_id=request_id, order=order)
        self.send_json({"next": f"/transfers/{transfer.id}", "status": transfer.status})

    def validate_transfer(self, form: dict[str, Any], transfer_id: str) -> None:
        transfer = self.server.bank.transfer(self._visitor().user, transfer_id)
        if transfer is None:
            raise Problem(HTTPStatus.NOT_FOUND, "There is no such transfer of yours.")
        self.server.teller.settle(transfer, token=_token(form))
        self.send_json({"next": f"/transfers/{transfer.id}", "status": transfer.status})

    # Who asks.

    def _user(self) -> str | None:
        return self.server.bank.user(self.cookies().get(SESSION_COOKIE, ""))

    def _user_or_sign_in(self) -> str | None:
        user = self._user()
        if user is None:
            self.redirect("/sign-in")
        return user

    def _visitor(self) -> Visitor:
        user = self._user()
        if user is None:
            raise Problem(HTTPStatus.UNAUTHORIZED, "You are signed out. Sign in and try again.")
        device_id = self.cookies().get(DEVICE_COOKIE, "")
        return Visitor(
            user=user,
            device_id=device_id if DEVICE_ID.fullmatch(device_id) else "",
            user_agent=self.headers.get("User-Agent", "")[:1000],
        )

    def _transfer(self, transfer_id: str) -> Transfer | None:
        """The signed-in customer's own; where there is none, the answer is already sent."""
        user = self._user_or_sign_in()
        transfer = self.server.bank.transfer(user, transfer_id) if user else None
        if user and transfer is None:
            self.send_page(self._no_such_page(), status=HTTPStatus.NOT_FOUND)
        return transfer

    def _no_such_page(self) -> Html:
        return self.server.pages.message("No such page", "Nothing lives at this address.", user=self._user())

    def _session_cookie(self, value: str, *, seconds: int) -> str:
        secure = "; Secure" if self.server.config.is_https else ""
        return f"{SESSION_COOKIE}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}"


TRANSFER_ID = "([0-9a-f-]{36})"
GET = (
    ("/", Handler.home),
    ("/sign-in", Handler.sign_in_page),
    ("/account", Handler.account_page),
    ("/passkey", Handler.passkey_page),
    ("/transfer", Handler.transfer_page),
    (f"/transfers/{TRANSFER_ID}", Handler.outcome_page),
    (f"/transfers/{TRANSFER_ID}/return", Handler.returned),
)
POST = (
    ("/api/sign-in", Handler.sign_in),
    ("/api/sign-out", Handler.sign_out),
    ("/api/passkey/enroll", Handler.enrol_passkey),
    ("/api/passkey/validate", Handler.validate_passkey),
    ("/api/transfers", Handler.start_transfer),
    (f"/api/transfers/{TRANSFER_ID}/validate", Handler.validate_transfer),
)


def _token(form: dict[str, Any]) -> str:
    token = form.get("token")
    return token if isinstance(token, str) else ""


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="acme_pay %(message)s", stream=sys.stdout)
    config = Config.read(os.environ)
    try:
        server = AcmePay(config)
    except OSError as error:
        raise SystemExit(
            f"Acme Pay cannot listen on {config.host}:{config.port}: {error.strerror}. Set PORT."
        ) from error
    # A supervisor ends its children with SIGTERM; leave as on Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    log.info("open %s", config.public_url)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


if __name__ == "__main__":
    main()
