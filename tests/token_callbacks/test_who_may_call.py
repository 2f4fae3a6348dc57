"""Who may call an address: its secret opens its own engine's addresses, and nothing of other projects."""

import pytest

from support.token_callback import PATHS, TEXT, TEXTS, TokenCallback, attendee_body, no_token


def test_another_projects_address_gives_no_token_of_ours(stack, way, zoom, host, meeting):
    other = stack.create_project("others")
    theirs = {engine: TokenCallback(other.api, way.engine, engine) for engine in PATHS}
    for named in ({}, {"zoom_user_id": host.user_id}, {"zoom_oauth_connection_id": host.id},
                  {"deduplication_key": "the host"}):
        reason = "connection_not_found" if named else "no_connection_for_meeting"
        for engine, name, _ in TEXTS:
            no_token(theirs[engine].get(name, meeting_id=meeting["id"], **named), reason)
        no_token(theirs["recall"].get("access_token_callback_url", meeting_id=meeting["id"], **named), reason)
        body = attendee_body(meeting["join_url"], named)
        assert theirs["attendee"].post("zoom_tokens_url", body).must_be(200).json == {}
    assert zoom.minted_tokens(client_id=host.client_id) == []
    assert all(use["zoom_oauth_connection_id"] is None for use in theirs["recall"].uses())


@pytest.mark.parametrize("secret", ["x", "0" * 43, "%2e%2e", "x" * 4000])
def test_an_unknown_secret_is_not_found_whatever_follows_it(way, stack, secret):
    before = stack.database.value("SELECT count(*) FROM token_callback_uses")
    for paths in PATHS.values():
        for path in paths.values():
            method = "POST" if path == "attendee" else "GET"
            answer = way.engine.call(method, f"/callbacks/{secret}/{path}", raw=b"{" if method == "POST" else None)
            answer.must_be(404)
            assert "retry-after" not in answer.headers
    for path in ("", "/", "/x", "/recall", "/recall/zak/x", "/attendee/x"):
        way.engine.get(f"/callbacks/{secret}{path}").must_be(404)
    assert stack.database.value("SELECT count(*) FROM token_callback_uses") == before


def test_where_the_database_cannot_be_opened_an_engine_is_told_no_more_than_that(stack, tmp_path):
    engine = stack.cgi_api(None, HALLPASS_DATABASE=str(tmp_path / "no.db"))
    for path in (path for engine_, paths in PATHS.items() if engine_ != "attendee" for path in paths.values()):
        answer = engine.get(f"/callbacks/{'x' * 43}/{path}").must_be(503)
        assert answer.headers["content-type"] == TEXT and "retry-after" not in answer.headers
        assert str(tmp_path) not in answer.body.decode()  # which is the operator's to know
    assert f"{tmp_path}/no.db" in stack.logs()


def test_a_secret_that_is_no_text_is_not_found(anonymous):
    for secret in ("%ff%fe", "%20", "%2F"):
        anonymous.get(f"/callbacks/{secret}/recall/zak").must_be(404)


def test_a_secret_opens_its_own_engines_addresses_only(make, way, meeting, zoom, host):
    for engine in PATHS:
        callback = make(engine)
        for other, paths in PATHS.items():
            for path in paths.values() if other != engine else ():
                method = "POST" if path == "attendee" else "GET"
                way.engine.call(method, f"/callbacks/{callback.secret}/{path}?meeting_id={meeting['id']}",
                                json={} if method == "POST" else None).must_be(404)
        assert callback.uses() == []
    assert zoom.minted_tokens(client_id=host.client_id) == []


@pytest.mark.parametrize("engine", PATHS)
def test_head_and_other_methods_mint_nothing(make, way, meeting, zoom, host, engine):
    callback = make(engine)
    for name, path in PATHS[engine].items():
        served = {"attendee": "POST", "meetstream": "GET, POST"}.get(engine, "GET")
        for method in {"HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "GET", "POST"} - set(served.split(", ")):
            answer = way.engine.call(method, f"{callback.path(name)}?meeting_id={meeting['id']}")
            assert answer.must_be(405).headers["allow"] == served
    assert zoom.minted_tokens(client_id=host.client_id) == []
    assert callback.uses() == []


def test_a_link_checker_that_comes_often_costs_nothing(make, way, meeting, zoom, host):
    callback = make("recall")
    for _ in range(20):
        way.engine.call("HEAD", callback.path("zak_url")).must_be(405)
        no_token(callback.get("zak_url"), "meeting_not_named")
    assert zoom.count_requests(client_id=host.client_id, path="/v2/users/me/zak") == 0
