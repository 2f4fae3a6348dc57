#include "store/delivery.h"

#include "store/statement.h"
#include "store/webhook.h"

#include <string.h>

#define COLUMNS                                                                               \
	"id, public_id, webhook_id, trigger_name, subject, body, state, next_attempt_at,"     \
	" attempts, last_attempt_at, last_duration_ms, last_status, last_answer, last_error," \
	" finished_at, created_at"

const char *const delivery_states[] = {"pending", "delivered", "failed", NULL};

bool delivery_is_pending(const struct delivery *delivery)
{
	return strcmp(delivery->state, "pending") == 0;
}

static struct delivery read_row(struct statement *row, struct arena *arena)
{
	return (struct delivery){
		.id = column_int(row, 0),
		.public_id = column_text(row, 1, arena),
		.webhook_id = column_int(row, 2),
		.trigger = column_text(row, 3, arena),
		.subject = column_text(row, 4, arena),
		.body = column_text(row, 5, arena),
		.state = column_text(row, 6, arena),
		.next_attempt_at = column_int(row, 7),
		.attempts = (int)column_int(row, 8),
		.last_attempt_at = column_int(row, 9),
		.last_duration_ms = column_int(row, 10),
		.last_status = (int)column_int(row, 11),
		.last_answer = column_text(row, 12, arena),
		.last_error = column_text(row, 13, arena),
		.finished_at = column_int(row, 14),
		.created_at = column_int(row, 15),
	};
}

/* The first of its subject is due; the others have one before them that is pending. */
static const char add_sql[] =
	"INSERT INTO webhook_deliveries (public_id, webhook_id, trigger_name, subject, body, state,"
	" created_at, next_attempt_at) VALUES ($1, $2, $3, $4, $5, 'pending', $6,"
	" CASE WHEN EXISTS (SELECT 1 FROM webhook_deliveries WHERE webhook_id = $2 AND subject = $4"
	" AND state = 'pending') THEN NULL ELSE $6 END) RETURNING next_attempt_at";

bool delivery_add(struct db *db, const struct delivery *delivery, instant now, struct error *err)
{
	SCOPED(statement_release) struct statement *add = db_statement(db, add_sql);
	bool has_row, is_due;

	bind_text(add, 1, delivery->public_id);
	bind_int(add, 2, delivery->webhook_id);
	bind_text(add, 3, delivery->trigger);
	bind_text(add, 4, delivery->subject);
	bind_text(add, 5, delivery->body);
	bind_int(add, 6, now);
	if (!statement_row(add, &has_row, err))
		return false;
	is_due = !column_is_null(add, 0);
	return statement_done(add, err) &&
	       (!is_due || webhook_note_due(db, delivery->webhook_id, now, err));
}

static const char find_sql[] =
	"SELECT " COLUMNS " FROM webhook_deliveries WHERE public_id = $2 AND webhook_id = $1";

bool delivery_find(struct db *db, struct arena *arena, int64_t webhook_id, const char *public_id,
		   bool *found, struct delivery *delivery, struct error *err)
{
	SCOPED(statement_release) struct statement *find = db_statement(db, find_sql);

	bind_int(find, 1, webhook_id);
	bind_text(find, 2, public_id);
	if (!statement_row(find, found, err))
		return false;
	if (*found)
		*delivery = read_row(find, arena);
	return true;
}

/* All rows that the statement gives; there is room for so many. */
static bool read_all(struct statement *list, struct arena *arena, int room,
		     struct delivery **deliveries, int *count, struct error *err)
{
	bool has_row;

	*deliveries = arena_alloc(arena, (size_t)room * sizeof(**deliveries));
	for (*count = 0;; (*deliveries)[(*count)++] = read_row(list, arena)) {
		if (!statement_row(list, &has_row, err))
			return false;
		if (!has_row)
			return true;
	}
}

