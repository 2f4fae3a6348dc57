"""Lists of every family: pages in both ways, stable while rows come and go."""

from urllib.parse import parse_qs, urlsplit

import pytest

from support.time_travel import write
from support.zoom_user import connect_user, register_app

LINK = "https://zoom.us/j/85512345678"
PATHS = {"bots": "/api/v1/bots", "apps": "/api/v1/zoom_oauth_apps",
         "connections": "/api/v1/zoom_oauth_connections"}


class List:
    """One family's list, and how its rows come and go. `ids` are those that there are, newest first."""

    def __init__(self, kind, api, zoom):
        self.kind, self.path, self.api, self.zoom = kind, PATHS[kind], api, zoom
        self.ids, self.user = [], None

    def make(self):
        if self.kind == "bots":
            made = self.api.post(self.path, json={"meeting_url": LINK}).must_be(201).json
        elif self.kind == "apps":
            made = register_app(self.api, self.zoom)[1]
        else:
            self.user = connect_user(self.api, self.zoom, like=self.user)
            made = self.user.connection
        self.ids.insert(0, made["id"])
        return made["id"]

    def remove(self, row_id):
        query = {"revoke": "false"} if self.kind == "connections" else None
        self.api.delete(f"{self.path}/{row_id}", query=query).must_be(200)
        self.ids.remove(row_id)

    def first(self, page_size=2, **query):
        return self.api.get(self.path, query={"page_size": page_size, **query}).must_be(200).json

    def follow(self, page, direction="next"):
        return self.api.get(page[direction]).must_be(200).json

    def walk(self, page, direction="next"):
        """This page and all after it."""
        pages = [page]
        while pages[-1][direction]:
            pages.append(self.follow(pages[-1], direction))
            assert len(pages) < 100
        return pages


def ids(*pages):
    return [row["id"] for page in pages for row in page["results"]]


@pytest.fixture(params=["bots", "apps", "connections"])
def rows(request, either_api, zoom):
    """An empty list."""
    return List(request.param, either_api, zoom)


@pytest.fixture
def seven(rows):
    for _ in range(7):
        rows.make()
    return rows


def test_an_empty_list_is_one_empty_page(rows):
    assert rows.first() == {"next": None, "previous": None, "results": []}


def test_all_pages_together_show_each_row_once_newest_first(seven):
    pages = seven.walk(seven.first())
    assert [len(page["results"]) for page in pages] == [2, 2, 2, 1]
    assert ids(*pages) == seven.ids
    assert pages[0]["previous"] is None and pages[-1]["next"] is None


def test_a_last_page_that_is_full_has_no_next(seven):
    assert [len(page["results"]) for page in seven.walk(seven.first(7))] == [7]


def test_the_way_back_shows_the_same_pages(seven):
    pages = seven.walk(seven.first(3))
    back = seven.walk(pages[-1], "previous")
    assert [ids(page) for page in back] == [ids(page) for page in pages[::-1]]
    assert back[-1]["previous"] is None
    assert ids(seven.follow(back[-1])) == ids(pages[1])


def test_rows_that_come_while_paging_shift_nothing(seven):
    former = list(seven.ids)
    first = seven.first(3)
    seven.make()
    second = seven.follow(first)
    seven.make()
    assert ids(first, *seven.walk(second)) == former


def test_rows_that_go_while_paging_hide_nothing(seven):
    first = seven.first(3)
    for gone in (seven.ids[2], seven.ids[1], seven.ids[3], seven.ids[6]):
        seven.remove(gone)
    assert ids(*seven.walk(seven.follow(first))) == seven.ids[1:]


def test_rows_that_came_are_found_on_the_way_back(seven):
    second = seven.follow(seven.first(3))
    newest = [seven.make(), seven.make()]
    back = seven.walk(second, "previous")
    assert ids(*back[::-1]) == seven.ids[:8]
    assert newest[1] == ids(back[-1])[0]


