"""Token callbacks as their project makes them, and a host whose meeting they are asked about."""

import types

import pytest

from support.token_callback import TokenCallback


@pytest.fixture(params=["fastcgi", "cgi"])
def way(request, stack, project):
    """The same case twice: through nginx and FastCGI, and as plain CGI."""
    if request.param == "fastcgi":
        return types.SimpleNamespace(api=project.api, engine=stack.anonymous)
    return types.SimpleNamespace(api=project.cgi_api, engine=stack.cgi_api(None))


@pytest.fixture
def make(way):
    return lambda engine, **fields: TokenCallback(way.api, way.engine, engine, **fields)


@pytest.fixture
def host(connect_user):
    return connect_user(is_onbehalf_token_supported=True, deduplication_key="the host")


@pytest.fixture
def meeting(zoom, host):
    return zoom.create_meeting(host.user_id, event=True)