#define OF_WEBHOOK "SELECT " COLUMNS " FROM webhook_deliveries WHERE webhook_id = $1"
#define IN_STATE   " AND state = $4"
#define OLDER      " AND id < $2 ORDER BY id DESC LIMIT $3"
#define NEWER      " AND id > $2 ORDER BY id LIMIT $3"

static const char older_sql[] = OF_WEBHOOK OLDER;
static const char newer_sql[] = OF_WEBHOOK NEWER;
static const char older_in_state_sql[] = OF_WEBHOOK IN_STATE OLDER;
static const char newer_in_state_sql[] = OF_WEBHOOK IN_STATE NEWER;

static const char *list_sql(bool is_in_state, bool is_newer)
{
	if (is_in_state)
		return is_newer ? newer_in_state_sql : older_in_state_sql;
	return is_newer ? newer_sql : older_sql;
}

bool delivery_list(struct db *db, struct arena *arena, int64_t webhook_id, const char *state,
		   const struct page *page, struct delivery **deliveries, int *count,
		   bool *has_newer, bool *has_older, struct error *err)
{
	SCOPED(statement_release)
	struct statement *list = db_statement(db, list_sql(state != NULL, page->after_id != 0));

	bind_int(list, 1, webhook_id);
	bind_int(list, 2, page_start(page));
	bind_int(list, 3, page_row_limit(page));
	if (state != NULL)
		bind_text(list, 4, state);
	if (!read_all(list, arena, page_row_limit(page), deliveries, count, err))
		return false;
	*count =
		page_arrange(page, *deliveries, *count, sizeof(**deliveries), has_newer, has_older);
	return true;
}

static const char list_due_sql[] =
	"SELECT " COLUMNS " FROM webhook_deliveries WHERE webhook_id = $1 AND next_attempt_at <= $2"
	" ORDER BY next_attempt_at, id LIMIT $3";

bool delivery_list_due(struct db *db, struct arena *arena, int64_t webhook_id, instant now,
		       int limit, struct delivery **deliveries, int *count, struct error *err)
{
	SCOPED(statement_release) struct statement *list = db_statement(db, list_due_sql);

	bind_int(list, 1, webhook_id);
	bind_int(list, 2, now);
	bind_int(list, 3, limit);
	return read_all(list, arena, limit, deliveries, count, err);
}

/* Webhooks with something to send are few; of each the first one is looked up. */
static const char due_since_sql[] =
	"SELECT min(CASE WHEN w.paused_until > d.next_attempt_at THEN w.paused_until"
	" ELSE d.next_attempt_at END) FROM webhooks w JOIN webhook_deliveries d ON d.id ="
	" (SELECT id FROM webhook_deliveries WHERE webhook_id = w.id AND next_attempt_at IS NOT NULL"
	" ORDER BY next_attempt_at, id LIMIT 1) WHERE w.due_at > 0";

bool delivery_due_since(struct db *db, instant *at, struct error *err)
{
	SCOPED(statement_release) struct statement *since = db_statement(db, due_since_sql);

	return statement_number(since, at, err);
}

/* In an index alone. */
static const char count_pending_sql[] =
	"SELECT sum((SELECT count(*) FROM webhook_deliveries WHERE webhook_id = w.id"
	" AND state = 'pending')) FROM webhooks w WHERE w.due_at > 0";

bool delivery_count_pending(struct db *db, int64_t *count, struct error *err)
{
	SCOPED(statement_release) struct statement *counting = db_statement(db, count_pending_sql);

	return statement_number(counting, count, err);
}

static const char record_sql[] =
	"UPDATE webhook_deliveries SET state = $2, next_attempt_at = $3, attempts = $4,"
	" last_attempt_at = $5, last_duration_ms = $6, last_status = $7, last_answer = $8,"
	" last_error = $9, finished_at = $10 WHERE id = $1 AND state = 'pending'";

static bool write_attempt(struct db *db, const struct delivery *delivery, bool *changed,
			  struct error *err)
{
	SCOPED(statement_release) struct statement *record = db_statement(db, record_sql);

