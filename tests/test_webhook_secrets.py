"""The secret of a webhook is rotated, and no receiver is left without a signature that it can check."""

from support import time_travel
from support.webhook import WEBHOOKS, pass_time, seconds_from_now, send_test, settled


def test_after_a_rotation_both_secrets_sign_for_a_day(stack, api, receiver, add_webhook, secrets):
    webhook = add_webhook(receiver.url)
    rotated = api.post(f"{WEBHOOKS}/{webhook['id']}/rotate_secret").must_be(200).json
    secrets.add("webhook secret", rotated["secret"], in_answers=True)
    assert rotated["secret"] != webhook["secret"]
    assert 86000 < seconds_from_now(rotated["former_secret_signs_until"]) <= 86400
    send_test(api, webhook)
    got, = receiver.wait(1)
    assert got.is_signed_with(rotated["secret"])
    assert got.has_standard_signature(webhook["secret"]) and not got.has_attendee_signature(webhook["secret"])
    settled(stack, webhook)
    pass_time(stack, webhook, time_travel.DAY)
    send_test(api, webhook)
    last = receiver.wait(2)[1]
    assert last.is_signed_with(rotated["secret"]) and not last.has_standard_signature(webhook["secret"])
    assert len(last.headers["webhook-signature"].split()) == 1


def test_rotations_in_a_row_leave_nobody_out(stack, api, receiver, add_webhook, secrets):
    """As where the answer with the new secret got lost: what the receiver has is still the first one."""
    webhook = add_webhook(receiver.url)
    newest_first = [webhook["secret"]]
    for number in range(1, 6):
        rotated = api.post(f"{WEBHOOKS}/{webhook['id']}/rotate_secret").must_be(200).json
        secrets.add("webhook secret", rotated["secret"], in_answers=True)
        newest_first.insert(0, rotated["secret"])
        send_test(api, webhook)
        got = receiver.wait(number)[-1]
        signing = newest_first[:5]
        assert got.is_signed_with(signing[0])
        assert all(got.has_standard_signature(secret) for secret in signing)
        assert len(got.headers["webhook-signature"].split()) == len(signing)
    settled(stack, webhook)
    pass_time(stack, webhook, time_travel.DAY)
    rotated = api.post(f"{WEBHOOKS}/{webhook['id']}/rotate_secret").must_be(200).json
    secrets.add("webhook secret", rotated["secret"], in_answers=True)
    send_test(api, webhook)
    last = receiver.wait(6)[5]
    assert last.is_signed_with(rotated["secret"]) and last.has_standard_signature(newest_first[0])
    assert len(last.headers["webhook-signature"].split()) == 2
