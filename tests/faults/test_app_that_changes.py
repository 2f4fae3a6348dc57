"""An app changes, or goes, between the proof of an event that is for it and the storing of that event."""

import pytest

from kill_points import in_background
from support.zoom_event import APPS, SHARED, deliver
from test_event_intake import Intake, new_event


@pytest.fixture
def intake(stack, zoom):
    return Intake(stack, zoom)


@pytest.fixture(params=["not known", "known"], ids=lambda known: f"to a process that has {known} the app")
def at_its_address(request, intake):
    if request.param == "known":
        intake.send(new_event()).must_be(200)
    return lambda: intake.send(new_event())


def at_the_shared_address(intake):
    return deliver(intake.stack.anonymous, SHARED, new_event(), intake.secret,
                   clientid=intake.app["client_id"])


def answer_after(change, send, failpoint, at="event.received"):
    """To an event during whose intake `change` happens."""
    failpoint.arm(at, "pause")
    with in_background(send) as answer:
        failpoint.wait()
        change()
        failpoint.let_go()
        return answer.result(timeout=60)


def stored(intake):
    return intake.stored(), intake.counted()


def remove(intake):
    intake.api.delete(f"{APPS}/{intake.app['id']}").must_be(200)


def replace_secret(intake):
    intake.api.patch(f"{APPS}/{intake.app['id']}", json={"webhook_secret": "another-secret"}).must_be(200)


@pytest.mark.short
def test_an_app_that_is_removed_meanwhile_has_no_address_any_more(intake, at_its_address, failpoint):
    assert answer_after(lambda: remove(intake), at_its_address, failpoint).must_be(404).code == "not_found"
    assert stored(intake) == (0, 0)


def test_at_the_shared_address_nothing_proves_the_event_of_an_app_that_is_removed_meanwhile(intake, failpoint):
    answer = answer_after(lambda: remove(intake), lambda: at_the_shared_address(intake), failpoint)
    assert answer.must_be(401).code == "invalid_signature"


def test_a_secret_that_is_replaced_meanwhile_proves_nothing(intake, at_its_address, failpoint):
    before = stored(intake)
    answer = answer_after(lambda: replace_secret(intake), at_its_address, failpoint)
    assert answer.must_be(401).code == "invalid_signature"
    assert stored(intake) == before
    intake.send(new_event(), "another-secret").must_be(200)


def test_at_the_shared_address_neither(intake, failpoint):
    answer = answer_after(lambda: replace_secret(intake), lambda: at_the_shared_address(intake), failpoint)
    assert answer.must_be(401).code == "invalid_signature"
    assert stored(intake) == (0, 0)


def test_an_app_that_gets_another_name_meanwhile_is_still_the_one(intake, at_its_address, failpoint):
    before = stored(intake)[0]
    answer = answer_after(lambda: intake.api.patch(f"{APPS}/{intake.app['id']}", json={"name": "new"}).must_be(200),
                          at_its_address, failpoint)
    assert answer.must_be(200).json == {"status": "ok"}
    assert stored(intake) == (before + 1, before + 1)


# That which validates an address

VALIDATION = {"event": "endpoint.url_validation", "event_ts": 1, "payload": {"plainToken": "a-token"}}


def validation_after(change, intake, failpoint, path=None, **headers):
    return answer_after(change, lambda: deliver(intake.stack.anonymous, path or intake.path, VALIDATION, intake.secret,
                                                **headers), failpoint, "event.validating")


@pytest.mark.short
def test_no_address_is_validated_of_an_app_that_is_removed_meanwhile(intake, failpoint):
    answer = validation_after(lambda: remove(intake), intake, failpoint)
    assert answer.must_be(404).code == "not_found"


def test_nor_the_shared_one(intake, failpoint):
    answer = validation_after(lambda: remove(intake), intake, failpoint, SHARED, clientid=intake.app["client_id"])
    assert answer.must_be(401).code == "invalid_signature"


def test_a_secret_that_is_replaced_meanwhile_validates_nothing(intake, failpoint):
    answer = validation_after(lambda: replace_secret(intake), intake, failpoint)
    assert answer.must_be(401).code == "invalid_signature"
    app = intake.api.get(f"{APPS}/{intake.app['id']}").must_be(200).json
    assert app["last_url_validation_at"] is None and app["last_rejected_webhook_at"] is not None
