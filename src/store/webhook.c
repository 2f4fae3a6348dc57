#include "store/webhook.h"

#include "store/statement.h"
#include "store/transaction.h"

#include <string.h>

#define COLUMNS                                                                                \
	"w.id, w.public_id, w.project_id, w.bot_id, b.public_id, w.url, w.triggers, w.secret," \
	" w.former_secret, w.former_secret_until, w.disabled_at, w.disabled_reason,"           \
	" w.failing_since, w.failures, w.pauses, w.paused_until, w.holder, w.created_at,"      \
	" w.updated_at"
#define TABLES " FROM webhooks w LEFT JOIN bots b ON b.id = w.bot_id"

static const char table[] = "webhooks";

const char *const webhook_triggers[] = {
	TRIGGER_CONNECTION_STATE_CHANGE,
	TRIGGER_APP_STATE_CHANGE,
	TRIGGER_BOT_STATE_CHANGE,
	NULL,
};
const char *const webhook_triggers_of_bot[] = {TRIGGER_BOT_STATE_CHANGE, NULL};

struct seal_place webhook_secret_place(const struct webhook *webhook)
{
	return (struct seal_place){table, "secret", webhook->public_id, webhook->project_id};
}

struct seal_place webhook_former_secret_place(const struct webhook *webhook)
{
	return (struct seal_place){table, "former_secret", webhook->public_id, webhook->project_id};
}

bool webhook_has_trigger(const struct webhook *webhook, const char *trigger)
{
	const size_t length = strlen(trigger);

	for (const char *word = webhook->triggers; *word != '\0'; word += *word == ' ') {
		const size_t word_length = strcspn(word, " ");

		if (word_length == length && memcmp(word, trigger, length) == 0)
			return true;
		word += word_length;
	}
	return false;
}

static struct webhook read_row(struct statement *row, struct arena *arena)
{
	return (struct webhook){
		.id = column_int(row, 0),
		.public_id = column_text(row, 1, arena),
		.project_id = column_int(row, 2),
		.bot_id = column_int(row, 3),
		.bot_public_id = column_text(row, 4, arena),
		.url = column_text(row, 5, arena),
		.triggers = column_text(row, 6, arena),
		.secret = column_sealed(row, 7, arena),
		.former_secret = column_sealed(row, 8, arena),
		.former_secret_until = column_int(row, 9),
		.disabled_at = column_int(row, 10),
		.disabled_reason = column_text(row, 11, arena),
		.failing_since = column_int(row, 12),
		.failures = (int)column_int(row, 13),
		.pauses = (int)column_int(row, 14),
		.paused_until = column_int(row, 15),
		.holder = column_int(row, 16),
		.created_at = column_int(row, 17),
		.updated_at = column_int(row, 18),
	};
}

static bool read_one(struct statement *find, struct arena *arena, bool *found,
		     struct webhook *webhook, struct error *err)
{
	if (!statement_row(find, found, err))
		return false;
	if (*found)
		*webhook = read_row(find, arena);
	return true;
}

static const char find_sql[] =
	"SELECT " COLUMNS TABLES " WHERE w.public_id = $2 AND w.project_id = $1";

bool webhook_find(struct db *db, struct arena *arena, int64_t project_id, const char *public_id,
		  bool *found, struct webhook *webhook, struct error *err)
{
	SCOPED(statement_release) struct statement *find = db_statement(db, find_sql);

	bind_int(find, 1, project_id);
	bind_text(find, 2, public_id);
	return read_one(find, arena, found, webhook, err);
}

static const char find_by_id_sql[] = "SELECT " COLUMNS TABLES " WHERE w.id = $1";

bool webhook_find_by_id(struct db *db, struct arena *arena, int64_t id, bool *found,
			struct webhook *webhook, struct error *err)
{
	SCOPED(statement_release) struct statement *find = db_statement(db, find_by_id_sql);

	bind_int(find, 1, id);
	return read_one(find, arena, found, webhook, err);
}

#define OF_PROJECT " WHERE w.project_id = $1 AND w.bot_id IS NULL"
#define OF_BOT     " WHERE w.project_id = $1 AND w.bot_id = $2"
#define OLDER      " AND w.id < $3 ORDER BY w.id DESC LIMIT $4"
#define NEWER      " AND w.id > $3 ORDER BY w.id LIMIT $4"

static const char older_of_project_sql[] = "SELECT " COLUMNS TABLES OF_PROJECT OLDER;
static const char newer_of_project_sql[] = "SELECT " COLUMNS TABLES OF_PROJECT NEWER;
static const char older_of_bot_sql[] = "SELECT " COLUMNS TABLES OF_BOT OLDER;
static const char newer_of_bot_sql[] = "SELECT " COLUMNS TABLES OF_BOT NEWER;

static const char *list_sql(bool is_of_bot, bool is_newer)
{
	if (is_of_bot)
		return is_newer ? newer_of_bot_sql : older_of_bot_sql;
	return is_newer ? newer_of_project_sql : older_of_project_sql;
}