	bind_int(record, 1, delivery->id);
	bind_text(record, 2, delivery->state);
	bind_int_or_null(record, 3, delivery->next_attempt_at);
	bind_int(record, 4, delivery->attempts);
	bind_int(record, 5, delivery->last_attempt_at);
	bind_int(record, 6, delivery->last_duration_ms);
	bind_int_or_null(record, 7, delivery->last_status);
	bind_text(record, 8, delivery->last_answer);
	bind_text(record, 9, delivery->last_error);
	bind_int_or_null(record, 10, delivery->finished_at);
	return statement_change(record, changed, err);
}

static const char promote_sql[] =
	"UPDATE webhook_deliveries SET next_attempt_at = $3 WHERE id ="
	" (SELECT min(id) FROM webhook_deliveries WHERE webhook_id = $1 AND subject = $2"
	" AND state = 'pending')";

static bool promote(struct db *db, const struct delivery *done, instant now, struct error *err)
{
	SCOPED(statement_release) struct statement *promotion = db_statement(db, promote_sql);

	bind_int(promotion, 1, done->webhook_id);
	bind_text(promotion, 2, done->subject);
	bind_int(promotion, 3, now);
	return statement_done(promotion, err);
}

bool delivery_record(struct db *db, const struct delivery *delivery, instant now, struct error *err)
{
	bool changed;

	if (!write_attempt(db, delivery, &changed, err))
		return false;
	return !changed || delivery_is_pending(delivery) || promote(db, delivery, now, err);
}

/* One that is due, or about to be, stays so; else it is due unless another of its subject is. */
static const char repeat_sql[] =
	"UPDATE webhook_deliveries SET state = 'pending', attempts = 0, finished_at = NULL,"
	" next_attempt_at = CASE WHEN next_attempt_at IS NULL AND EXISTS"
	" (SELECT 1 FROM webhook_deliveries WHERE webhook_id = $2 AND subject = $3"
	" AND state = 'pending') THEN NULL ELSE $4 END WHERE id = $1";

bool delivery_repeat(struct db *db, const struct delivery *delivery, instant now, struct error *err)
{
	SCOPED(statement_release) struct statement *repeat = db_statement(db, repeat_sql);

	bind_int(repeat, 1, delivery->id);
	bind_int(repeat, 2, delivery->webhook_id);
	bind_text(repeat, 3, delivery->subject);
	bind_int(repeat, 4, now);
	return statement_done(repeat, err) && webhook_note_due(db, delivery->webhook_id, now, err);
}

static const char resume_sql[] =
	"UPDATE webhook_deliveries SET next_attempt_at = $2 WHERE id IN"
	" (SELECT min(id) FROM webhook_deliveries WHERE webhook_id = $1 AND state = 'pending'"
	" GROUP BY subject)";

bool delivery_resume(struct db *db, int64_t webhook_id, instant now, struct error *err)
{
	SCOPED(statement_release) struct statement *resume = db_statement(db, resume_sql);
	bool changed;

	bind_int(resume, 1, webhook_id);
	bind_int(resume, 2, now);
	return statement_change(resume, &changed, err) &&
	       (!changed || webhook_note_due(db, webhook_id, now, err));
}

static const char clean_up_sql[] =
	"DELETE FROM webhook_deliveries WHERE id IN (SELECT d.id FROM webhook_deliveries d"
	" JOIN webhooks w ON w.id = d.webhook_id WHERE d.created_at < $1"
	" AND (d.state <> 'pending' OR w.disabled_at IS NOT NULL) ORDER BY d.created_at LIMIT $2)";

bool delivery_clean_up(struct db *db, instant before, int limit, int64_t *removed,
		       struct error *err)
{
	SCOPED(statement_release) struct statement *clean_up = db_statement(db, clean_up_sql);

	bind_int(clean_up, 1, before);
	bind_int(clean_up, 2, limit);
	return statement_count(clean_up, removed, err);
}
