"""The alert rules and the dashboard fit what is told, and Prometheus takes all of it."""

import json
import re
import subprocess

from support.metrics import read_metrics
from support.stack import BUILD, ROOT
from support.waiting import wait_until

MONITORING = ROOT / "packaging/monitoring"


def promtool(*arguments, text=None):
    """Prometheus's own checker, out of Debian's package: `make build/promtool`."""
    result = subprocess.run([BUILD / "promtool", *arguments], capture_output=True, text=True,
                            input=text, timeout=60)
    return result.returncode, result.stdout + result.stderr


def test_promtool_finds_nothing_wrong_with_the_metrics(stack):
    stack.create_project().api.get("/api/v1/bots").must_be(200)
    wait_until(lambda: read_metrics(stack).of("hallpass_http_requests_total"), what="a count")
    text = read_metrics(stack).text
    assert promtool("check", "metrics", text=text) == (0, "")
    assert promtool("check", "metrics", text=text.replace("# HELP hallpass_connections", "# NO"))[0] != 0


def test_the_alert_rules_load_and_fire_when_they_should():
    status, output = promtool("check", "rules", MONITORING / "hallpass.rules.yml")
    assert status == 0 and "SUCCESS" in output, output
    status, output = promtool("test", "rules", ROOT / "tests/metrics/alerts.yml")
    assert status == 0, output
    rules = (MONITORING / "hallpass.rules.yml").read_text()
    tested = (ROOT / "tests/metrics/alerts.yml").read_text()
    for alert in re.findall(r"alert: (\w+)", rules):
        assert f"alertname: {alert}" in tested, f"{alert} is never tested"


def expressions_of_dashboard():
    dashboard = json.loads((MONITORING / "hallpass.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield target["expr"]


def test_the_dashboard_and_the_rules_ask_for_what_is_told(stack):
    told = set()
    for name, kind in read_metrics(stack).families.items():
        told |= {name} if kind != "histogram" else {f"{name}_bucket", f"{name}_sum", f"{name}_count"}
    expressions = list(expressions_of_dashboard())
    rules = (MONITORING / "hallpass.rules.yml").read_text()
    assert len(expressions) >= 10
    for text in [*expressions, rules]:
        asked = set(re.findall(r"\bhallpass_\w+", text))
        assert asked and asked <= told, f"not told: {asked - told}"


def test_prometheus_understands_every_expression_of_the_dashboard(tmp_path):
    rules = [{"record": f"panel:{number}", "expr": expression.replace("$__rate_interval", "5m")}
             for number, expression in enumerate(expressions_of_dashboard())]
    file = tmp_path / "rules.json"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    status, output = promtool("check", "rules", file)
    assert status == 0, output