bool webhook_list(struct db *db, struct arena *arena, int64_t project_id, int64_t bot_id,
		  const struct page *page, struct webhook **webhooks, int *count, bool *has_newer,
		  bool *has_older, struct error *err)
{
	SCOPED(statement_release)
	struct statement *list = db_statement(db, list_sql(bot_id != 0, page->after_id != 0));
	bool has_row;

	*webhooks = arena_alloc(arena, (size_t)page_row_limit(page) * sizeof(**webhooks));
	bind_int(list, 1, project_id);
	if (bot_id != 0)
		bind_int(list, 2, bot_id);
	bind_int(list, 3, page_start(page));
	bind_int(list, 4, page_row_limit(page));
	for (*count = 0;; (*webhooks)[(*count)++] = read_row(list, arena)) {
		if (!statement_row(list, &has_row, err))
			return false;
		if (!has_row)
			break;
	}
	*count = page_arrange(page, *webhooks, *count, sizeof(**webhooks), has_newer, has_older);
	return true;
}

static const char count_sql[] =
	"SELECT count(*) FROM webhooks WHERE project_id = $1 AND bot_id IS NULL";

bool webhook_count(struct db *db, int64_t project_id, int64_t *count, struct error *err)
{
	SCOPED(statement_release) struct statement *counting = db_statement(db, count_sql);

	bind_int(counting, 1, project_id);
	return statement_number(counting, count, err);
}

/* What webhook_add() and webhook_change() both write, each column under the same number. */
static void bind_settings(struct statement *statement, const struct webhook *webhook)
{
	bind_text(statement, 2, webhook->url);
	bind_text(statement, 3, webhook->triggers);
	bind_sealed(statement, 4, webhook->secret);
	bind_sealed(statement, 5, webhook->former_secret);
	bind_int_or_null(statement, 6, webhook->former_secret_until);
	bind_int_or_null(statement, 7, webhook->disabled_at);
	bind_text(statement, 8, webhook->disabled_reason);
	bind_int(statement, 9, webhook->updated_at);
}

static const char add_sql[] =
	"INSERT INTO webhooks (public_id, url, triggers, secret, former_secret, former_secret_until,"
	" disabled_at, disabled_reason, created_at, updated_at, project_id, bot_id)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10, $11) RETURNING id";

bool webhook_add(struct db *db, struct webhook *webhook, struct error *err)
{
	SCOPED(statement_release) struct statement *add = db_statement(db, add_sql);

	bind_text(add, 1, webhook->public_id);
	bind_settings(add, webhook);
	bind_int(add, 10, webhook->project_id);
	bind_int_or_null(add, 11, webhook->bot_id);
	return statement_number(add, &webhook->id, err) && statement_done(add, err);
}

/* What is told to nobody is due to nobody. */
static const char change_sql[] =
	"UPDATE webhooks SET url = $2, triggers = $3, secret = $4, former_secret = $5,"
	" former_secret_until = $6, disabled_at = $7, disabled_reason = $8, updated_at = $9,"
	" failing_since = $10, failures = $11, pauses = $12, paused_until = $13,"
	" due_at = CASE WHEN $7 IS NULL OR holder IS NOT NULL THEN due_at END WHERE id = $1";

bool webhook_change(struct db *db, const struct webhook *webhook, struct error *err)
{
	SCOPED(statement_release) struct statement *change = db_statement(db, change_sql);

	bind_int(change, 1, webhook->id);
	bind_settings(change, webhook);
	bind_int_or_null(change, 10, webhook->failing_since);
	bind_int(change, 11, webhook->failures);
	bind_int(change, 12, webhook->pauses);
	bind_int_or_null(change, 13, webhook->paused_until);
	return statement_done(change, err);
}

static const char remove_sql[] = "DELETE FROM webhooks WHERE id = $1";

bool webhook_remove(struct db *db, int64_t id, struct error *err)
{
	SCOPED(statement_release) struct statement *removal = db_statement(db, remove_sql);

	bind_int(removal, 1, id);
	return statement_done(removal, err);
}

/* One that a worker holds is looked after already, and its release reckons anew. */
static const char note_due_sql[] =
	"UPDATE webhooks SET due_at = CASE WHEN paused_until > $2 THEN paused_until ELSE $2 END"
	" WHERE id = $1 AND holder IS NULL AND disabled_at IS NULL"
	" AND (due_at IS NULL OR due_at > CASE WHEN paused_until > $2 THEN paused_until ELSE $2 END)";

bool webhook_note_due(struct db *db, int64_t id, instant at, struct error *err)
{
	SCOPED(statement_release) struct statement *note = db_statement(db, note_due_sql);

	bind_int(note, 1, id);
	bind_int(note, 2, at);
	transaction_ring(db);
	return statement_done(note, err);
}

static const char next_due_sql[] = "SELECT min(due_at) FROM webhooks WHERE due_at IS NOT NULL";

