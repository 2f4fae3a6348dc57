#include "store/token_callback.h"

#include "base/crypto.h"
#include "store/statement.h"

#include <string.h>

enum { SECRET_LENGTH = 43 }; /* 256 bits */

#define COLUMNS                                                                              \
	"id, public_id, project_id, engine, name, signing_secret, created_at, last_used_at," \
	" use_count"

struct seal_place token_callback_signing_secret_place(const struct token_callback *callback)
{
	return (struct seal_place){"token_callbacks", "signing_secret", callback->public_id,
				   callback->project_id};
}

const char *token_callback_make_secret(struct arena *arena)
{
	char *secret = arena_alloc(arena, SECRET_LENGTH + 1);

	random_base62(secret, SECRET_LENGTH);
	return secret;
}

static void bind_digest(struct statement *statement, int number, const char *secret)
{
	unsigned char digest[SHA256_BYTES];

	sha256(secret, strlen(secret), digest);
	bind_blob(statement, number, digest, sizeof(digest));
}

static const char add_sql[] =
	"INSERT INTO token_callbacks (public_id, project_id, engine, name, secret_sha256,"
	" signing_secret, created_at, use_count) VALUES ($1, $2, $3, $4, $5, $6, $7, 0) RETURNING id";

bool token_callback_add(struct db *db, struct token_callback *callback, const char *secret,
			struct error *err)
{
	SCOPED(statement_release) struct statement *add = db_statement(db, add_sql);
	bool has_row;

	bind_text(add, 1, callback->public_id);
	bind_int(add, 2, callback->project_id);
	bind_text(add, 3, callback->engine);
	bind_text(add, 4, callback->name);
	bind_digest(add, 5, secret);
	bind_sealed(add, 6, callback->signing_secret);
	bind_int(add, 7, callback->created_at);
	if (!statement_row(add, &has_row, err))
		return false;
	callback->id = column_int(add, 0);
	return statement_done(add, err);
}

static struct token_callback read_row(struct statement *row, struct arena *arena)
{
	return (struct token_callback){
		.id = column_int(row, 0),
		.public_id = column_text(row, 1, arena),
		.project_id = column_int(row, 2),
		.engine = column_text(row, 3, arena),
		.name = column_text(row, 4, arena),
		.signing_secret = column_sealed(row, 5, arena),
		.created_at = column_int(row, 6),
		.last_used_at = column_int(row, 7),
		.use_count = column_int(row, 8),
	};
}

static bool read_one(struct statement *find, struct arena *arena, bool *found,
		     struct token_callback *callback, struct error *err)
{
	if (!statement_row(find, found, err))
		return false;
	if (*found)
		*callback = read_row(find, arena);
	return true;
}

static const char find_sql[] =
	"SELECT " COLUMNS " FROM token_callbacks WHERE public_id = $2 AND project_id = $1";

bool token_callback_find(struct db *db, struct arena *arena, int64_t project_id,
			 const char *public_id, bool *found, struct token_callback *callback,
			 struct error *err)
{
	SCOPED(statement_release) struct statement *find = db_statement(db, find_sql);

	bind_int(find, 1, project_id);
	bind_text(find, 2, public_id);
	return read_one(find, arena, found, callback, err);
}

static const char find_by_secret_sql[] =
	"SELECT " COLUMNS " FROM token_callbacks WHERE secret_sha256 = $1";

bool token_callback_find_by_secret(struct db *db, struct arena *arena, const char *secret,
				   bool *found, struct token_callback *callback, struct error *err)
{
	SCOPED(statement_release) struct statement *find = db_statement(db, find_by_secret_sql);

	bind_digest(find, 1, secret);
	return read_one(find, arena, found, callback, err);
}

static const char list_older_sql[] =
	"SELECT " COLUMNS " FROM token_callbacks WHERE project_id = $1 AND id < $2"
	" ORDER BY id DESC LIMIT $3";
static const char list_newer_sql[] =
	"SELECT " COLUMNS " FROM token_callbacks WHERE project_id = $1 AND id > $2"
	" ORDER BY id LIMIT $3";

bool token_callback_list(struct db *db, struct arena *arena, int64_t project_id,
			 const struct page *page, struct token_callback **callbacks, int *count,
			 bool *has_newer, bool *has_older, struct error *err)
{
	SCOPED(statement_release)
	struct statement *list =
		db_statement(db, page->after_id != 0 ? list_newer_sql : list_older_sql);
	bool has_row;

	*callbacks = arena_alloc(arena, (size_t)page_row_limit(page) * sizeof(**callbacks));
	bind_int(list, 1, project_id);
	bind_int(list, 2, page_start(page));
	bind_int(list, 3, page_row_limit(page));
	for (*count = 0;; (*callbacks)[(*count)++] = read_row(list, arena)) {
		if (!statement_row(list, &has_row, err))
			return false;
		if (!has_row)
			break;
	}
	*count = page_arrange(page, *callbacks, *count, sizeof(**callbacks), has_newer, has_older);
	return true;
}

static const char remove_sql[] = "DELETE FROM token_callbacks WHERE id = $1";

bool token_callback_remove(struct db *db, int64_t id, struct error *err)
{
	SCOPED(statement_release) struct statement *removal = db_statement(db, remove_sql);

	bind_int(removal, 1, id);
	return statement_done(removal, err);
}
