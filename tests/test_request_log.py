"""One line of the log for each request, and where it failed that line says why, under the id that the caller got."""

import json
import re

import pytest

from support.http_client import description
from support.joiner import make_joiner
from support.waiting import wait_until

ID = "x" * 24  # of nothing

# What is wrong with a request: what it is called with instead of what is right.
FAULTS = {
    "the path is another method's": {"method": "PUT"},
    "no key": {"headers": {"Authorization": None}},
    "a wrong key": {"headers": {"Authorization": "Token made-up-and-wrong"}},
    "nothing of that id": {},
    "no JSON": {"raw": b'{"name": '},
    "no object": {"raw": b"[]"},
    "an unknown field": {"json": {"frobnicate": 1}},
    "another kind of content": {"raw": b"x", "headers": {"Content-Type": "text/plain"}},
    "an unknown parameter": {"query": {"frobnicate": "1"}},
    "a parameter twice": {"query": [("cursor", "1"), ("cursor", "2")]},
    "no number for a size": {"raw": b"", "headers": {"Content-Length": "many"}},
}
CGI_ALONE = {"no number for a size"}  # which nginx would not pass on
# They mean nothing where the operation takes no body, or is answered well whatever comes.
OPERATIONS = pytest.mark.parametrize("operation", description.operations(), ids=lambda operation: operation.id)


class Log:
    """The lines of a stack's processes, and those of its nginx."""

    def __init__(self, stack):
        self.stack, self.folder = stack, stack.directory / "logs"

    def lines(self, request_id):
        files = (file for file in self.folder.iterdir() if file.name != "access.log")
        return [json.loads(line) for file in files for line in file.read_text(errors="replace").splitlines()
                if f'"request_id":"{request_id}"' in line]

    def of(self, answer):
        """Written when the answer has gone already."""
        request_id = answer.headers["x-request-id"]
        wait_until(lambda: self.lines(request_id), what=f"a line of request {request_id}")
        line, = self.lines(request_id)
        return line

    def of_nginx(self, answer):
        """time, id, method, family, status, …"""
        request_id = answer.headers["x-request-id"]
        find = lambda: [line.split(" ") for line in (self.folder / "access.log").read_text().splitlines()
                        if line.split(" ")[1] == request_id]
        wait_until(find, what=f"nginx's line of request {request_id}")
        line, = find()
        return line


@pytest.fixture
def log(stack):
    return Log(stack)


def explains(line, answer):
    """The line says at least what the caller was told; of the machine's own troubles it may say more."""
    assert (line["message"], line["status"]) == ("request", answer.status)
    assert line["level"] == ("error" if answer.status >= 500 else "info")
    assert line["error"] and line["code"]
    if answer.headers.get("content-type") == "application/json":
        assert line["code"] == answer.code
        assert answer.status >= 500 or line["error"] == answer.json["error"]


def failing(api, operation, faults):
    """The answers to all that is wrong and was noticed."""
    path = re.sub(r"{\w+}", ID, operation.path)
    for fault in faults:
        arguments = {"method": operation.method} | FAULTS[fault]
        if operation.request_schema and not {"raw", "json"} & set(arguments):
            arguments["json"] = {}
        answer = api.call(path=path, **arguments)
        if answer.status >= 400:
            yield answer


@OPERATIONS
def test_each_request_that_fails_leaves_one_line_that_says_why(operation, api, log):
    answers = list(failing(api, operation, set(FAULTS) - CGI_ALONE))
    assert answers
    for answer in answers:
        explains(log.of(answer), answer)
        assert int(log.of_nginx(answer)[4]) == answer.status


@OPERATIONS
def test_each_request_that_fails_as_plain_cgi_leaves_one_line_that_says_why(operation, project, log):
    answers = list(failing(project.cgi_api, operation, FAULTS))
    assert answers
    for answer in answers:
        explains(log.of(answer), answer)


@OPERATIONS
def test_where_the_database_cannot_be_opened_the_line_names_it(operation, project, log, tmp_path):
    api = log.stack.cgi_api(project.key, HALLPASS_DATABASE=str(tmp_path / "no.db"))
    for answer in failing(api, operation, ["nothing of that id"]):
        line = log.of(answer)
        explains(line, answer)
        assert answer.status < 500 or str(tmp_path) in line["error"]


def test_where_zoom_is_to_blame_the_line_has_its_words_too(stack, zoom, api, log):
    joiner = make_joiner(stack, zoom, api)
    with joiner.spoil_refresh(status=502, html=True):
        answer = joiner.refresh()
    assert answer.status == 503
    explains(log.of(answer), answer)
    assert log.of(answer)["error"] == answer.json["error"]


def test_where_a_bot_gets_its_answer_without_a_token_the_line_has_zooms_words_all_the_same(stack, zoom, api, log):
    joiner = make_joiner(stack, zoom, api)
    with zoom.fault(path="/v2/meetings/*", client_id=joiner.who["client_id"], status=400,
                    body={"code": 3000, "message": "Not allowed to start local recording."}):
        answer = api.post(f"/api/v1/bots/{joiner.bot['id']}/zoom_tokens").must_be(200)
    line = log.of(answer)
    assert (line["status"], line["level"], line["code"]) == (200, "info", answer.json["join_flow_reason"])
    assert "Not allowed to start local recording." in line["error"]


def test_a_request_that_succeeds_leaves_one_line_too(api, log):
    line = log.of(api.get("/api/v1/bots").must_be(200))
    assert (line["method"], line["route"], line["status"]) == ("GET", "/api/v1/bots", 200)
    assert "error" not in line and "code" not in line


def test_what_nginx_answers_itself_has_an_id_too_by_which_its_log_has_it(api, log):
    for answer in (api.get("/nowhere"), api.post("/api/v1/bots", raw=b"x" * ((1 << 20) + 1))):
        assert answer.status in (404, 413)
        line = log.of_nginx(answer)
        assert (int(line[4]), line[5]) == (answer.status, "-")
        assert not log.lines(line[1])


def test_a_caller_cannot_choose_the_id(api, log):
    answer = api.get("/api/v1/bots", headers={"X-Request-Id": "chosen", "Request-Id": "chosen"}).must_be(200)
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-request-id"])


@pytest.mark.parametrize("variable", ["REQUEST_ID", "UNIQUE_ID"])
@pytest.mark.parametrize("request_id", ["a1b2", "A-b_0" * 12, "aR@wZ8CoAQEAAB-F", "9" * 64])
def test_the_id_that_a_web_server_gives_is_taken(project, log, request_id, variable):
    api = log.stack.cgi_api(project.key, **{variable: request_id})
    assert api.get("/health").must_be(200).headers["x-request-id"] == request_id


def test_of_two_ids_nginxs_is_taken(project, log):
    api = log.stack.cgi_api(project.key, REQUEST_ID="nginx", UNIQUE_ID="apache")
    assert api.get("/health").must_be(200).headers["x-request-id"] == "nginx"


@pytest.mark.parametrize("request_id", ["", " ", "a b", "a\r\nSet-Cookie: x", "é", '"', "9" * 65])
def test_what_is_no_good_id_is_replaced(project, log, request_id):
    api = log.stack.cgi_api(project.key, REQUEST_ID=request_id)
    answer = api.get("/health").must_be(200)
    assert re.fullmatch(r"[0-9A-Za-z]{16}", answer.headers["x-request-id"])
    assert "set-cookie" not in answer.headers
    log.of(answer)
