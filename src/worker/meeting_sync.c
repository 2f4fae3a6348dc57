/* Reads the profile and the meetings of a connected user: after each authorization, and weekly. */
#include "base/crypto.h"
#include "broker/access_token.h"
#include "broker/connection_log.h"
#include "store/connection.h"
#include "store/meeting.h"
#include "store/transaction.h"
#include "worker/job.h"
#include "worker/job_broker.h"
#include "zoom/api.h"
#include "zoom/meeting_url.h"

#include <string.h>

enum {
	SYNC_TIMEOUT_MS = 10 * 60 * 1000,
	RETRY_MAX_S = 6 * 3600,
	AT_ONCE_MAX = 8,  /* each may be large */
	PAGES_MAX = 1000, /* 300,000 meetings: above that Zoom's paging has gone wrong */
};

static const instant sync_lease = 15 * MINUTE, sync_period = 7 * DAY;

struct sync {
	struct context *context;
	struct broker broker;
	struct connection connection;
	instant started_at; /* what Zoom lists was so at this time or later */
	instant lease_until;
	bool is_interrupted; /* the worker ends */
	struct zoom_user user;
	struct zoom_meeting_page *page;
	const char *page_token;
};

static bool read_user(void *argument, const struct zoom_endpoint *zoom, const char *access_token,
		      struct zoom_failure *failure)
{
	struct sync *sync = argument;

	return zoom_api_get_user(zoom, sync->broker.arena, access_token, &sync->user, failure);
}

static bool read_page(void *argument, const struct zoom_endpoint *zoom, const char *access_token,
		      struct zoom_failure *failure)
{
	struct sync *sync = argument;

	return zoom_api_list_meetings(zoom, sync->broker.arena, access_token, sync->page_token,
				      sync->page, failure);
}

/* What was read is of one Zoom user; meanwhile the connection may have moved to another. */
static bool check_user(struct sync *sync, struct error *err)
{
	struct connection now;
	bool found;

	if (!connection_find_by_id(sync->broker.db, sync->broker.arena, sync->connection.id, &found,
				   &now, err))
		return false;
	if (found && strcmp(now.zoom_user_id, sync->connection.zoom_user_id) == 0)
		return true;
	return error_set(err, ERROR_CONFLICT, "the connection is not that Zoom user's any more");
}

static bool learn_user(struct sync *sync, struct error *err)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	struct arena *arena = sync->broker.arena;
	const char *name = personal_name_of_url(arena, sync->user.vanity_url);

	if (name == NULL)
		name = personal_name_of_url(arena, sync->user.personal_meeting_url);
	return transaction_begin(&transaction, sync->broker.db, err) && check_user(sync, err) &&
	       connection_learn_profile(sync->broker.db, sync->connection.id, sync->user.pmi, name,
					sync->started_at, err) &&
	       transaction_commit(&transaction, err);
}

/* A page is one transaction, short enough for events to come between. */
static bool learn_page(struct sync *sync, struct error *err)
{
	SCOPED(transaction_end) struct transaction transaction = {0};

	if (!transaction_begin(&transaction, sync->broker.db, err) || !check_user(sync, err))
		return false;
	for (size_t i = 0; i < sync->page->count; i++)
		if (!meeting_learn(sync->broker.db, sync->connection.app_id,
				   sync->page->meeting_ids[i], sync->connection.id,
				   sync->started_at, err))
			return false;
	return transaction_commit(&transaction, err);
}

static bool may_go_on(struct sync *sync, struct error *err)
{
	sync->is_interrupted = *sync->context->is_ending;
	return !sync->is_interrupted ||
	       error_set(err, ERROR_BUSY, "interrupted, for the worker ends; due again");
}

