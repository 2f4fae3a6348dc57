"""Tokens are renewed between the worker's claim of their upkeep and its question."""

import pytest

from support import time_travel
from support.waiting import wait_until


@pytest.mark.short
def test_the_worker_takes_that_for_its_upkeep(stack, joiner, failpoint):
    done = len(time_travel.pieces(stack, "token_upkeep", joiner.id))
    failpoint.arm("upkeep.claimed", "pause")
    time_travel.make_refresh_due(stack, joiner.id)
    failpoint.wait()
    joiner.refresh().must_be(200)
    failpoint.let_go()
    wait_until(lambda: len(time_travel.pieces(stack, "token_upkeep", joiner.id)) > done, what="the end of the upkeep")
    assert joiner.refreshes() == 1
    assert joiner.joins()