def test_a_page_whose_rows_have_all_gone_leads_back_to_what_is_left(seven):
    first = seven.first(4)
    for gone in seven.ids[4:]:
        seven.remove(gone)
    empty = seven.follow(first)
    assert (ids(empty), empty["next"]) == ([], None)
    assert ids(seven.follow(empty, "previous")) == seven.ids


def test_pages_have_25_rows_unless_asked_for_others(either_api, zoom):
    rows = List("bots", either_api, zoom)
    for _ in range(27):
        rows.make()
    page = either_api.get(rows.path).must_be(200).json
    assert ids(page) == rows.ids[:25]
    assert ids(rows.follow(page)) == rows.ids[25:]
    assert ids(rows.first(100)) == rows.ids


def test_a_wrong_page_size_is_named(rows):
    for size in ("0", "101", "-1", "x", "", "1.5", "99999999999999999999", "2 "):
        answer = rows.api.get(rows.path, query={"page_size": size}).must_be(400)
        assert (answer.code, list(answer.fields)) == ("invalid_request", ["page_size"]), size


def test_a_query_that_cannot_be_read_is_refused(rows):
    for query in ("%ff=1", "state=%ff", "page_size=%4", "page_size=1&page_size=2"):
        assert rows.api.get(f"{rows.path}?{query}").must_be(400).code == "invalid_request", query


def test_what_nobody_asked_for_is_named(rows):
    answer = rows.api.get(rows.path, query={"sort": "name"}).must_be(400)
    assert list(answer.fields) == ["sort"]


def cursor_of(url):
    (cursor,) = parse_qs(urlsplit(url).query)["cursor"]
    return cursor


def test_a_cursor_that_was_made_up_is_named(seven):
    cursor = cursor_of(seven.first()["next"])
    altered = cursor[:20] + ("A" if cursor[20] != "A" else "B") + cursor[21:]
    for forged in ("", "b3", "YjM", "!", "=", cursor[:-4], cursor + "AAAA", cursor * 20, altered):
        answer = seven.api.get(seven.path, query={"cursor": forged}).must_be(400)
        assert list(answer.fields) == ["cursor"], forged
    seven.api.get(seven.path, query={"cursor": cursor}).must_be(200)


def test_a_cursor_serves_its_own_list_and_project_alone(seven, other_api):
    cursor = cursor_of(seven.first()["next"])
    for api, path in [(other_api, seven.path)] + [
            (seven.api, path) for path in PATHS.values() if path != seven.path]:
        assert list(api.get(path, query={"cursor": cursor}).must_be(400).fields) == ["cursor"]


def test_a_cursor_is_opaque_and_goes_into_an_address_as_it_is(seven):
    cursors = {cursor_of(seven.first()["next"]) for _ in range(3)}
    assert len(cursors) == 3
    assert all(character.isalnum() or character in "-_" for cursor in cursors for character in cursor)


def test_links_are_paths_while_public_url_is_not_set(seven):
    page = seven.follow(seven.first())
    for url in (page["next"], page["previous"]):
        assert url.startswith(f"{seven.path}?")
        assert parse_qs(urlsplit(url).query)["page_size"] == ["2"]


def test_links_are_whole_addresses_once_public_url_is_set(private_stack):
    stack = private_stack(HALLPASS_PUBLIC_URL="https://bots.example.com/")
    api = stack.create_project().api
    for _ in range(2):
        api.post(PATHS["bots"], json={"meeting_url": LINK}).must_be(201)
    page = api.get(PATHS["bots"], query={"page_size": 1}).json
    assert page["next"].startswith("https://bots.example.com/api/v1/bots?")
    back = api.get(page["next"].removeprefix("https://bots.example.com")).must_be(200).json
    assert back["previous"].startswith("https://bots.example.com/api/v1/bots?")


def make_bots(api, count, **fields):
    """Their ids, newest first."""
    return [api.post(PATHS["bots"], json={"meeting_url": LINK} | fields).must_be(201).json["id"]
            for _ in range(count)][::-1]


def test_filters_stay_on_the_way(either_api, zoom):
    wanted = []
    for _ in range(3):
        make_bots(either_api, 1, meeting_url="https://zoom.us/j/999999999")
        wanted = make_bots(either_api, 1) + wanted
    rows = List("bots", either_api, zoom)
    assert ids(*rows.walk(rows.first(1, meeting_url=f"Join:\n{LINK}", state="ready"))) == wanted


