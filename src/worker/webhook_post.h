/* One attempt to tell a webhook what has happened: the signed post, and what is noted of it meanwhile. */
#ifndef WORKER_WEBHOOK_POST_H
#define WORKER_WEBHOOK_POST_H

#include "base/arena.h"
#include "base/clock.h"
#include "http/sender.h"
#include "serve/context.h"
#include "store/delivery.h"
#include "store/webhook.h"

#include <stdbool.h>

struct webhook_post {
	struct arena arena;       /* of what follows */
	struct delivery delivery; /* as it was when the attempt began, without its body */
	const char *url;          /* where it went: the webhook may have moved since */
	instant began_at, ended_at;
	bool is_over; /* and outcome is good */
	struct http_outcome outcome;
	/* By webhook_post_record(), for webhook_post_tell(): */
	bool has_failed;
	const char *state;      /* of the delivery now: one of delivery_states */
	const char *webhook_id; /* public; NULL: the webhook is gone */
	const char
		*disabled_reason; /* the webhook was disabled on this occasion; NULL: it was not */
};

/*
 * Signs and begins it; `tag` is that of its outcome. Where the secret cannot be opened it is over at once, and that is
 * its outcome.
 */
void webhook_post_start(struct webhook_post *post, void *tag, const struct context *context,
			struct http_sender *sender, const struct webhook *webhook,
			const struct delivery *delivery);

/*
 * Writes what came of it, inside the caller's transaction: the delivery's next state and the webhook's
 * health. May be called again where the transaction was not committed.
 */
bool webhook_post_record(struct webhook_post *post, const struct context *context,
			 struct error *err) MUST_CHECK;

/* To the log and the counts, once what was written of it is on the disk. */
void webhook_post_tell(const struct webhook_post *post, const struct process *process);

#endif
