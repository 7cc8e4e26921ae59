"""A tenant with one of everything that the portal can show, and the path of every page about it."""

from dataclasses import dataclass
from typing import Any

from actions import backtest, flow, rule_metrics
from actions.models import Action, Backtest, Device
from audit import log
from authenticators.models import (
    AttestedApps,
    Authenticator,
    AuthenticatorConfiguration,
    EndUser,
    IdentityProvider,
    MessageProvider,
)
from authsignal_portal.models import ApiKey, Membership, Tenant
from rules import value_lists
from rules.models import (
    ActionConfiguration,
    CustomDataPoint,
    PolicyVersion,
    Publication,
    Rule,
    ValueList,
    ValueListItem,
)
from tests import make
from tests.portal.staff import make_staff

CONDITIONS = {"and": [{"==": [{"var": "ip.isAnonymous"}, True]}]}
BACKTEST_PAGES = ("change", "progress", "cancel", "delete", "history")
PROVIDER_PAGES = ("change", "remove", "test", "delete")
LIST_PAGES = ("items", "items/export", "items/expired", "import", "change", "delete")


@dataclass
class Furnished:
    tenant: Tenant
    mark: str
    configuration: ActionConfiguration
    rule: Rule
    point: CustomDataPoint
    user: EndUser
    authenticator: Authenticator
    action: Action
    device: Device
    key: ApiKey
    method: AuthenticatorConfiguration
    provider: MessageProvider
    identity_provider: IdentityProvider
    apps: AttestedApps
    membership: Membership
    value_list: ValueList
    item: ValueListItem
    backtest: Backtest

    @property
    def pages(self) -> list[str]:
        """Every page with one of this tenant's ids in its address."""
        rules, users = "/portal/rules", f"/portal/authenticators/enduser/{self.user.pk}"
        settings = "/portal/authsignal_portal"
        return [
            f"{rules}/actionconfiguration/{self.configuration.pk}/change/",
            f"{rules}/actionconfiguration/{self.configuration.pk}/rules/",
            f"{rules}/actionconfiguration/{self.configuration.pk}/order/",
            f"{rules}/actionconfiguration/{self.configuration.pk}/delete/",
            f"{rules}/rule/add/?configuration={self.configuration.pk}",
            f"{rules}/rule/{self.rule.pk}/change/",
            f"{rules}/rule/{self.rule.pk}/change/?as=json",
            f"{rules}/rule/{self.rule.pk}/change/?as=rows",
            f"{rules}/rule/{self.rule.pk}/delete/",
            f"{rules}/rule/{self.rule.pk}/history/",
            f"{rules}/customdatapoint/{self.point.pk}/change/",
            f"{rules}/customdatapoint/{self.point.pk}/delete/",
            f"{users}/change/",
            f"{users}/delete/",
            f"{users}/unlock/",
            f"{users}/authenticators/{self.authenticator.pk}/remove/",
            f"{users}/devices/{self.device.pk}/invalidate/",
            f"/portal/authenticators/enduser/of/{self.user.pseudonym}/",
            f"/portal/actions/action/{self.action.pk}/change/",
            f"/portal/actions/action/{self.action.pk}/delete/",
            f"/portal/backtests/new/?configuration={self.configuration.pk}",
            *(f"/portal/actions/backtest/{self.backtest.pk}/{page}/" for page in BACKTEST_PAGES),
            f"/portal/actions/backtest/{self.backtest.pk}/actions/{self.action.pk}/",
            f"{settings}/tenant/{self.tenant.pk}/change/",
            f"{settings}/tenant/{self.tenant.pk}/delete/",
            f"{settings}/apikey/{self.key.pk}/change/",
            f"{settings}/apikey/{self.key.pk}/revoke/",
            f"{settings}/apikey/{self.key.pk}/delete/",
            f"{settings}/membership/{self.membership.pk}/change/",
            f"{settings}/membership/{self.membership.pk}/remove/",
            f"{settings}/membership/{self.membership.pk}/link/",
            f"{settings}/membership/{self.membership.pk}/delete/",
            f"/portal/authenticators/authenticatorconfiguration/{self.method.pk}/change/",
            *(f"/portal/authenticators/messageprovider/{self.provider.pk}/{page}/" for page in PROVIDER_PAGES),
            f"/portal/authenticators/identityprovider/{self.identity_provider.pk}/change/",
            f"/portal/authenticators/identityprovider/{self.identity_provider.pk}/delete/",
            f"/portal/authenticators/attestedapps/{self.apps.pk}/change/",
            f"/portal/authenticators/attestedapps/{self.apps.pk}/delete/",
            f"/portal/audit/auditevent/?subject={self.user.pseudonym}",
            f"/portal/r/1/{self.rule.pk}/",
            *(f"{rules}/valuelist/{self.value_list.pk}/{page}/" for page in LIST_PAGES),
            f"{rules}/valuelist/{self.value_list.pk}/items/?q={self.mark}",
            f"{rules}/valuelist/{self.value_list.pk}/items/{self.item.pk}/",
            f"{rules}/valuelist/{self.value_list.pk}/items/{self.item.pk}/remove/",
            f"{users}/list/",
            f"{users}/list/?value=device.{self.device.pk}",
            f"/portal/actions/action/{self.action.pk}/list/",
            f"/portal/actions/action/{self.action.pk}/list/?value=ip.address",
            f"{rules}/actionconfiguration/{self.configuration.pk}/publish/",
            f"{rules}/actionconfiguration/{self.configuration.pk}/discard/",
            f"{rules}/actionconfiguration/{self.configuration.pk}/versions/",
            f"{rules}/actionconfiguration/{self.configuration.pk}/versions/2/",
            f"{rules}/actionconfiguration/{self.configuration.pk}/versions/2/?against=in-force",
            f"{rules}/actionconfiguration/{self.configuration.pk}/versions/1/revert/",
            f"{rules}/actionconfiguration/{self.configuration.pk}/metrics/",
            f"{rules}/actionconfiguration/{self.configuration.pk}/metrics/{self.rule.pk}/",
            f"{rules}/rule/add/?configuration={self.configuration.pk}&template=withdrawal",
            f"{rules}/actionconfiguration/{self.configuration.pk}/messages/",
        ]

    @property
    def lists(self) -> list[str]:
        """Every page without an id; those that search are asked for this tenant's things."""
        mark = self.mark
        return [
            "/portal/",
            "/portal/tenants/",
            "/portal/test-action/",
            "/portal/actions/action/",
            f"/portal/actions/action/?user={mark}-user",
            f"/portal/actions/action/?action={mark}-action",
            "/portal/rules/actionconfiguration/",
            f"/portal/rules/actionconfiguration/?q={mark}",
            f"/portal/rules/actionconfiguration/?action_code={mark}-action",
            "/portal/rules/customdatapoint/",
            "/portal/rules/valuelist/",
            "/portal/rules/valuelist/add/",
            "/portal/rules/valuelist/ofac/",
            "/portal/authenticators/enduser/",
            f"/portal/authenticators/enduser/?q={mark}",
            f"/portal/authenticators/enduser/?q={mark}@example.com",
            "/portal/authenticators/enduser/?q=%2B6421555010",
            "/portal/authenticators/authenticatorconfiguration/",
            "/portal/authenticators/messageprovider/",
            *(f"/portal/authenticators/messageprovider/add/{kind}/" for kind in MessageProvider.Kind),
            "/portal/authenticators/identityprovider/",
            "/portal/authenticators/identityprovider/set-up/VERIFF/",
            "/portal/authenticators/attestedapps/",
            "/portal/authsignal_portal/tenant/",
            "/portal/authsignal_portal/apikey/",
            "/portal/authsignal_portal/apikey/add/",
            "/portal/authsignal_portal/membership/",
            "/portal/authsignal_portal/membership/add/",
            "/portal/audit/auditevent/",
            "/portal/password_change/",
            f"/portal/autocomplete/?app_label=rules&model_name=rule&field_name=configuration&term={mark}",
        ]


