"""The members of a tenant: who is invited, what they may do, who is taken away.

An account without a proven owner must not be let in elsewhere: whoever invited it could have set its password. So an
account that exists is added only by somebody who is an administrator of a tenant that it belongs to already.
"""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as _
from django_otp.plugins.otp_totp.models import TOTPDevice

from audit.events import Tag
from authsignal_portal import access, portal
from authsignal_portal.access import Access
from authsignal_portal.models import Membership, Tenant
from authsignal_portal.tenant_admin import TenantAdmin
from authsignal_portal.vocabulary import Role
from authsignal_portal.widgets import dress, moment

LIST = "portal:authsignal_portal_membership_changelist"


class MemberForm(forms.ModelForm):  # type: ignore[type-arg]
    """A new member. `account` is the account to add, or None where one is to be made."""

    email = forms.EmailField(label=_("Email address"), max_length=150)

    class Meta:
        model = Membership
        fields = ["role"]

    here: Access
    account: User | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        dress(self)

    def clean_email(self) -> str:
        email = str(self.cleaned_data["email"]).lower()
        self.account = User.objects.filter(username=email).first()
        if self.account is None:
            return email
        if self.account.memberships.filter(tenant=self.here.tenant).exists():
            raise ValidationError(_("This person is a member already."))
        administered = [one.tenant_id for one in self.here.memberships if one.role == Role.ADMIN]
        if not self.account.memberships.filter(tenant__in=administered).exists():
            raise ValidationError(
                _("This address cannot be added here. Ask an administrator who knows the account, or the operator.")
            )
        return email


class RoleForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Membership
        fields = ["role"]

    def clean_role(self) -> str:
        role: str = self.cleaned_data["role"]
        if role != Role.ADMIN and is_last_admin(self.instance):
            raise ValidationError(_("A tenant needs an administrator: give somebody else that role first."))
        return role


def is_last_admin(membership: Membership) -> bool:
    """Call in a transaction: the tenant is locked, so that two administrators cannot remove each other at once."""
    # Not its key: what refers to the tenant, as every tracked action does, need not wait.
    Tenant.objects.select_for_update(no_key=True).get(pk=membership.tenant_id)
    admins = Membership.objects.filter(tenant=membership.tenant_id, role=Role.ADMIN)
    return admins.filter(pk=membership.pk).exists() and admins.count() == 1


