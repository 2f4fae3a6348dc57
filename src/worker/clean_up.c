/* Drops what is old, table by table, once an hour. */
#include "store/authorization.h"
#include "store/bot.h"
#include "store/delivery.h"
#include "store/log_entry.h"
#include "store/meeting.h"
#include "store/participant.h"
#include "store/periodic_job.h"
#include "store/token_callback_use.h"
#include "store/transaction.h"
#include "worker/job.h"

/* Of one table in one transaction, so that events come between. */
enum {
	ROWS_MAX = 1000,
	MEETINGS_MAX = 10000, /* that are looked at */
	BOTS_MAX = 100,       /* each with its events and its webhooks */
};

/* How long what is old is kept. */
static const instant period = HOUR;
static const instant log_age = 90 * DAY;
static const instant authorization_age = HOUR; /* a client's retry comes within 10 minutes */
static const instant doubt_age = 31 * DAY;   /* who may have been voided is renewed after 30 days */
static const instant meeting_age = 60 * DAY; /* each weekly sync confirms those that are to come */
static const instant forgotten_meeting_age = 7 * DAY;
static const instant participant_age = 30 * DAY;
static const instant token_callback_use_age = 90 * DAY;
static const instant delivery_age = 30 * DAY;
static const instant bot_age = 90 * DAY;

static bool drop_old(struct context *context, instant now, bool *has_more, struct error *err)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	struct db *db = context->db;
	int64_t entries, authorizations, participants, uses, deliveries, bots;

	if (!transaction_begin(&transaction, db, err) ||
	    !log_entry_clean_up(db, now - log_age, ROWS_MAX, &entries, err) ||
	    !authorization_clean_up(db, now - authorization_age, now - doubt_age, ROWS_MAX,
				    &authorizations, err) ||
	    !participant_clean_up(db, now - participant_age, ROWS_MAX, &participants, err) ||
	    !token_callback_use_clean_up(db, now - token_callback_use_age, ROWS_MAX, &uses, err) ||
	    !delivery_clean_up(db, now - delivery_age, ROWS_MAX, &deliveries, err) ||
	    !bot_clean_up(db, now - bot_age, BOTS_MAX, &bots, err) ||
	    !transaction_commit(&transaction, err))
		return false;
	*has_more = entries > 0 || authorizations >= ROWS_MAX || participants >= ROWS_MAX ||
		    uses >= ROWS_MAX || deliveries >= ROWS_MAX || bots >= BOTS_MAX;
	return true;
}

static bool drop_old_meetings(struct context *context, instant now, int64_t *after,
			      struct error *err)
{
	SCOPED(transaction_end) struct transaction transaction = {0};

	return transaction_begin(&transaction, context->db, err) &&
	       meeting_clean_up(context->db, now - meeting_age, now - forgotten_meeting_age,
				MEETINGS_MAX, after, err) &&
	       transaction_commit(&transaction, err);
}

static bool claim(struct context *context, instant now, bool *did, struct error *err)
{
	SCOPED(transaction_end) struct transaction transaction = {0};

	return transaction_begin(&transaction, context->db, err) &&
	       periodic_job_claim(context->db, clean_up_job.name, now, now + period, did, err) &&
	       transaction_commit(&transaction, err);
}

static bool run_one(struct context *context, bool *did, const char **subject, struct error *err)
{
	const instant now = context_now(context);
	int64_t after_meeting = 0;
	bool has_more = true;

	if (!claim(context, now, did, err))
		return false;
	*subject = "";
	if (!*did)
		return true;
	job_claimed(context);
	while (has_more)
		if (!drop_old(context, now, &has_more, err))
			return false;
	do {
		if (!drop_old_meetings(context, now, &after_meeting, err))
			return false;
	} while (after_meeting != 0);
	return true;
}

static bool next_due(struct context *context, instant *at, struct error *err)
{
	return periodic_job_next(context->db, clean_up_job.name, at, err);
}

const struct job clean_up_job = {"clean_up", next_due, run_one, 1};