def test_a_filter_with_odd_characters_stays_on_the_way(either_api, zoom, stack):
    key = "a&b=c d+é%/?#\"'\\"
    rows, made = List("bots", either_api, zoom), []
    for _ in range(3):
        made = make_bots(either_api, 1, deduplication_key=key) + made
        write(stack, "UPDATE bots SET state = 'ended' WHERE public_id = ?", made[0])  # the key is free
        make_bots(either_api, 1)
    assert ids(*rows.walk(rows.first(1, deduplication_key=key))) == made


def test_the_meetings_of_a_connection_have_pages_too(either_api, zoom):
    host = connect_user(either_api, zoom)
    host.wait_for_sync()
    made = zoom.create_meetings(host.user_id, 5, event=True)["meetings"]
    path = f"/api/v1/zoom_oauth_connections/{host.id}/meetings"
    page = either_api.get(path, query={"page_size": 2}).must_be(200).json
    pages = [page]
    while page["next"]:
        page = either_api.get(page["next"]).must_be(200).json
        pages.append(page)
    assert [len(each["results"]) for each in pages] == [2, 2, 1]
    assert {str(row["meeting_id"]) for each in pages for row in each["results"]} == {
        str(meeting["id"]) for meeting in made}
    back = either_api.get(page["previous"]).must_be(200).json
    assert back["results"] == pages[1]["results"]


# In the order of a time


@pytest.fixture
def by_time(api):
    """(path, query, ids): bots of which those that were made last join first, two at a time."""
    made = [api.post(PATHS["bots"], json={"meeting_url": LINK, "join_at": f"2035-01-{9 - number // 2:02}T00:00:00Z"})
            .must_be(201).json["id"] for number in range(7)]
    api.post(PATHS["bots"], json={"meeting_url": LINK, "join_at": "2035-02-01T00:00:00Z"}).must_be(201)
    latest_first = [made[number] for number in (1, 0, 3, 2, 5, 4, 6)]
    return PATHS["bots"], {"join_at_before": "2035-01-31T00:00:00Z"}, latest_first


def test_a_list_narrowed_by_time_has_its_order_on_all_pages_both_ways(api, zoom, by_time):
    rows = List("bots", api, zoom)
    _, query, latest_first = by_time
    for page_size in 1, 2, 3, 7, 25:
        pages = rows.walk(rows.first(page_size, **query))
        assert ids(*pages) == latest_first
        back = rows.walk(pages[-1], "previous")
        assert [ids(page) for page in back] == [ids(page) for page in pages[::-1]]


def test_rows_that_go_or_come_while_paging_by_time_shift_nothing(api, zoom, by_time):
    rows = List("bots", api, zoom)
    _, query, latest_first = by_time
    first = rows.first(3, **query)
    api.delete(f"{PATHS['bots']}/{latest_first[2]}").must_be(200)  # the one that the cursor names
    api.post(PATHS["bots"], json={"meeting_url": LINK, "join_at": "2035-01-20T00:00:00Z"}).must_be(201)
    rest = rows.walk(rows.follow(first))
    assert ids(*rest) == latest_first[3:]
    for gone in latest_first[3:]:
        api.delete(f"{PATHS['bots']}/{gone}").must_be(200)
    empty = rows.follow(first)
    assert empty["results"] == [] and ids(rows.follow(empty, "previous"))[-1] == latest_first[1]


def test_a_cursor_of_another_order_is_refused(api, zoom, by_time):
    rows = List("bots", api, zoom)
    path, query, _ = by_time
    for asked, other in ((query, {}), ({}, query)):
        cursor = parse_qs(urlsplit(rows.first(3, **asked)["next"]).query)["cursor"][0]
        refused = api.get(path, query={"cursor": cursor, **other}).must_be(400)
        assert refused.json["details"]["fields"].keys() == {"cursor"}
        api.get(path, query={"cursor": cursor, **asked}).must_be(200)