class MembershipPage(TenantAdmin):
    may_add = True
    added = changed = Tag.MEMBER_CHANGED
    intro = _("Whoever works in this portal for this tenant, and what they may do.")
    list_display = ["email", "role", "signs_in_with", "last_login", "remove_link"]
    list_display_links = None
    doing = ("remove_link",)
    sortable_by = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        apps = TOTPDevice.objects.filter(user=OuterRef("user"), confirmed=True)
        rows = super().get_queryset(request).select_related("user")
        members: QuerySet[Any] = rows.annotate(has_app=Exists(apps)).order_by("user__username")
        return members

    def audit_data(self, obj: Any) -> dict[str, Any]:
        return {"row": str(obj.user_id), "role": obj.role}

    def needs_proof(self, request: HttpRequest, obj: Any, form: Any = None) -> bool:
        return True

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, form=RoleForm if obj else MemberForm, **kwargs)
        form.here = access.must(request)
        return form

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        asked = [(_("Confirm that it is you"), {"fields": ["code"]})] if self._asks(request, obj) else []
        return [(None, {"fields": ["role"] if obj else ["email", "role"]}), *asked]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return super().changelist_view(request, {"add_title": _("Add member")})

    def change_view(self, request: Any, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        membership = self.get_object(request, object_id)
        title = {"title": _("Role of %(email)s") % {"email": membership.user.username}} if membership else {}
        return super().change_view(request, object_id, form_url, {**title, **(extra_context or {})})

    # -- columns ----------------------------------------------------------------------------------

    def email(self, membership: Membership) -> str:
        return membership.user.username

    email.short_description = _("Email address")  # type: ignore[attr-defined]

    def signs_in_with(self, membership: Any) -> Any:
        if not membership.user.has_usable_password():
            return _("invited, no password yet")
        return _("password and authenticator app") if membership.has_app else _("password; no app enrolled yet")

    signs_in_with.short_description = _("Signs in with")  # type: ignore[attr-defined]

    def last_login(self, membership: Membership) -> Any:
        return moment(membership.user.last_login)

    last_login.short_description = _("Last sign-in")  # type: ignore[attr-defined]

    def remove_link(self, membership: Membership) -> Any:
        pages = [("change", _("Change role …")), ("remove", _("Remove …"))]
        if may_be_invited(membership):
            pages.insert(0, ("link", _("New invitation link …")))
        urls = (
            (reverse(f"portal:authsignal_portal_membership_{name}", args=[membership.pk]), text) for name, text in pages
        )
        return format_html_join(" ", '<a class="portal-button small" href="{}">{}</a>', urls)

    remove_link.short_description = _("Actions")  # type: ignore[attr-defined]

    # -- adding -----------------------------------------------------------------------------------

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            obj.user = form.account or _new_account(form.cleaned_data["email"])
        super().save_model(request, obj, form, change)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> HttpResponse:
        if may_be_invited(obj):
            return self._show_link(request, obj)
        messages.success(request, _("%(email)s is a member now.") % {"email": obj.user.username})
        return redirect(LIST)

    def _show_link(self, request: HttpRequest, membership: Membership) -> HttpResponse:
        return self.page(
            request,
            "portal/secret.html",
            title=_("Invite %(email)s") % {"email": membership.user.username},
            warning=_(
                "Give this link to this person and nobody else: whoever opens it first sets the password. "
                "It is good once, for three days, and is not shown again."
            ),
            shown=[(_("Invitation link"), settings.PUBLIC_URL + portal.invitation(membership.user))],
            back=reverse(LIST),
        )

    # -- pages ------------------------------------------------------------------------------------

    def get_urls(self) -> Any:
        wrap, name = self.admin_site.admin_view, "authsignal_portal_membership_"
        return [
            path("<int:member_id>/remove/", wrap(self.remove), name=name + "remove"),
            path("<int:member_id>/link/", wrap(self.link), name=name + "link"),
            *super().get_urls(),
        ]

    def remove(self, request: HttpRequest, member_id: int) -> HttpResponse:
        membership: Membership = self.found(request, str(member_id))
        email = membership.user.username

        def act(_here: Access) -> None:
            if is_last_admin(membership):
                raise LastAdmin
            self.record(request, Tag.MEMBER_CHANGED, membership, reason="removed")
            membership.delete()

        try:
            return self.confirmed(
                request,
                act=act,
                back=reverse(LIST),
                title=_("Remove %(email)s") % {"email": email},
                text=_("They lose this tenant at once, also where they are signed in now. Their account stays."),
                button=_("Remove the member"),
                done=_("%(email)s is no longer a member.") % {"email": email},
            )
        except LastAdmin:
            messages.error(request, _("A tenant needs an administrator: give somebody else that role first."))
            return redirect(LIST)

    def link(self, request: HttpRequest, member_id: int) -> HttpResponse:
        membership: Membership = self.found(request, str(member_id))
        if not may_be_invited(membership):
            raise Http404
        answer = self.confirmed(
            request,
            act=lambda _here: self.record(request, Tag.MEMBER_CHANGED, membership, reason="invited"),
            back=reverse(LIST),
            title=_("New link for %(email)s") % {"email": membership.user.username},
            text=_("A new link to set the first password is made and shown to you once."),
            button=_("Make the link"),
            tone="primary",
            done="",
        )
        return self._show_link(request, membership) if answer.status_code == 302 else answer


class LastAdmin(Exception):
    """The only administrator of a tenant cannot go."""


def may_be_invited(membership: Membership) -> bool:
    """Whether this tenant's administrators may hand out the link that sets this account's first password."""
    user = membership.user
    elsewhere = user.memberships.exclude(tenant=membership.tenant_id).exists()
    return not user.has_usable_password() and not elsewhere


@transaction.atomic
def _new_account(email: str) -> User:
    user = User(username=email, email=email, is_staff=True)
    user.set_unusable_password()
    user.save()
    return user
