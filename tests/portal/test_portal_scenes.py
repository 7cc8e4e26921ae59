"""The catalogue of the portal's screens is whole: no page is without a scene, no scene twice."""

from collections.abc import Iterator

from django.urls import URLPattern, reverse

from authsignal_portal import portal
from tests.portal.furnished import Furnished, furnish
from tests.portal.staff import signed_in
from tests.screens.portal.catalogue import GROUPS, first_of_each
from tests.screens.portal.scene import STATES

SCENES = [scene for scenes in GROUPS.values() for scene in scenes]
SEEN = {scene.page for scene in SCENES if not scene.path}
A_PAGE = "text/html"


def patterns() -> Iterator[URLPattern]:
    """Every named URL of the portal, with the first pattern of each name."""
    known = set()
    for one in portal.site.get_urls():
        nested = getattr(one, "url_patterns", None)
        for pattern in nested or [one]:
            if pattern.name and pattern.name not in known:
                known.add(pattern.name)
                yield pattern


def arguments(pattern: URLPattern, there: Furnished) -> dict[str, str]:
    """Something of the tenant for each place in an address."""
    model = pattern.name.rpartition("_")[0].split("_")
    objects = {
        "actionconfiguration": there.configuration,
        "rule": there.rule,
        "customdatapoint": there.point,
        "valuelist": there.value_list,
        "enduser": there.user,
        "action": there.action,
        "backtest": there.backtest,
        "tenant": there.tenant,
        "apikey": there.key,
        "membership": there.membership,
        "authenticatorconfiguration": there.method,
        "messageprovider": there.provider,
        "identityprovider": there.identity_provider,
        "attestedapps": there.apps,
    }
    of_name = next((one for name, one in objects.items() if name in model), there.action)
    known = {
        "object_id": of_name.pk,
        "action_pk": there.action.pk,
        "list_pk": there.value_list.pk,
        "user_pk": there.user.pk,
        "pseudonym": there.user.pseudonym,
        "number": 1,
        "app_label": "rules",
        "content_type_id": 1,
    }
    return {name: str(known[name]) for name in pattern.pattern.regex.groupindex}


def test_every_page_has_a_scene(acme) -> None:
    """What has none is no page: it leads elsewhere, is not there, or is data for a script or a file."""
    there = furnish(acme, "acme")
    client = signed_in(acme).client
    for pattern in patterns():
        if pattern.name in SEEN:
            continue
        answer = client.get(reverse(f"portal:{pattern.name}", kwargs=arguments(pattern, there)))
        is_page = answer.status_code == 200 and answer["Content-Type"].startswith(A_PAGE)
        assert not is_page, f"{pattern.name} is a page without a scene"


def test_every_scene_is_of_a_page_and_told_apart() -> None:
    assert {pattern.name for pattern in patterns()} >= SEEN
    assert len({scene.id for scene in SCENES}) == len(SCENES)
    assert {scene.kind for scene in SCENES} == set(STATES)


def test_every_page_is_looked_at_full() -> None:
    full = {scene.page for scene in SCENES if scene.kind == "full" and not scene.path}
    assert full == SEEN


def test_the_suite_goes_to_every_page() -> None:
    short = [scene for scenes in GROUPS.values() for scene in first_of_each(scenes)]
    assert {scene.page for scene in short} == SEEN
