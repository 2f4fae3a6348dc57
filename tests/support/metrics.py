"""The text exposition format, read as strictly as it is defined."""

import re

NUMBER = r"-?\d+(?:\.\d+)?"
LABELS = r'\w+="(?:[^"\\\n]|\\[\\"n])*"'
SAMPLE = re.compile(rf"((\w+)(?:\{{({LABELS}(?:,{LABELS})*)\}})?) ({NUMBER})")
PARTS = {"counter": ("",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}


class Metrics:
    """`values` is {'name{label="value"}': number}, `families` {name: type}."""

    def __init__(self, text):
        self.text, self.values, self.families = text, {}, {}
        assert text.endswith("\n")
        helped, current, names = set(), None, ()
        for line in text.splitlines():
            if line.startswith("# HELP "):
                current = re.fullmatch(r"# HELP (\w+) \S.*", line)[1]
                assert current not in helped, f"twice: {line}"
                helped.add(current)
                names = ()
            elif line.startswith("# TYPE "):
                name, kind = re.fullmatch(r"# TYPE (\w+) (counter|gauge|histogram)", line).groups()
                assert name == current and name not in self.families
                self.families[name] = kind
                names = [name + part for part in PARTS[kind]]
            else:
                series, name, _, value = SAMPLE.fullmatch(line).groups()
                assert name in names, f"outside of its family: {line}"
                assert series not in self.values, f"twice: {line}"
                self.values[series] = float(value)

    def get(self, name, **labels):
        """0 for a series that is not there, as a counter's is before it first counts."""
        inside = ",".join(f'{label}="{value}"' for label, value in labels.items())
        return self.values.get(f"{name}{{{inside}}}" if labels else name, 0)

    def of(self, name):
        """{labels: value} of a family's series."""
        return {series.partition("{")[2][:-1]: value for series, value in self.values.items()
                if series.partition("{")[0] == name}


def read_metrics(stack):
    answer = stack.anonymous.get("/metrics").must_be(200)
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return Metrics(answer.body.decode())
