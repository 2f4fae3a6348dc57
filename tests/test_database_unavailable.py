"""What every route answers where the database cannot be opened: the one trouble that all of them share."""

import re

import pytest

from support.http_client import description

NEEDS_DATABASE = [operation for operation in description.operations()
                  if (503, "database_unavailable") in operation.answers]


@pytest.mark.parametrize("operation", NEEDS_DATABASE, ids=lambda operation: operation.id)
def test_where_the_database_cannot_be_opened_the_caller_is_told_to_come_again(operation, project, stack, tmp_path):
    api = stack.cgi_api(project.key, HALLPASS_DATABASE=str(tmp_path / "no.db"))
    answer = api.call(operation.method, re.sub(r"{\w+}", "x" * 24, operation.path),
                      json={} if operation.request_schema else None).must_be(503)
    assert answer.code == "database_unavailable"
    assert int(answer.headers["retry-after"]) >= 1
    assert str(tmp_path) not in answer.json["error"]  # which is the operator's to know, not the caller's
    assert f"{tmp_path}/no.db" in stack.logs()
