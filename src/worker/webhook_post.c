#include "worker/webhook_post.h"

#include "base/crypto.h"
#include "notify/signature.h"
#include "notify/verdict.h"

#include <stdio.h>
#include <string.h>

enum { TIMEOUT_MS = 20000, KEYS_MAX = 1 + WEBHOOK_FORMER_SECRETS_MAX };

/* Of secrets with spaces between; NULL: there are none. */
static void add_keys(struct arena *arena, const char *secrets, struct span keys[static KEYS_MAX],
		     size_t *count)
{
	while (secrets != NULL && *secrets != '\0' && *count < KEYS_MAX) {
		const size_t length = strcspn(secrets, " ");

		if (signature_read_secret(arena, arena_strndup(arena, secrets, length),
					  &keys[*count]))
			(*count)++;
		secrets += length + (secrets[length] == ' ');
	}
}

/* The keys that sign: the secret's, and until their time is over those of the ones before. */
static bool open_keys(const struct context *context, struct arena *arena,
		      const struct webhook *webhook, instant now, struct span keys[static KEYS_MAX],
		      size_t *count, struct error *err)
{
	const struct seal_place place = webhook_secret_place(webhook);
	const struct seal_place former_place = webhook_former_secret_place(webhook);
	struct keyring *keyring = context->process->keyring;
	const char *secret, *former = NULL;

	*count = 0;
	if (!keyring_open_sealed(keyring, arena, &place, webhook->secret, &secret, err) ||
	    (webhook->former_secret_until > now &&
	     !keyring_open_sealed(keyring, arena, &former_place, webhook->former_secret, &former,
				  err)))
		return false;
	add_keys(arena, secret, keys, count);
	add_keys(arena, former, keys, count);
	return *count > 0 ||
	       error_set(err, ERROR_INTERNAL, "the webhook has no secret to sign with");
}

/* Attendee's way knows one signature: the newest secret's. */
static const char *sign_as_attendee(struct arena *arena, const struct span *key,
				    const struct delivery *delivery)
{
	const struct span body = {delivery->body, strlen(delivery->body)};

	return signature_of_canonical(arena, key, &body);
}

static void send(const struct webhook_post *post, void *tag, struct http_sender *sender,
		 const struct webhook *webhook, const struct delivery *delivery,
		 const struct span *keys, size_t key_count, struct arena *arena)
{
	const int64_t timestamp_s = post->began_at / SECOND;
	const size_t size = strlen(delivery->body);
	const struct http_header headers[] = {
		{"Content-Type", "application/json"},
		{"webhook-id", delivery->public_id},
		{"webhook-timestamp", arena_printf(arena, "%lld", (long long)timestamp_s)},
		{"webhook-signature",
		 signature_standard(arena, keys, key_count, delivery->public_id, timestamp_s,
				    delivery->body, size)},
		{"X-Webhook-Signature", sign_as_attendee(arena, &keys[0], delivery)},
	};

	http_sender_start(sender, &(struct http_post){
					  .url = webhook->url,
					  .headers = headers,
					  .header_count = COUNT_OF(headers),
					  .body = delivery->body,
					  .body_size = size,
					  .timeout_ms = TIMEOUT_MS,
					  .tag = tag,
				  });
}

/* What is needed to record it; the body is the sender's from now on. */
static void note_delivery(struct webhook_post *post, const struct delivery *delivery)
{
	post->delivery = *delivery;
	post->delivery.public_id = arena_strdup(&post->arena, delivery->public_id);
	post->delivery.trigger = arena_strdup(&post->arena, delivery->trigger);
	post->delivery.subject = arena_strdup(&post->arena, delivery->subject);
	post->delivery.state = arena_strdup(&post->arena, delivery->state);
	post->delivery.body = post->delivery.last_answer = post->delivery.last_error = NULL;
}

void webhook_post_start(struct webhook_post *post, void *tag, const struct context *context,
			struct http_sender *sender, const struct webhook *webhook,
			const struct delivery *delivery)
{
	SCOPED(arena_release) struct arena secrets = {0};
	struct span keys[KEYS_MAX];
	struct error err = {0};
	size_t count;

	*post = (struct webhook_post){.began_at = context_now(context)};
	post->url = arena_strdup(&post->arena, webhook->url);
	note_delivery(post, delivery);
	if (open_keys(context, &secrets, webhook, post->began_at, keys, &count, &err)) {
		send(post, tag, sender, webhook, delivery, keys, count, &secrets);
		return;
	}
	post->is_over = true;
	post->ended_at = post->began_at;
	snprintf(post->outcome.error, sizeof(post->outcome.error), "it could not be signed: %.200s",
		 err.message);
}

