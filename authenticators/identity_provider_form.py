"""The form of an identity provider: what its kind needs, and a secret that is written and never shown."""

from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from authenticators.id_tokens import ISSUER_OF
from authenticators.models import IdentityProvider
from authsignal_portal import outbound
from authsignal_portal.models import Tenant
from authsignal_portal.vocabulary import IDENTITY_CHECKS, VerificationMethod
from authsignal_portal.widgets import LinesField, dress

M = VerificationMethod
# HMAC-SHA-256 wants a key of 32 bytes at least (RFC 2104 §3).
FEWEST_CHARS: Final = 32
MOST_CLIENTS: Final = 20
MOST_ID: Final = 255
# Who changes where the secret goes must know the secret: else it could be sent to a server of theirs.
SECRET_GOES_TO: Final = {"issuer", "url"}


def known_client(text: str) -> None:
    """Raises ValidationError."""
    if len(text) > MOST_ID or not text.isascii() or not text.isprintable() or " " in text:
        raise forms.ValidationError(_("this is no client ID"))


class IdentityProviderForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    client_ids = LinesField(label=_("Client IDs"), validators_of_line=[known_client])
    secret = forms.CharField(required=False, max_length=4096, widget=forms.PasswordInput(render_value=False))

    class Meta:
        model = IdentityProvider
        fields = ["name", "issuer", "client_ids", "asks_anew", "url", "secret"]

    instance: IdentityProvider

    def __init__(self, *args: Any, tenant: Tenant, method: VerificationMethod, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.method = method
        self.instance.tenant, self.instance.method = tenant, method.value
        self.fields = {name: self.fields[name] for name in self._names()}
        self._explain()
        dress(self)

    @property
    def is_check(self) -> bool:
        return self.method in IDENTITY_CHECKS

    def _names(self) -> list[str]:
        if self.is_check:
            return ["url", "secret"]
        if self.method in ISSUER_OF:
            return ["client_ids", "secret"]
        return ["name", "issuer", "client_ids", "secret", "asks_anew"]

    def _explain(self) -> None:
        texts: dict[str, Any] = {
            "name": _("What your users know it as, such as Acme Staff."),
            "issuer": _("As its tokens write it, letter by letter. It must publish /.well-known/openid-configuration."),
            "client_ids": _(
                "One per line: every client of yours whose ID tokens count. The hosted pages sign in as the first."
            ),
            "asks_anew": _(
                "The provider is asked for a new sign-in, and its token must say so by auth_time. Without this, "
                "whoever finds a browser that is signed in there can answer."
            ),
            "url": _("An https address of your adapter. A check is begun by a signed POST to it."),
            "secret": _("At least 32 random characters, known to your adapter alone. Both sides sign with it."),
        }
        if not self.is_check:
            texts["secret"] = _("Of the first client, for the hosted pages. Empty for a public client.")
            self.fields["secret"].label = _("Client secret")
        if self.method == M.APPLE_ID_TOKEN:
            texts["secret"] = _("A JSON web token that you sign with your key of Apple's; it ends after six months.")
        if self.instance.secret_sealed is not None:
            texts["secret"] = _("Kept as it is when you leave this empty. It is never shown.")
        for name, field in self.fields.items():
            field.help_text = texts[name]
            field.required = name in ("name", "issuer", "client_ids", "url")
        self.fields["secret"].widget.attrs["autocomplete"] = "new-password"

    # -- what is right ----------------------------------------------------------------------------

    def clean_issuer(self) -> str:
        issuer = str(self.cleaned_data["issuer"])
        if "?" in issuer:
            raise forms.ValidationError(_("Leave out the question mark and what follows it."))
        return self._reachable(issuer)

    def clean_url(self) -> str:
        return self._reachable(str(self.cleaned_data["url"]))

    def _reachable(self, url: str) -> str:
        try:
            outbound.check_url(url)
        except outbound.Refused as error:
            told = _("This address cannot be used: %(reason)s.") % {"reason": error.reason}
            raise forms.ValidationError(told) from error
        return url

    def clean_client_ids(self) -> list[str]:
        given: list[str] = self.cleaned_data["client_ids"]
        if len(given) > MOST_CLIENTS:
            raise forms.ValidationError(_("At most %(most)s are possible.") % {"most": MOST_CLIENTS})
        return given

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        secret, has_one = given.get("secret", ""), self.instance.secret_sealed is not None
        if secret and self.is_check and len(secret) < FEWEST_CHARS:
            self.add_error("secret", _("It needs at least 32 characters."))
        elif not secret and self.is_check and not has_one:
            self.add_error("secret", _("Enter the secret with which your adapter signs its results."))
        elif not secret and has_one and SECRET_GOES_TO & set(self.changed_data):
            self.add_error("secret", _("Enter it again, because you change where it is sent."))
        return given

    def save(self, commit: bool = True) -> IdentityProvider:
        row: IdentityProvider = super().save(commit=False)
        row.issuer = ISSUER_OF.get(self.method, row.issuer)
        if self.cleaned_data.get("secret"):
            row.secret = self.cleaned_data["secret"]
        row.save()
        return row
