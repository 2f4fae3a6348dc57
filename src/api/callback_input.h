/*
 * What a bot engine says when it comes to fetch a token: which meeting, and whose token. It stands in
 * the query of the address, in the body, or in what the customer gave the engine with the bot; engines
 * add fields of their own, so what is not known here is not refused.
 */
#ifndef API_CALLBACK_INPUT_H
#define API_CALLBACK_INPUT_H

#include "api/callback_address.h"
#include "http/message.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct callback_input {
	const char *engine_bot_id; /* NULL: it did not say */
	int64_t meeting_id;        /* 0: none, or a personal link's */
	const char *personal_name; /* of a personal link, else NULL */
	/* Whose token: at most one of these; all NULL for the host's. */
	const char *connection_id, *zoom_user_id, *deduplication_key;
	unsigned wants; /* join_want's of broker/join_plan.h */
};

/*
 * `body` is the request's, NULL where there is none. What names nobody's meeting is ERROR_INVALID with
 * code invalid_meeting_url; so is a query that cannot be read. engine_bot_id is filled in any case.
 */
bool callback_input_read(const struct request *request, const struct callback_address *address,
			 const json_t *body, struct callback_input *input, struct error *err)
	MUST_CHECK;

#endif