bool webhook_next_due(struct db *db, instant *at, struct error *err)
{
	SCOPED(statement_release) struct statement *next = db_statement(db, next_due_sql);

	return statement_number(next, at, err);
}

static const char claim_due_sql[] =
	"UPDATE webhooks SET holder = $1, due_at = $3 WHERE id IN"
	" (SELECT id FROM webhooks WHERE due_at <= $2 ORDER BY due_at LIMIT $4) RETURNING id";

bool webhook_claim_due(struct db *db, int64_t holder, instant now, instant lease_until, int limit,
		       int64_t *ids, int *count, struct error *err)
{
	SCOPED(statement_release) struct statement *claim = db_statement(db, claim_due_sql);
	bool has_row;

	bind_int(claim, 1, holder);
	bind_int(claim, 2, now);
	bind_int(claim, 3, lease_until);
	bind_int(claim, 4, limit);
	for (*count = 0;; ids[(*count)++] = column_int(claim, 0)) {
		if (!statement_row(claim, &has_row, err))
			return false;
		if (!has_row)
			return true;
	}
}

static const char renew_sql[] = "UPDATE webhooks SET due_at = $2 WHERE holder = $1";

bool webhook_renew(struct db *db, int64_t holder, instant lease_until, struct error *err)
{
	SCOPED(statement_release) struct statement *renew = db_statement(db, renew_sql);

	bind_int(renew, 1, holder);
	bind_int(renew, 2, lease_until);
	return statement_done(renew, err);
}

#define FIRST_DUE                                                                          \
	"(SELECT min(d.next_attempt_at) FROM webhook_deliveries d WHERE d.webhook_id = $1" \
	" AND d.next_attempt_at IS NOT NULL)"

static const char release_sql[] =
	"UPDATE webhooks SET holder = NULL, due_at = CASE WHEN disabled_at IS NOT NULL THEN NULL"
	" WHEN paused_until > " FIRST_DUE " THEN paused_until ELSE " FIRST_DUE " END"
	" WHERE id = $1 AND holder = $2";

bool webhook_release(struct db *db, int64_t id, int64_t holder, struct error *err)
{
	SCOPED(statement_release) struct statement *release = db_statement(db, release_sql);

	bind_int(release, 1, id);
	bind_int(release, 2, holder);
	return statement_done(release, err);
}

static const char put_back_sql[] =
	"UPDATE webhooks SET holder = NULL, due_at = $3 WHERE id = $1 AND holder = $2";

bool webhook_put_back(struct db *db, int64_t id, int64_t holder, instant until, struct error *err)
{
	SCOPED(statement_release) struct statement *putting = db_statement(db, put_back_sql);

	bind_int(putting, 1, id);
	bind_int(putting, 2, holder);
	bind_int(putting, 3, until);
	return statement_done(putting, err);
}

static const char release_all_sql[] =
	"UPDATE webhooks SET holder = NULL, due_at = $2 WHERE holder = $1";

bool webhook_release_all(struct db *db, int64_t holder, instant now, struct error *err)
{
	SCOPED(statement_release) struct statement *release = db_statement(db, release_all_sql);

	bind_int(release, 1, holder);
	bind_int(release, 2, now);
	return statement_done(release, err);
}

static const char next_holder_sql[] = "SELECT min(holder) FROM webhooks WHERE holder > $1";

bool webhook_next_holder(struct db *db, int64_t after, int64_t *holder, struct error *err)
{
	SCOPED(statement_release) struct statement *next = db_statement(db, next_holder_sql);

	bind_int(next, 1, after);
	return statement_number(next, holder, err);
}

static const char note_success_sql[] =
	"UPDATE webhooks SET failing_since = NULL, failures = 0, pauses = 0, paused_until = NULL"
	" WHERE id = $1 AND failing_since IS NOT NULL";

bool webhook_note_success(struct db *db, int64_t id, struct error *err)
{
	SCOPED(statement_release) struct statement *note = db_statement(db, note_success_sql);

	bind_int(note, 1, id);
	return statement_done(note, err);
}

/* Disabled once: a reason that is there already stands. */
static const char note_failure_sql[] =
	"UPDATE webhooks SET failing_since = $2, failures = $3, pauses = $4, paused_until = $5,"
	" disabled_reason = CASE WHEN disabled_at IS NULL THEN $7 ELSE disabled_reason END,"
	" disabled_at = CASE WHEN disabled_at IS NULL THEN $6 ELSE disabled_at END WHERE id = $1";

bool webhook_note_failure(struct db *db, const struct webhook *webhook, struct error *err)
{
	SCOPED(statement_release) struct statement *note = db_statement(db, note_failure_sql);

	bind_int(note, 1, webhook->id);
	bind_int_or_null(note, 2, webhook->failing_since);
	bind_int(note, 3, webhook->failures);
	bind_int(note, 4, webhook->pauses);
	bind_int_or_null(note, 5, webhook->paused_until);
	bind_int_or_null(note, 6, webhook->disabled_at);
	bind_text(note, 7, webhook->disabled_reason);
	return statement_done(note, err);
}
