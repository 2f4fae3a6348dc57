<?php
// Lets the users of your application connect their Zoom accounts: a link, Zoom's consent page, and Hallpass,
// which keeps what comes of it. PHP 8.0 or later, nothing else; docs/oauth-flow.md says more.
//
// HALLPASS=https://bots.example.com KEY=hp_… CLIENT_ID=… SITE=https://app.example.com php -S 127.0.0.1:8000 connect.php

declare(strict_types=1);

$zoom = getenv('ZOOM') ?: 'https://zoom.us';
$redirect_uri = getenv('SITE') . '/zoom/callback'; // byte for byte as in the Zoom app

// Yours: the id of whoever is signed in to your application.
function current_user(): string
{
    return 'user-17';
}

// [status, answer]. The code may be posted again: it is exchanged once.
function post_connection(string $code, string $redirect_uri): array
{
    $context = stream_context_create(['http' => [
        'method' => 'POST',
        'header' => ['Authorization: Token ' . getenv('KEY'), 'Content-Type: application/json'],
        'content' => json_encode(['authorization_code' => $code, 'redirect_uri' => $redirect_uri,
            'deduplication_key' => current_user()]),
        'ignore_errors' => true,
        'timeout' => 30,
    ]]);
    for ($attempt = 0; $attempt < 3; $attempt++) {
        sleep($attempt);
        $body = @file_get_contents(getenv('HALLPASS') . '/api/v1/zoom_oauth_connections', false, $context);
        if ($body === false) {
            $result = [503, ['error' => 'Hallpass does not answer']];
            continue;
        }
        $result = [(int) explode(' ', $http_response_header[0])[1], json_decode($body, true)];
        if ($result[0] < 500) {
            break;
        }
    }
    return $result;
}

function keep_state(string $value, int $max_age_s): void
{
    setcookie('zoom_state', $value, ['path' => '/zoom', 'expires' => time() + $max_age_s, 'httponly' => true,
        'samesite' => 'Lax', 'secure' => str_starts_with(getenv('SITE'), 'https:')]);
}

function answer(int $status, string $text): void
{
    http_response_code($status);
    echo $text;
}

function begin(string $zoom, string $redirect_uri): void
{
    $state = bin2hex(random_bytes(32));
    keep_state($state, 600);
    header("Location: $zoom/oauth/authorize?" . http_build_query(['response_type' => 'code',
        'client_id' => getenv('CLIENT_ID'), 'redirect_uri' => $redirect_uri, 'state' => $state]), true, 302);
}

function finish(string $redirect_uri): void
{
    $kept = (string) ($_COOKIE['zoom_state'] ?? '');
    if ($kept === '' || !is_string($_GET['state'] ?? null) || !hash_equals($kept, $_GET['state'])) {
        answer(400, 'This did not begin here, or too long ago. Please try again.');
        return;
    }
    keep_state('', -3600);
    if (!is_string($_GET['code'] ?? null)) {
        answer(200, 'Not connected: ' . htmlspecialchars((string) ($_GET['error'] ?? 'no code')));
        return;
    }
    [$status, $connection] = post_connection($_GET['code'], $redirect_uri);
    if ($status !== 201) {
        answer(502, 'Not connected: ' . htmlspecialchars($connection['error']));
        return;
    }
    answer(200, 'Connected as ' . htmlspecialchars($connection['email'] ?? $connection['user_id'])
        . ' <!-- ' . htmlspecialchars($connection['id']) . ' -->');
}

match (parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH)) {
    '/' => answer(200, '<a href="/zoom/connect">Connect Zoom</a>'),
    '/zoom/connect' => begin($zoom, $redirect_uri),
    '/zoom/callback' => finish($redirect_uri),
    default => answer(404, 'There is nothing here.'),
};
