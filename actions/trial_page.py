"""Track an action from the portal, to see what the rules make of it: a real action of a real user, or a dry run.

A dry run decides with the rules that were saved last, in force or not, and stores nothing. What is tracked may change
its user's address, and whoever opens its hosted page acts as them: for any user but those of tests that is for who
helps users, with a fresh code.
"""

from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from actions import flow, weighing
from actions.activity_page import draft_told, listed, verdict
from actions.models import Action
from actions.serializers import TrackInput
from actions.tracked import Tracked
from audit.events import ActorKind, Tag
from audit.models import AuditEvent
from authenticators.models import EndUser
from authsignal_portal import access, json_body, portal
from authsignal_portal.access import Access, Right
from authsignal_portal.api import checked
from authsignal_portal.errors import AuthsignalError, InvalidRequest
from authsignal_portal.tenant_admin import dress_code, prove
from authsignal_portal.widgets import dress
from rules import policies
from rules.models import ACTION_CODE, ActionConfiguration
from rules.publishing import newest

# The form's field for each attribute of the wire.
ATTRIBUTES = {
    "email": "email",
    "device_id": "deviceId",
    "user_agent": "userAgent",
    "ip_address": "ipAddress",
    "custom": "custom",
}


# Who came into being by a test, and whose id says so: nobody is harmed by who acts as one of them.
TEST_USERS = "test-"


class TrialForm(forms.Form):
    action_code = forms.RegexField(
        rf"^{ACTION_CODE}\Z",
        label=_("Action"),
        error_messages={"invalid": _("Use 1 to 64 letters, digits, hyphens and underscores.")},
        widget=forms.TextInput(attrs={"list": "action-codes", "autocomplete": "off"}),
    )
    user_id = forms.CharField(label=_("User ID"), max_length=255, strip=False, initial="test-user")
    email = forms.CharField(label=_("Email address"), required=False, max_length=254)
    ip_address = forms.CharField(label=_("IP address"), required=False, max_length=1000)
    device_id = forms.CharField(label=_("Device ID"), required=False, max_length=255)
    user_agent = forms.CharField(label=_("User agent"), required=False, max_length=4000)
    custom = forms.CharField(
        label=_("Custom data"),
        required=False,
        max_length=16_384,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text=_('A JSON object, such as {"transactionValue": 3000}.'),
    )

    code = forms.CharField(
        label=_("Code from your authenticator app"),
        required=False,
        max_length=32,
        help_text=_(
            "Needed to track for a user who was not made by such a test, with an ID that begins with test-; not for a "
            "dry run."
        ),
    )

    def __init__(self, here: Access, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        dress(self)
        dress_code(self.fields["code"])
        if here.proof_is_fresh or not here.may(Right.SUPPORT):
            del self.fields["code"]

    def clean_custom(self) -> Any:
        try:
            return json_body.parse_object(self.cleaned_data["custom"].encode())
        except InvalidRequest as error:
            raise forms.ValidationError(json_body.told(error, str(_("Custom data")))) from None


def view(request: HttpRequest) -> HttpResponse:
    here = access.must(request)
    if not here.may(Right.TEST):
        raise PermissionDenied
    initial = {"action_code": request.GET.get("action", "")[:64]}
    form = TrialForm(here, request.POST if request.method == "POST" else None, initial=initial)
    is_dry = "dry_run" in request.POST
    tracked = _track(request, here, form) if form.is_valid() and not is_dry else None
    tried = _dry_run(here, form) if form.is_valid() and is_dry else None
    codes = ActionConfiguration.objects.filter(tenant=here.tenant).values_list("action_code", flat=True)
    context = {
        **portal.site.each_context(request),
        "title": _("Track a test action"),
        "form": form,
        "codes": list(codes),
        "sees_contacts": here.may(Right.SUPPORT),
        **(_result(here, tracked) if tracked else {"tried": tried, "verdict": tried} if tried else {}),
    }
    return TemplateResponse(request, "portal/trial.html", context)


def _asked(here: Access, form: TrialForm) -> dict[str, Any]:
    """Raises InvalidRequest."""
    given = form.cleaned_data
    sent = {wire: given[name] for name, wire in ATTRIBUTES.items() if given[name]}
    return {
        "tenant": here.tenant,
        "user_id": given["user_id"],
        "action_code": given["action_code"],
        "attributes": checked(TrackInput, sent),
        "actor": here.actor,
    }


def _track(request: HttpRequest, here: Access, form: TrialForm) -> Tracked | None:
    if not _may_act(request, here, form):
        return None
    try:
        return flow.track(**_asked(here, form))
    except AuthsignalError as error:
        form.add_error(None, error.description)
        return None


def _may_act(request: HttpRequest, here: Access, form: TrialForm) -> bool:
    """Whether they may act as the user, existing or not; where not, the form says why."""
    if _is_for_tests(here, form.cleaned_data["user_id"]):
        return True
    if not here.may(Right.SUPPORT):
        form.add_error(
            "user_id",
            _("Your role tracks only for users made by such tests, with IDs that begin with test-. Try a dry run."),
        )
        return False
    problem = prove(request, form.cleaned_data.get("code", ""))
    if problem:
        form.add_error("code", problem)
    return not problem


def _is_for_tests(here: Access, user_id: str) -> bool:
    if not user_id.startswith(TEST_USERS):
        return False
    user = EndUser.objects.filter(tenant=here.tenant, user_id=user_id).first()
    if user is None:
        return True
    born = AuditEvent.objects.filter(tenant_id=here.tenant.pk, subject=user.pseudonym, tag=Tag.USER_CREATED)
    return born.filter(actor_kind=ActorKind.STAFF).exists()


def _dry_run(here: Access, form: TrialForm) -> dict[str, Any] | None:
    """What the rules that were saved last would decide, as `portal/verdict.html` shows it."""
    code = form.cleaned_data["action_code"]
    configuration = ActionConfiguration.objects.filter(tenant=here.tenant, action_code=code).first()
    if configuration is None:
        form.add_error("action_code", _("There is no action with this code, so it has no rules to try."))
        return None
    draft = newest(configuration)
    policy = policies.compiled(draft, code)
    # Else whoever may not see a contact could find it out by rules made for that.
    with_stored_contacts = here.may(Right.SUPPORT)
    try:
        weighed = weighing.dry_run(**_asked(here, form), policy=policy, with_stored_contacts=with_stored_contacts)
    except AuthsignalError as error:
        form.add_error(None, error.description)
        return None
    told = draft_told(draft, policy, weighed.decision, weighed.facts, lists=weighed.lists, here=here)
    return told | {"is_in_force": draft.version == configuration.version}


def _result(here: Access, tracked: Tracked) -> dict[str, Any]:
    action = Action.objects.select_related("user", "facts").get(pk=tracked.action_id, tenant=here.tenant)
    return {"tracked": tracked, "shown": listed(action), "verdict": verdict(action.facts, here), "facts": action.facts}
