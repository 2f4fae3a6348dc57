#include "store/api_key.h"

#include "base/crypto.h"
#include "store/public_id.h"
#include "store/statement.h"
#include "store/transaction.h"

#include <string.h>

enum {
	KEY_RANDOM_LENGTH = 40, /* 238 bits */
	KEY_START_LENGTH = 7,
};

static const char key_prefix[] = "hp_";

static const char add_sql[] =
	"INSERT INTO api_keys (public_id, project_id, name, key_sha256, key_start, created_at)"
	" VALUES ($1, $2, $3, $4, $5, $6) RETURNING id";

bool api_key_add(struct db *db, struct arena *arena, int64_t project_id, const char *name,
		 instant now, struct api_key *added, const char **key, struct error *err)
{
	SCOPED(statement_release) struct statement *add = db_statement(db, add_sql);
	char random[KEY_RANDOM_LENGTH + 1];
	unsigned char digest[SHA256_BYTES];
	struct api_key row = {.created_at = now};
	const char *text;
	bool has_row;

	random_base62(random, KEY_RANDOM_LENGTH);
	text = arena_printf(arena, "%s%s", key_prefix, random);
	explicit_bzero(random, sizeof(random));
	sha256(text, strlen(text), digest);
	row.public_id = public_id_make(arena, "key_");
	row.name = arena_strdup(arena, name);
	row.start = arena_strndup(arena, text, KEY_START_LENGTH);
	bind_text(add, 1, row.public_id);
	bind_int(add, 2, project_id);
	bind_text(add, 3, name);
	bind_blob(add, 4, digest, sizeof(digest));
	bind_text(add, 5, row.start);
	bind_int(add, 6, now);
	if (!statement_row(add, &has_row, err))
		return false;
	row.id = column_int(add, 0);
	if (!statement_done(add, err))
		return false;
	*added = row;
	*key = text;
	return true;
}

static const char find_project_sql[] =
	"SELECT project_id FROM api_keys WHERE key_sha256 = $1 AND revoked_at IS NULL";

bool api_key_find_project(struct db *db, const char *key, bool *found, int64_t *project_id,
			  struct error *err)
{
	SCOPED(statement_release) struct statement *find = db_statement(db, find_project_sql);
	unsigned char digest[SHA256_BYTES];

	sha256(key, strlen(key), digest);
	bind_blob(find, 1, digest, sizeof(digest));
	if (!statement_row(find, found, err))
		return false;
	if (*found)
		*project_id = column_int(find, 0);
	return true;
}

static const char count_sql[] = "SELECT count(*) FROM api_keys WHERE project_id = $1";
static const char list_sql[] =
	"SELECT id, public_id, name, key_start, created_at, revoked_at FROM api_keys"
	" WHERE project_id = $1 ORDER BY id";

bool api_key_list(struct db *db, struct arena *arena, int64_t project_id, struct api_key **keys,
		  size_t *count, struct error *err)
{
	SCOPED(transaction_end) struct transaction snapshot = {0};
	SCOPED(statement_release) struct statement *counting = db_statement(db, count_sql);
	SCOPED(statement_release) struct statement *list = db_statement(db, list_sql);
	bool has_row;

	bind_int(counting, 1, project_id);
	bind_int(list, 1, project_id);
	if (!transaction_begin_read(&snapshot, db, err) || !statement_row(counting, &has_row, err))
		return false;
	*count = 0;
	*keys = arena_alloc(arena, (size_t)column_int(counting, 0) * sizeof(**keys));
	for (;;) {
		if (!statement_row(list, &has_row, err))
			return false;
		if (!has_row)
			return true;
		(*keys)[(*count)++] =
			(struct api_key){column_int(list, 0),         column_text(list, 1, arena),
					 column_text(list, 2, arena), column_text(list, 3, arena),
					 column_int(list, 4),         column_int(list, 5)};
	}
}

static const char revoke_sql[] =
	"UPDATE api_keys SET revoked_at = coalesce(revoked_at, $2) WHERE public_id = $1";

bool api_key_revoke(struct db *db, const char *public_id, instant now, bool *found,
		    struct error *err)
{
	SCOPED(statement_release) struct statement *revoke = db_statement(db, revoke_sql);

	bind_text(revoke, 1, public_id);
	bind_int(revoke, 2, now);
	return statement_change(revoke, found, err);
}
