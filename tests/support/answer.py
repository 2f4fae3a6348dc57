"""An answer of the product, whichever way it came."""

import json


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = {name.lower(): value for name, value in headers}
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        """The `code` of an error of the API's one shape, which is checked on the way."""
        error = self.json
        assert set(error) <= {"error", "code", "details"}, error
        assert isinstance(error["error"], str) and error["error"], error
        return error["code"]

    @property
    def fields(self):
        """The fields that an answer for invalid input names: {name: sentence}."""
        return self.json["details"]["fields"]

    def must_be(self, status):
        assert self.status == status, f"{self.status} instead of {status}: {self.body}"
        return self

    def __repr__(self):
        return f"<Answer {self.status} {self.body!r}>"
