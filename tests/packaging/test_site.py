"""The nginx site as it is installed: TLS, limits, what nginx answers itself, and Zoom's three seconds."""

import os
import signal
import subprocess
import time

import pytest

from nginx_site import site_before
from support.processes import pids_of
from support.waiting import wait_until

EVENTS = "/api/v1/zoom_oauth/webhooks"


def is_up(site):
    try:
        return site.ask("GET", "/health").status == 200
    except OSError:
        return False


@pytest.fixture(scope="module")
def site(stack, tmp_path_factory):
    # Bursts are as installed; what is given back by the second is less, for this machine may be slow.
    changes = {"rate=50r/s": "rate=5r/s", "rate=10r/s": "rate=1r/s"}
    with site_before(stack, tmp_path_factory.mktemp("site"), changes) as site:
        wait_until(lambda: is_up(site), what="the site")
        yield site


@pytest.fixture
def strict_site(stack, tmp_path):
    """Nobody gets more than a few requests; and there is a load balancer on this machine."""
    changes = {"rate=500r/s": "rate=1r/s", "burst=2000": "burst=20", "#\treal_ip_": "real_ip_",
               "#\tset_real_ip_from 192.0.2.1": "set_real_ip_from 127.0.0.1"}
    with site_before(stack, tmp_path, changes) as site:
        wait_until(lambda: is_up(site), what="the site")
        yield site


def key_of(stack):
    return {"Authorization": f"Token {stack.create_project().key}"}


def statuses(answers):
    return {answer.status for answer in answers}


def test_the_api_is_served_over_tls_and_says_that_it_stays_there(site, stack):
    answer = site.ask("GET", "/api/v1/bots", headers=key_of(stack)).must_be(200)
    assert answer.json["results"] == []
    assert int(answer.headers["strict-transport-security"].removeprefix("max-age=")) >= 63072000
    assert "nginx/" not in answer.headers["server"]


def test_what_nginx_answers_itself_says_so_too(site):
    (site.docs / "page.html").write_text("a page")
    for path, status in (("/docs/page.html", 200), ("/docs/nowhere", 404), ("/nowhere", 404)):
        answer = site.ask("GET", path).must_be(status)
        assert answer.headers["strict-transport-security"] == "max-age=63072000", path


def test_http_2_is_spoken(site):
    result = subprocess.run(
        ["curl", "--silent", "--show-error", "--http2", "--cacert", site.directory / "certificate.pem", "--resolve",
         f"bots.example.com:{site.https_port}:127.0.0.1", "--write-out", "%{http_version} %{http_code}", "--output",
         "/dev/null", f"https://bots.example.com:{site.https_port}/ready"], capture_output=True, text=True, timeout=60)
    assert result.stdout == "2 200", result.stderr


@pytest.mark.parametrize("version, is_accepted",
                         [("-tls1", False), ("-tls1_1", False), ("-tls1_2", True), ("-tls1_3", True)])
def test_tls_is_mozillas_intermediate(version, is_accepted, site):
    result = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{site.https_port}", version, "-cipher",
                             "DEFAULT:@SECLEVEL=0"], input="", capture_output=True, text=True, timeout=60)
    assert ("Cipher is (NONE)" not in result.stdout and result.returncode == 0) == is_accepted, result.stdout


def test_a_cipher_without_forward_secrecy_is_refused(site):
    result = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{site.https_port}", "-tls1_2", "-cipher",
                             "AES128-GCM-SHA256:AES256-SHA:ECDHE-ECDSA-AES128-SHA"],
                            input="", capture_output=True, text=True, timeout=60)
    assert "Cipher is (NONE)" in result.stdout


def curl_plain(site, path):
    result = subprocess.run(
        ["curl", "--silent", "--write-out", "\n%{http_code}", f"http://127.0.0.1:{site.http_port}{path}"],
        capture_output=True, text=True, check=True, timeout=60)
    body, _, status = result.stdout.rpartition("\n")
    return int(status), body


def test_nothing_is_served_in_clear_but_what_a_certificate_is_got_with(site):
    status, body = curl_plain(site, "/api/v1/bots")
    assert status == 403 and '"code":"https_required"' in body
    challenge = site.web_root / ".well-known/acme-challenge/token"
    challenge.parent.mkdir(parents=True)
    challenge.write_text("the answer")
    assert curl_plain(site, "/.well-known/acme-challenge/token") == (200, "the answer")


