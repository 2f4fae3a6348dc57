"""Recall.ai's access token: shared, and with life enough left."""

import pytest

from support.time_travel import expire_access_token, now, of_connection
from support.token_callback import TEXT, no_token


def test_an_access_token_is_shared_and_lives_long_enough(make, stack, zoom, host, secrets):
    recall = make("recall")
    answers = [recall.get("access_token_callback_url", zoom_user_id=host.user_id).must_be(200) for _ in range(2)]
    token = answers[0].body.decode()
    secrets.add("access_token", token, in_answers=True)
    assert answers[1].body.decode() == token and answers[0].headers["content-type"] == TEXT
    assert token in [each["token"] for each in host.grant()["access_tokens"]]
    assert zoom.count_requests(client_id=host.client_id, grant_type="refresh_token") == 0
    assert recall.uses()[0]["tokens"] == ["access_token"]


@pytest.mark.parametrize("lifetime_s, left_s, is_renewed", [
    (3600, 200, False), (3600, 175, True), (3600, 119, True), (400, 160, False), (400, 140, True), (400, 110, True)])
def test_an_access_token_with_little_life_left_is_renewed(make, stack, zoom, host, secrets, lifetime_s, left_s,
                                                          is_renewed):
    of_connection(stack, "UPDATE zoom_oauth_credentials SET access_token_issued_at = ?,"
                  " access_token_expires_at = ? WHERE connection_id = ?", host.id,
                  now() - (lifetime_s - left_s) * 1_000_000, now() + left_s * 1_000_000)
    answer = make("recall").get("access_token_callback_url", zoom_oauth_connection_id=host.id).must_be(200)
    secrets.add("access_token", answer.body.decode(), in_answers=True)
    assert zoom.count_requests(client_id=host.client_id, grant_type="refresh_token") == int(is_renewed)
    expires_at = stack.database.value("SELECT access_token_expires_at FROM zoom_oauth_credentials t"
                                      " JOIN zoom_oauth_connections c ON c.id = t.connection_id"
                                      " WHERE c.public_id = ?", host.id)
    assert expires_at - now() > 120_000_000


def test_an_access_token_that_zoom_refuses_to_renew_is_404(make, stack, zoom, host):
    zoom.remove_grant(host.client_id, host.user_id, event=False)
    expire_access_token(stack, host.id)
    recall = make("recall")
    no_token(recall.get("access_token_callback_url", zoom_oauth_connection_id=host.id), "connection_disconnected")
    no_token(recall.get("access_token_callback_url"), "meeting_not_named")
    assert host.read()["state"] == "disconnected"
