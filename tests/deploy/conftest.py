"""The product as it is to be deployed: nginx, and behind it what the units start."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.conftest import Live, Server, living, running, wait_for
from tests.deploy.edge import HOST, Edge
from tests.deploy.site import Site, served, served_by_nginx, site_in


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with served_by_nginx(site_in(tmp_path_factory.mktemp("nginx"))) as site:
        yield site


@pytest.fixture(scope="session")
def servers(site: Site, server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """What stands behind nginx, as the units start it."""
    folder = tmp_path_factory.mktemp("behind-nginx")
    environment = {
        **server.environment,
        "PUBLIC_URL": f"https://{HOST}",
        "ALLOWED_HOSTS": HOST,
        "TRUSTED_PROXIES": "1",
        "BEHIND_TLS_PROXY": "yes",
        "BAD_KEYS_PER_MINUTE": "3",
    }
    with ExitStack() as stack:
        for unit, port in (("web", site.web), ("sockets", site.sockets)):
            command = served(unit, port=str(port), workers="1")
            log = folder / f"{unit}.log"
            process = stack.enter_context(running(command, log, environment))
            wait_for(f"http://127.0.0.1:{port}/v1/", process, log)
        yield Server(f"https://{HOST}", server.outbox_path, environment)


@pytest.fixture
def live(servers: Server, transactional_db: None) -> Iterator[Live]:
    yield from living(servers)


@pytest.fixture
def edge(site: Site) -> Edge:
    return Edge(site)
