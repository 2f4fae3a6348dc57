"""A project of its own, so that tests which share a stack never see each other's rows."""

import json

from .cgi import program_of


class Project:
    def __init__(self, stack, project_id, key):
        self.stack, self.id, self.key = stack, project_id, key
        self.api = stack.api(key)

    @classmethod
    def create(cls, stack, name):
        made = json.loads(stack.run("hallpass", "project", "create", name, "--json").stdout)
        stack.secrets.add("API key", made["api_key"])
        return cls(stack, made["project_id"], made["api_key"])

    @property
    def row_id(self):
        """Its id inside the database."""
        return self.stack.database.value("SELECT id FROM projects WHERE public_id = ?", self.id)

    @property
    def cgi_api(self):
        """Api whose requests are run as plain CGI."""
        return self.stack.cgi_api(self.key)

    def cgi(self, program, method, path, body=b"", headers=None):
        """One request as plain CGI; `body` is bytes, or what becomes JSON."""
        assert program == program_of(path.partition("?")[0]), f"{path} is not served by {program}"
        body = {"raw": body or None} if isinstance(body, bytes) else {"json": body}
        return self.cgi_api.call(method, path, headers=headers, **body)