def furnish(tenant: Tenant, mark: str) -> Furnished:
    """`mark` is in the name of everything, and nowhere else."""
    point = make.make_point(tenant, f"{mark}Value", "number")
    configuration = make.make_action(tenant, f"{mark}-action", "ALLOW", message=f"{mark} message")
    rule = make.make_rule(configuration, CONDITIONS, name=f"{mark} rule", description=f"{mark} description")
    rule.name = f"{mark} renamed rule"
    rule.save()
    configuration.save_draft(note=f"{mark} note")
    tracked = flow.track(
        tenant=tenant,
        user_id=f"{mark}-user",
        action_code=configuration.action_code,
        attributes={
            "ipAddress": "185.220.101.1",
            "deviceId": f"{mark}-device",
            "userAgent": f"{mark} agent",
            "email": f"{mark}@example.com",
            "phoneNumber": "+6421555010",
            "custom": {f"{mark}Value": 3},
        },
        actor=log.SYSTEM,
    )
    action = Action.objects.get(pk=tracked.action_id)
    rule_metrics.count_due()
    key, _secret = ApiKey.create(tenant=tenant, kind="server")
    value_list = value_lists.create(tenant, f"{mark} list", description=f"{mark} description")
    value_lists.add(value_list, [value_lists.NewItem(f"{mark}-value", note=f"{mark} note")])
    return Furnished(
        tenant=tenant,
        mark=mark,
        configuration=configuration,
        rule=rule,
        point=point,
        user=action.user,
        authenticator=make.make_authenticator(action.user, contact=f"{mark}@example.com"),
        action=action,
        device=Device.objects.get(user=action.user),
        key=key,
        method=AuthenticatorConfiguration.objects.create(tenant=tenant, method="SMS"),
        provider=MessageProvider.objects.create(
            tenant=tenant, channel="SMS", kind="webhook", url=f"https://{mark}.example/hook"
        ),
        identity_provider=IdentityProvider.objects.create(
            tenant=tenant, method="VERIFF", url=f"https://{mark}.example/checks"
        ),
        apps=AttestedApps.objects.create(tenant=tenant, team_id="ACME123456", bundle_ids=[f"com.{mark}.app"]),
        membership=Membership.objects.create(user=make_staff(None, email=f"{mark}@staff.example").user, tenant=tenant),
        value_list=value_list,
        item=ValueListItem.objects.get(value_list=value_list),
        backtest=backtest.begin(configuration, days=7, author_id=None),
    )


def everything() -> dict[str, Any]:
    """What is stored of all tenants, to see that nothing changed."""
    models = [ActionConfiguration, Rule, PolicyVersion, Publication, CustomDataPoint, EndUser, Authenticator, Device]
    models += [ApiKey, Membership, Tenant, AuthenticatorConfiguration, MessageProvider, ValueList, ValueListItem]
    models += [IdentityProvider, AttestedApps]
    return {model.__name__: list(model.objects.order_by("pk").values()) for model in models}
