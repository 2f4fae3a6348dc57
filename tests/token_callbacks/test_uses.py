"""Uses of an address: what is remembered of each call, for how long, and what never is."""

from concurrent.futures import ThreadPoolExecutor

from support.time_travel import DAY, make_clean_up_due, now, write
from support.token_callback import CALLBACKS, UNKNOWN_MEETING, TokenCallback, minted, no_token
from support.waiting import wait_until


def test_uses_are_listed_newest_first_and_page_by_page(make, way):
    callback = make("recall")
    for number in range(5):
        no_token(callback.get("zak_url", meeting_id=f"8551234567{number}"), "no_connection_for_meeting")
    seen, url = [], f"{CALLBACKS}/{callback.id}/uses?page_size=2"
    while url:
        page = way.api.get(url).must_be(200).json
        seen += [use["meeting_id"][-1] for use in page["results"]]
        url = page["next"]
    assert seen == list("43210")


def test_uses_are_forgotten_after_ninety_days(make, stack):
    callback = make("recall")
    for _ in range(2):
        callback.get("zak_url").must_be(404)
    row = stack.database.value("SELECT id FROM token_callbacks WHERE public_id = ?", callback.id)
    assert write(stack, "UPDATE token_callback_uses SET used_at = ? WHERE callback_id = ? AND number = 1",
                 now() - 91 * DAY, row) == 1
    assert write(stack, "UPDATE token_callback_uses SET used_at = ? WHERE callback_id = ? AND number = 2",
                 now() - 89 * DAY, row) == 1
    make_clean_up_due(stack)
    wait_until(lambda: len(callback.uses()) == 1)


def test_many_calls_at_once_each_have_their_own_token(project, stack, zoom, host, meeting):
    callback = TokenCallback(project.api, stack.anonymous, "recall")
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: callback.get("join_token_url", meeting_id=meeting["id"]).must_be(200).body,
                                range(32)))
    assert len(set(answers)) == 32 and len(minted(zoom, host, "local_recording")) == 32
    assert stack.database.value("SELECT use_count FROM token_callbacks WHERE public_id = ?", callback.id) == 32


def test_a_held_database_keeps_nobody_from_a_token(make, stack, meeting):
    callback = make("recall")
    with stack.database.held():
        callback.get("join_token_url", meeting_id=meeting["id"]).must_be(200)
    assert callback.uses() == []


def test_the_log_has_the_route_and_not_the_secret(make, stack, meeting):
    callback = make("recall")
    callback.get("join_token_url", meeting_id=meeting["id"]).must_be(200)
    no_token(callback.get("zak_url", meeting_id=UNKNOWN_MEETING), "no_connection_for_meeting")
    logs = wait_until(lambda: (logs := stack.logs()) and '"route":"/callbacks/:secret/recall/zak"' in logs and logs)
    assert callback.secret not in logs