static bool sync_all(struct sync *sync, struct zoom_failure *failure, struct error *err)
{
	struct arena *arena = sync->broker.arena;
	const char *last_token;

	if (!access_token_use(&sync->broker, &sync->connection, read_user, sync, failure, err) ||
	    !learn_user(sync, err))
		return false;
	sync->page = arena_alloc(arena, sizeof(*sync->page));
	for (int pages = 0; pages < PAGES_MAX; pages++) {
		if (!may_go_on(sync, err) ||
		    !access_token_use(&sync->broker, &sync->connection, read_page, sync, failure,
				      err) ||
		    !learn_page(sync, err))
			return false;
		last_token = sync->page_token;
		sync->page_token = sync->page->next_page_token;
		if (sync->page_token == NULL)
			return true;
		if (last_token != NULL && strcmp(last_token, sync->page_token) == 0)
			break;
	}
	return error_set(err, ERROR_ZOOM_UNAVAILABLE, "Zoom's list of meetings does not end");
}

static bool claim(const struct sync *sync, bool *did, int64_t *id, struct error *err)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	struct db *db = sync->context->db;

	return transaction_begin(&transaction, db, err) &&
	       connection_claim_sync(db, sync->started_at, sync->lease_until, did, id, err) &&
	       transaction_commit(&transaction, err);
}

static bool give_back(const struct sync *sync, struct error *err)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	struct db *db = sync->context->db;

	return transaction_begin(&transaction, db, err) &&
	       connection_give_back_sync(db, sync->connection.id, sync->lease_until,
					 context_now(sync->context), err) &&
	       transaction_commit(&transaction, err);
}

/* A sync that works is what everybody expects: only the first one after a failure is told of. */
static bool log_outcome(const struct sync *sync, bool worked, const struct zoom_failure *failure,
			const struct error *why, instant now, struct error *err)
{
	const int64_t id = sync->connection.id;
	const struct log_entry failed = {.connection_id = id,
					 .at = now,
					 .type = LOG_SYNC_FAILED,
					 .name = why->code,
					 .error = why->message};
	struct db *db = sync->context->db;

	if (worked)
		return sync->connection.sync_attempts == 0 ||
		       connection_log_success(db, id, LOG_SYNC_RECOVERED, now, err);
	if (failure->class != ZOOM_FAILURE_NONE)
		return connection_log_failure(db, id, LOG_SYNC_FAILED, failure, now, err);
	return log_entry_add(db, &failed, err);
}

/* `why` it did not work, where it did not. */
static bool finish(const struct sync *sync, bool worked, const struct zoom_failure *failure,
		   const struct error *why, struct error *err)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	struct context *context = sync->context;
	const instant now = context_now(context);
	const instant next_at = worked ? now + sync_period - random_below(86400) * SECOND
				       : job_retry_at(context, sync->connection.sync_attempts + 1,
						      RETRY_MAX_S, failure);

	if (sync->is_interrupted)
		return give_back(sync, err);
	return transaction_begin(&transaction, context->db, err) &&
	       connection_finish_sync(context->db, sync->connection.id, sync->lease_until, worked,
				      now, next_at, err) &&
	       log_outcome(sync, worked, failure, why, now, err) &&
	       transaction_commit(&transaction, err);
}

static bool run_one(struct context *context, bool *did, const char **subject, struct error *err)
{
	struct sync sync = {.context = context, .started_at = context_now(context)};
	struct zoom_failure failure = {0};
	struct error finishing;
	bool found, worked;
	int64_t id;

	sync.lease_until = sync.started_at + sync_lease;
	if (!claim(&sync, did, &id, err))
		return false;
	if (!*did)
		return true;
	job_claimed(context);
	sync.broker = job_broker(context, SYNC_TIMEOUT_MS);
	if (!connection_find_by_id(context->db, context->arena, id, &found, &sync.connection, err))
		return false;
	if (!found)
		return true;
	*subject = sync.connection.public_id;
	worked = sync_all(&sync, &failure, err);
	if (!worked)
		job_fail(context, &failure, err);
	if (finish(&sync, worked, &failure, err, &finishing))
		return worked;
	if (worked)
		*err = finishing;
	return false;
}

static bool next_due(struct context *context, instant *at, struct error *err)
{
	if (!connection_next_sync(context->db, at, err))
		return false;
	job_wait_for_zoom(context, context->process->config.zoom_api_url, at);
	job_wait_for_zoom(context, context->process->config.zoom_oauth_url, at);
	return true;
}

const struct job meeting_sync_job = {"meeting_sync", next_due, run_one, AT_ONCE_MAX};
