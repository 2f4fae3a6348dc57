<?php
// Receives what Hallpass's webhooks tell, checks that it is genuine, and takes each notification once. PHP 8.0 or
// later, nothing else; docs/webhooks.md says more.
//
// SECRET=whsec_… php -S 127.0.0.1:8000 receive.php

declare(strict_types=1);

const TOLERANCE_S = 300;

function mac(string $signed): string
{
    $key = base64_decode(preg_replace('/^whsec_/', '', getenv('SECRET')));
    return base64_encode(hash_hmac('sha256', $signed, $key, true));
}

// Standard Webhooks: over id, time and body; of several signatures one must be right.
function has_standard_signature(string $body): bool
{
    $id = $_SERVER['HTTP_WEBHOOK_ID'] ?? '';
    $timestamp = $_SERVER['HTTP_WEBHOOK_TIMESTAMP'] ?? '';
    if (!ctype_digit($timestamp) || abs(time() - (int) $timestamp) > TOLERANCE_S) {
        return false;
    }
    $right = 'v1,' . mac("$id.$timestamp.$body");
    foreach (explode(' ', $_SERVER['HTTP_WEBHOOK_SIGNATURE'] ?? '') as $each) {
        if (hash_equals($right, $each)) {
            return true;
        }
    }
    return false;
}

// As Attendee signs: over the body's canonical JSON, and canonical it is as it comes.
function has_attendee_signature(string $body): bool
{
    return hash_equals(mac($body), $_SERVER['HTTP_X_WEBHOOK_SIGNATURE'] ?? '');
}

// Yours: a table with a unique column is better than files.
function seen_file(string $idempotency_key): string
{
    return (getenv('SEEN') ?: sys_get_temp_dir()) . '/hallpass-' . hash('sha256', $idempotency_key);
}

// Yours: what is to happen. Should it fail, answer 500, and it comes again.
function handle(array $notification): void
{
    $data = json_encode($notification['data'], JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES);
    file_put_contents('php://stdout', "{$notification['trigger']} $data\n");
}

function receive(string $body): int
{
    $is_genuine = getenv('CHECK') === 'attendee' ? has_attendee_signature($body) : has_standard_signature($body);
    if (!$is_genuine) {
        return 401;
    }
    $notification = json_decode($body, true, 64, JSON_THROW_ON_ERROR);
    $seen = seen_file($notification['idempotency_key']);
    if (!file_exists($seen)) {
        handle($notification);
        touch($seen);
    }
    return 204;
}

http_response_code(receive(file_get_contents('php://input')));