static const char *text_or_null(const char *text)
{
	return text[0] != '\0' ? text : NULL;
}

static struct attempt attempt_of(const struct webhook_post *post)
{
	const struct http_outcome *outcome = &post->outcome;

	return (struct attempt){
		.began_at = post->began_at,
		.ended_at = post->ended_at,
		.status = outcome->status,
		.retry_after = text_or_null(outcome->retry_after),
		.answer = outcome->status != 0 ? outcome->answer : NULL,
		.error = text_or_null(outcome->error),
	};
}

/* What another address answered says nothing of the one that it is sent to next, and at once. */
static void judge(struct webhook_post *post, struct arena *arena, struct delivery *delivery,
		  struct webhook *webhook)
{
	const struct attempt attempt = attempt_of(post);
	const struct webhook former = *webhook;

	verdict_apply(&attempt, random_below(65536), arena, delivery, webhook, &post->has_failed);
	if (!post->has_failed || strcmp(post->url, webhook->url) == 0)
		return;
	*webhook = former;
	delivery->state = post->delivery.state;
	delivery->next_attempt_at = post->ended_at;
	delivery->finished_at = 0;
}

bool webhook_post_record(struct webhook_post *post, const struct context *context,
			 struct error *err)
{
	struct delivery delivery = post->delivery;
	struct db *db = context->db;
	struct webhook webhook;
	bool found, was_disabled;

	if (!webhook_find_by_id(db, context->arena, delivery.webhook_id, &found, &webhook, err))
		return false;
	if (!found)
		return true;
	was_disabled = webhook.disabled_at != 0;
	judge(post, context->arena, &delivery, &webhook);
	post->webhook_id = arena_strdup(&post->arena, webhook.public_id);
	post->state = delivery.state;
	post->disabled_reason = was_disabled ? NULL : webhook.disabled_reason;
	if (!delivery_record(db, &delivery, post->ended_at, err))
		return false;
	return post->has_failed ? webhook_note_failure(db, &webhook, err)
				: webhook_note_success(db, webhook.id, err);
}

static void log_result(const struct log *log, const struct webhook_post *post)
{
	const struct log_field fields[] = {
		{"webhook", post->webhook_id, 0},
		{"delivery", post->delivery.public_id, 0},
		{"trigger", post->delivery.trigger, 0},
		{"attempt", NULL, post->delivery.attempts + 1},
		{"status", NULL, post->outcome.status},
		{"duration_ms", NULL, (post->ended_at - post->began_at) / MILLISECOND},
		{post->outcome.error[0] != '\0' ? "error" : NULL, post->outcome.error, 0},
		{NULL, NULL, 0},
	};
	const struct log_field disabling[] = {
		{"webhook", post->webhook_id, 0},
		{"reason", post->disabled_reason, 0},
		{NULL, NULL, 0},
	};

	if (post->webhook_id == NULL)
		return;
	log_write(log, post->has_failed ? LOG_WARN : LOG_INFO, "delivery", fields);
	if (post->disabled_reason != NULL)
		log_write(log, LOG_WARN, "webhook disabled", disabling);
}

static void count_result(struct tallies *tallies, const struct webhook_post *post)
{
	char labels[TALLY_NAME_BYTES];
	const char *outcome;

	if (post->webhook_id == NULL)
		outcome = "webhook_removed";
	else if (!post->has_failed)
		outcome = "delivered";
	else
		outcome = strcmp(post->state, "pending") == 0 ? "retry" : "given_up";
	snprintf(labels, sizeof(labels), "trigger=\"%s\",outcome=\"%s\"", post->delivery.trigger,
		 outcome);
	tally_add(tallies, "hallpass_webhook_deliveries_total", labels);
}

void webhook_post_tell(const struct webhook_post *post, const struct process *process)
{
	log_result(&process->log, post);
	count_result(process->tallies, post);
}
