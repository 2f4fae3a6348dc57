"""One stack and one Zoom simulator per pytest process; a project of its own for every test."""

import contextlib
import functools
import json
import threading

import pytest

from support.home import Home, served_home
from support.http_client import description
from support.secret_register import SecretRegister
from support.stack import Stack
from support.state_directory import in_memory
from support.web_host import NOT_ON_A_WEB_HOST, SERVERS, WebHost
from support.webhook import CONNECTION, WEBHOOKS
from support.webhook_receiver import WebhookReceiver
from support.zoom_event import Host
from support.zoom_host import ZoomHost
from support.zoom_user import ConnectedUser, connect_user as connect, register_app as register
from zoom_simulator.client import ZoomSimulator


def pytest_addoption(parser):
    parser.addoption("--all-described", action="store_true",
                     help="fail where docs/openapi.yaml describes an answer that no case got")
    parser.addoption("--server", choices=["nginx", *SERVERS], default="nginx",
                     help="what serves the API: nginx, or Apache as on a web host, by that module of it")


def pytest_collection_modifyitems(config, items):
    parts = NOT_ON_A_WEB_HOST.get(config.getoption("--server"), {})
    left_out = [item for item in items if any(part in item.nodeid for part in parts)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def pytest_sessionfinish(session):
    """Each process tells what its cases reached; the one that started the others adds it up."""
    config = session.config
    output = getattr(config, "workeroutput", None)
    if output is not None:
        output["reached"] = json.dumps(sorted(description.reached, key=str))
    elif config.option.all_described and not session.testsfailed:
        config.unreached = sorted(description.unreached(description.reached))
        if config.unreached:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    description.reached |= {tuple(each) for each in json.loads(node.workeroutput["reached"])}


def pytest_terminal_summary(terminalreporter, config):
    for line in getattr(config, "unreached", []):
        terminalreporter.write_line(f"docs/openapi.yaml: {line}", red=True)


@pytest.fixture(scope="session")
def zoom():
    """Tests share it: they filter what they count by the client_id of their own app."""
    with ZoomSimulator.start() as simulator:
        yield simulator


@pytest.fixture(scope="session")
def secrets():
    """Every secret that is used in this session; a test adds what it makes up itself."""
    return SecretRegister()


def run_stack(directory, zoom, secrets, server, **settings):
    settings = {"HALLPASS_ZOOM_OAUTH_URL": zoom.oauth_url, "HALLPASS_ZOOM_API_URL": zoom.api_url,
                "HALLPASS_ALLOW_PRIVATE_URLS": "true"} | settings
    if server == "nginx":
        return Stack(directory, secrets, **settings).up()
    return WebHost(server, secrets, **settings).up()


def end_stack(stack, zoom):
    """Secrets are looked for before it stops, for the WAL goes with the last process, and after it."""
    try:
        stack.secrets.add_simulators(zoom)
        leaks = stack.leaks()
    finally:
        stack.down()
    leaks += stack.leaks()
    assert not leaks, f"secrets in clear: {sorted(set(leaks))}"


@pytest.fixture(scope="session")
def stack_settings():
    """Of the shared stack; a folder of tests may have its own."""
    return {}


@pytest.fixture(scope="session")
def surroundings():
    """Settings that every stack has, whatever else it has; likewise."""
    return {}


@pytest.fixture(scope="session")
def server(request):
    return request.config.getoption("--server")


@pytest.fixture(scope="session")
def state_directory(tmp_path_factory):
    """`with state_directory("stack") as directory:` for one stack."""
    return lambda name: in_memory(tmp_path_factory.mktemp(name))


@pytest.fixture(scope="session")
def stack(state_directory, zoom, secrets, server, stack_settings, surroundings):
    with state_directory("stack") as directory:
        stack = run_stack(directory, zoom, secrets, server, **surroundings | stack_settings)
        yield stack
        end_stack(stack, zoom)


@pytest.fixture
def private_stack(state_directory, zoom, secrets, server, surroundings):
    """`private_stack(HALLPASS_ZOOM_TIMEOUT_MS=1500)`: a stack for this test alone, with settings of its own."""
    with contextlib.ExitStack() as at_end:
        def make(**settings):
            directory = at_end.enter_context(state_directory("private"))
            stack = run_stack(directory, zoom, secrets, server, **surroundings | settings)
            at_end.callback(end_stack, stack, zoom)
            return stack

        yield make


@pytest.fixture
def project(stack):
    return stack.create_project()


@pytest.fixture
def api(project):
    return project.api


@pytest.fixture(params=["fastcgi", "cgi"])
def either_api(project, request):
    """The same case twice: through nginx and FastCGI, and as plain CGI."""
    return project.api if request.param == "fastcgi" else project.cgi_api


@pytest.fixture
def other_api(stack):
    """Of another project, which must see nothing of the first."""
    return stack.create_project("others").api


@pytest.fixture
def anonymous(stack):
    """Without an API key."""
    return stack.anonymous


@pytest.fixture
def cgi(project):
    """`cgi(program, method, path, body, headers)`: a request of the test's project as plain CGI."""
    return project.cgi


@pytest.fixture
def database(stack):
    return stack.database


@pytest.fixture
def register_app(api, zoom):
    return functools.partial(register, api, zoom)


@pytest.fixture
def new_user(api, zoom, register_app):
    """A user who has not authorized the app yet; `like` shares the app."""
    def make(like=None, **user_fields):
        app, registered = (like.app, like.registered) if like else register_app()
        return ConnectedUser(api, zoom, app, registered, zoom.create_user(**user_fields))
    return make


@pytest.fixture
def connect_user(api, zoom):
    """`connect_user(…)` of support/zoom_user.py, in the test's project."""
    return functools.partial(connect, api, zoom)


@pytest.fixture
def connect_host(connect_user, anonymous, database):
    """`connect_host(…)` with the arguments of connect_user. The worker has read its meetings and profile."""
    def connect(**arguments):
        host = Host(connect_user(**arguments), anonymous, database)
        host.connected.wait_for_sync()
        return host

    return connect


@pytest.fixture
def host(connect_host):
    return connect_host()


@pytest.fixture
def receiver():
    with WebhookReceiver() as receiver:
        yield receiver


@pytest.fixture
def add_webhook(api, secrets):
    """`add_webhook(url)` in the test's project; `through` another API in the project of that."""
    def add(url, triggers=(CONNECTION,), through=None):
        made = (through or api).post(WEBHOOKS, json={"url": url, "triggers": list(triggers)})
        webhook = made.must_be(201).json
        secrets.add("webhook secret", webhook["secret"], in_answers=True)
        return webhook
    return add


@pytest.fixture
def empty_home(tmp_path):
    """Of the command line: a configuration, and nothing yet that it names."""
    with in_memory(tmp_path / "home") as directory:
        yield Home(directory)


@pytest.fixture
def home(empty_home):
    empty_home.done("init")
    return empty_home


@pytest.fixture
def zoom_host():
    with ZoomHost() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def served(zoom_host):
    with served_home(zoom_host) as home:
        yield home
