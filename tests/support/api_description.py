"""
docs/openapi.yaml, held against every answer of every HTTP case: what is not described there fails the
case. What the cases reach is noted, so that the whole run can tell what is described and never seen.
"""

import functools
import json
import pathlib
import re
from urllib.parse import parse_qsl

import jsonschema
import yaml

FILE = pathlib.Path(__file__).resolve().parents[2] / "docs/openapi.yaml"
METHODS = ("get", "post", "patch", "put", "delete")
JSON = "application/json"

# What any path may be answered with before its operation is looked at: by nginx, or by the responder.
BEFORE_ROUTING = {(400, "invalid_request"), (400, "target_too_long"), (404, "not_found"),
                  (408, "request_timeout"), (411, "invalid_request"), (413, "body_too_large"),
                  (414, "invalid_request"), (500, "internal_error"), (503, "service_unavailable")}

# No case can ask for a defect of Hallpass's own.
UNREACHABLE = {(500, "internal_error")}


class Operation:
    """One method of one path."""

    def __init__(self, description, path, method, item, operation):
        self.description, self.id = description, operation["operationId"]
        self.path, self.method = path, method.upper()
        parameters = [description.resolve(each)
                      for each in item.get("parameters", []) + operation.get("parameters", [])]
        self.parameters = {(each["in"], each["name"]) for each in parameters}
        self.takes_any_query = any(each.get("explode") for each in parameters)
        body = description.resolve(operation.get("requestBody", {}))
        self.request_schema = body.get("content", {}).get(JSON, {}).get("schema")
        self.responses = {int(status): description.resolve(response)
                          for status, response in operation["responses"].items()}

    @functools.cached_property
    def answers(self):
        """(status, code) of all its described errors, (status, None) of the others."""
        return {(status, code) for status, response in self.responses.items()
                for code in codes_of(response.get("content", {}).get(JSON, {}).get("schema", {}))
                or [None]}

    def check_answer(self, answer):
        response = self.responses.get(answer.status)
        assert response, f"{self.id}: status {answer.status} is not described: {answer}"
        content = response.get("content", {})
        if not content:
            assert not answer.body, f"{self.id}: a body is not described: {answer}"
            return
        kind = answer.headers.get("content-type", "").split(";")[0]
        assert kind in content, f"{self.id}: content type {kind!r} is not described: {answer}"
        schema = content[kind]["schema"]
        self.description.validate(answer.json if kind == JSON else answer.body.decode(), schema,
                                  f"{self.id}: {answer}")
        for name, header in response.get("headers", {}).items():
            value = answer.headers.get(name.lower())
            assert value is not None, f"{self.id}: no header {name}: {answer}"
            if header["schema"].get("type") == "integer":
                value = int(value)
            self.description.validate(value, header["schema"], f"{self.id}: header {name}")

    def check_request(self, query, body):
        """Of a request that was served; an operation without parameters does not look at any."""
        described = {name for place, name in self.parameters if place == "query"}
        for name in query if described and not self.takes_any_query else []:
            assert name in described, f"{self.id}: parameter {name} is not described"
        if body is not None and self.request_schema is not None:
            self.description.validate(body, self.request_schema, f"{self.id}: request {body}")


def codes_of(schema):
    """The values that `code` may have in it."""
    codes = [part.get("properties", {}).get("code", {}) for part in schema.get("allOf", [])]
    return [value for code in codes for value in code.get("enum", [code.get("const")]) if value]


class ApiDescription:
    def __init__(self, document):
        self.document = document
        self.resolver = jsonschema.RefResolver.from_schema(document)
        self.validators = {}
        self.reached = set()  # (operation, status, code)
        self.paths = []  # (pattern, {method: Operation}), literal ones first
        for path, item in sorted(document["paths"].items(), key=lambda each: each[0].count("{")):
            pattern = re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)) + "/?")
            self.paths.append((pattern, {
                method.upper(): Operation(self, path, method, item, item[method])
                for method in METHODS if method in item}))

    @classmethod
    def load(cls):
        return cls(yaml.safe_load(FILE.read_text(encoding="utf-8")))

    def resolve(self, node):
        return self.resolver.resolve(node["$ref"])[1] if "$ref" in node else node

    def operations(self):
        return [operation for _, methods in self.paths for operation in methods.values()]

    def validate(self, value, schema, about):
        validator = self.validators.get(id(schema))
        if validator is None:
            validator = jsonschema.Draft202012Validator(schema, resolver=self.resolver)
            self.validators[id(schema)] = validator
        error = jsonschema.exceptions.best_match(validator.iter_errors(value))
        assert error is None, f"{about}: {error.message} at {list(error.absolute_path)}"

    def check(self, method, target, body, answer):
        """`body` is the JSON value that was sent, if it was one; the answer's body is not read for HEAD."""
        path, _, query = target.partition("?")
        methods = next((methods for pattern, methods in self.paths if pattern.fullmatch(path)), {})
        operation = methods.get(method)
        code = error_code(answer)
        if operation is None:
            self.check_without_operation(method, methods, answer, code)
        elif (answer.status, code) in operation.answers or (answer.status, code) not in BEFORE_ROUTING:
            operation.check_answer(answer)
            if answer.status < 300:
                operation.check_request([name for name, _ in parse_qsl(query)], body)
            self.reached.add((operation.id, answer.status, code))

    def check_without_operation(self, method, methods, answer, code):
        error = self.document["components"]["schemas"]["Error"]
        if method != "HEAD":
            self.validate(answer.json, error, f"{method}: {answer}")
        if (answer.status, code) in BEFORE_ROUTING and not (answer.status == 404 and methods):
            return
        assert methods, f"an answer of a path that is not described: {answer}"
        assert answer.status == 405 and code in (None, "method_not_allowed"), answer
        assert set(answer.headers["allow"].split(", ")) == set(methods), answer.headers["allow"]

    def check_notification(self, headers, body):
        """What a webhook of ours was sent."""
        sent = self.document["webhooks"][body["trigger"]]["post"]
        for parameter in map(self.resolve, sent["parameters"]):
            self.validate(headers[parameter["name"].lower()], parameter["schema"], parameter["name"])
        self.validate(body, sent["requestBody"]["content"][JSON]["schema"], f"notification {body}")

    def unreached(self, reached):
        """What is described and is not among `reached`, in words."""
        seen_codes = {(status, code) for _, status, code in reached}
        for operation in self.operations():
            statuses = {status for id, status, _ in reached if id == operation.id}
            for status, code in sorted(operation.answers - UNREACHABLE, key=str):
                if (status < 400 or status in (400, 404, 409)) and status not in statuses:
                    yield f"{operation.id}: no case is answered {status}"
                elif code and (status, code) not in seen_codes:
                    yield f"{operation.id}: no case anywhere is answered {status} {code}"


def error_code(answer):
    if answer.status < 400 or not answer.headers.get("content-type", "").startswith(JSON):
        return None
    try:
        return answer.json.get("code")
    except json.JSONDecodeError:
        return None