def test_a_request_in_clear_on_the_port_of_tls_is_400_in_the_apis_shape(site):
    result = subprocess.run(["curl", "--silent", f"http://127.0.0.1:{site.https_port}/health"],
                            capture_output=True, text=True, check=True, timeout=60)
    assert '"code":"invalid_request"' in result.stdout


def test_a_body_over_1_mib_is_413(site, stack):
    answer = site.ask("POST", "/api/v1/bots", b" " * ((1 << 20) + 1), key_of(stack))
    assert (answer.status, answer.code) == (413, "body_too_large")


def test_who_asks_too_often_with_one_key_is_told_when_to_come_again_and_others_are_not_held_up(site, stack):
    one, other = key_of(stack), key_of(stack)
    refused = [answer for answer in site.ask_often(400, "GET", "/api/v1/bots", headers=one) if answer.status != 200]
    assert statuses(refused) == {429}
    assert {answer.code for answer in refused} == {"too_many_requests"}
    assert all(int(answer.headers["retry-after"]) > 0 for answer in refused)
    site.ask("GET", "/api/v1/bots", headers=other).must_be(200)


def test_a_key_is_the_same_however_its_header_is_written(site, stack):
    key, connection = stack.create_project().key, site.connect()
    answers = [site.ask("GET", "/api/v1/bots", headers={"Authorization": f"{scheme}{' ' * spaces}{key}"},
                        connection=connection) for spaces in range(1, 101) for scheme in ("Token", "token", "Bearer")]
    assert statuses(answers) == {200, 429}


def test_who_shows_no_key_is_limited_by_address(site):
    answers = site.ask_often(100, "GET", "/api/v1/bots")
    assert statuses(answers) == {401, 429}


def test_a_callbacks_address_counts_by_its_secret(site):
    one, other = "/callbacks/" + "a" * 32, "/callbacks/" + "b" * 32
    assert 429 not in statuses(site.ask_often(190, "GET", one + "/recall/zak"))
    assert 429 in statuses(site.ask_often(190, "GET", one + "/recall/obf"))
    assert site.ask("GET", other + "/recall/zak").status != 429


def test_zooms_events_are_never_limited(site):
    assert 429 not in statuses(site.ask_often(1000, "POST", EVENTS + "/zoapp_unknown", b"{}"))


def test_keys_that_are_made_up_are_limited_by_address(strict_site):
    connection = strict_site.connect()
    answers = [strict_site.ask("GET", "/api/v1/bots", headers={"Authorization": f"Token made-up-{number}"},
                               connection=connection) for number in range(60)]
    assert statuses(answers) == {401, 429}
    assert 429 not in statuses(strict_site.ask_often(60, "POST", EVENTS, b"{}"))


def test_behind_a_load_balancer_the_clients_address_is_what_counts(strict_site):
    flood = strict_site.ask_often(60, "GET", "/health", headers={"X-Forwarded-For": "203.0.113.1"})
    assert 429 in statuses(flood)
    strict_site.ask("GET", "/health", headers={"X-Forwarded-For": "203.0.113.2"}).must_be(200)


def test_an_event_is_answered_in_zooms_time_also_where_the_responder_hangs(site, stack):
    hanging = pids_of(stack, "zoom_webhooks")
    for pid in hanging:
        os.kill(pid, signal.SIGSTOP)
    try:
        started = time.monotonic()
        answer = site.ask("POST", EVENTS, b"{}").must_be(503)
        assert time.monotonic() - started < 3
    finally:
        for pid in hanging:
            os.kill(pid, signal.SIGCONT)
    assert (answer.code, int(answer.headers["retry-after"]) > 0) == ("service_unavailable", True)


def test_no_secret_of_a_path_is_in_a_log_of_the_site(site):
    site.ask_often(300, "GET", "/callbacks/hush-hush-hush/recall/zak?hush-hush-hush")
    logs = list(site.directory.glob("*.log"))
    assert any(log.name == "hallpass.access.log" for log in logs)
    assert [log for log in logs if "hush" in log.read_text()] == []
