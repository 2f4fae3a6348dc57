#include "store/sealed_value.h"

#include "store/statement.h"

#include <assert.h>
#include <string.h>

struct sealed_column {
	const char *table, *column;
	const char *list_sql;    /* row's name, project, value: after the row $1, at most $2 */
	const char *replace_sql; /* of row $1, the value $2 by $3 */
};

#define APP_VALUES(column)                                              \
	"SELECT public_id, project_id, " column " FROM zoom_oauth_apps" \
	" WHERE public_id > $1 AND " column " IS NOT NULL ORDER BY public_id LIMIT $2"
#define CREDENTIALS_VALUES(column)                                                     \
	"SELECT c.public_id, c.project_id, v." column " FROM zoom_oauth_connections c" \
	" JOIN zoom_oauth_credentials v ON v.connection_id = c.id"                     \
	" WHERE c.public_id > $1 AND v." column " IS NOT NULL ORDER BY c.public_id LIMIT $2"
#define AUTHORIZATION_VALUES(column)                                                \
	"SELECT v.public_id, a.project_id, v." column " FROM zoom_authorizations v" \
	" JOIN zoom_oauth_apps a ON a.id = v.app_id"                                \
	" WHERE v.public_id > $1 AND v." column " IS NOT NULL ORDER BY v.public_id LIMIT $2"

#define CALLBACK_VALUES(column)                                         \
	"SELECT public_id, project_id, " column " FROM token_callbacks" \
	" WHERE public_id > $1 AND " column " IS NOT NULL ORDER BY public_id LIMIT $2"

#define WEBHOOK_VALUES(column)                                   \
	"SELECT public_id, project_id, " column " FROM webhooks" \
	" WHERE public_id > $1 AND " column " IS NOT NULL ORDER BY public_id LIMIT $2"

#define APP_REPLACE(column)                          \
	"UPDATE zoom_oauth_apps SET " column " = $3" \
	" WHERE public_id = $1 AND " column " = $2"
#define CREDENTIALS_REPLACE(column)                                               \
	"UPDATE zoom_oauth_credentials SET " column " = $3 WHERE " column " = $2" \
	" AND connection_id = (SELECT id FROM zoom_oauth_connections WHERE public_id = $1)"
#define AUTHORIZATION_REPLACE(column)                    \
	"UPDATE zoom_authorizations SET " column " = $3" \
	" WHERE public_id = $1 AND " column " = $2"
#define WEBHOOK_REPLACE(column) \
	"UPDATE webhooks SET " column " = $3 WHERE public_id = $1 AND " column " = $2"

#define CALLBACK_REPLACE(column)                     \
	"UPDATE token_callbacks SET " column " = $3" \
	" WHERE public_id = $1 AND " column " = $2"

static const struct sealed_column columns[] = {
	{"zoom_oauth_apps", "client_secret", APP_VALUES("client_secret"),
	 APP_REPLACE("client_secret")},
	{"zoom_oauth_apps", "webhook_secret", APP_VALUES("webhook_secret"),
	 APP_REPLACE("webhook_secret")},
	{"zoom_oauth_credentials", "refresh_token", CREDENTIALS_VALUES("refresh_token"),
	 CREDENTIALS_REPLACE("refresh_token")},
	{"zoom_oauth_credentials", "access_token", CREDENTIALS_VALUES("access_token"),
	 CREDENTIALS_REPLACE("access_token")},
	{"zoom_authorizations", "access_token", AUTHORIZATION_VALUES("access_token"),
	 AUTHORIZATION_REPLACE("access_token")},
	{"zoom_authorizations", "refresh_token", AUTHORIZATION_VALUES("refresh_token"),
	 AUTHORIZATION_REPLACE("refresh_token")},
	{"token_callbacks", "signing_secret", CALLBACK_VALUES("signing_secret"),
	 CALLBACK_REPLACE("signing_secret")},
	{"webhooks", "secret", WEBHOOK_VALUES("secret"), WEBHOOK_REPLACE("secret")},
	{"webhooks", "former_secret", WEBHOOK_VALUES("former_secret"),
	 WEBHOOK_REPLACE("former_secret")},
};

static_assert(COUNT_OF(columns) == SEALED_COLUMN_COUNT, "the header tells how many there are");

static const struct sealed_column *column_at(size_t number)
{
	assert(number < SEALED_COLUMN_COUNT);
	return &columns[number];
}

bool sealed_value_list(struct db *db, struct arena *arena, size_t column, const char *after,
		       struct sealed_value **values, int *count, struct error *err)
{
	const struct sealed_column *of = column_at(column);
	SCOPED(statement_release) struct statement *list = db_statement(db, of->list_sql);
	bool has_row;

	bind_text(list, 1, after);
	bind_int(list, 2, SEALED_VALUES_MAX);
	*values = arena_alloc(arena, SEALED_VALUES_MAX * sizeof(**values));
	for (*count = 0;; (*count)++) {
		if (!statement_row(list, &has_row, err))
			return false;
		if (!has_row)
			return true;
		(*values)[*count] =
			(struct sealed_value){{of->table, of->column, column_text(list, 0, arena),
					       column_int(list, 1)},
					      column_sealed(list, 2, arena)};
	}
}

static void note_missing_key(const struct sealed_value *value, struct keyring *keyring,
			     struct sealed_value_tally *tally)
{
	char name[KEY_NAME_BYTES];
	int i = 0;

	if (!keyring_name_key(value->sealed, name) || keyring_has_key_of(keyring, value->sealed))
		return;
	while (i < tally->missing_key_count && strcmp(tally->missing_keys[i].name, name) != 0)
		i++;
	if (i == MISSING_KEYS_MAX)
		return;
	if (i == tally->missing_key_count)
		memcpy(tally->missing_keys[tally->missing_key_count++].name, name, sizeof(name));
	tally->missing_keys[i].count++;
}

static void try_value(const struct sealed_value *value, struct keyring *keyring,
		      struct arena *names, struct sealed_value_tally *tally)
{
	SCOPED(arena_release) struct arena scratch = {0};
	struct seal_place *named;
	struct error unreadable;
	const char *text;

	tally->count++;
	if (keyring_open_sealed(keyring, &scratch, &value->place, value->sealed, &text,
				&unreadable))
		return;
	note_missing_key(value, keyring, tally);
	if (tally->unreadable_count < UNREADABLE_NAMED_MAX) {
		named = &tally->unreadable[tally->unreadable_count];
		*named = value->place;
		named->row = arena_strdup(names, value->place.row);
	}
	tally->unreadable_count++;
}

/* One batch. *after becomes its last row, "" at the end of the column. */
static bool check_batch(struct db *db, struct arena *arena, struct keyring *keyring, size_t column,
			const char **after, struct sealed_value_tally *tally, struct error *err)
{
	SCOPED(arena_release) struct arena batch = {0};
	struct sealed_value *values;
	int count;

	if (!sealed_value_list(db, &batch, column, *after, &values, &count, err))
		return false;
	for (int i = 0; i < count; i++)
		try_value(&values[i], keyring, arena, tally);
	*after = count < SEALED_VALUES_MAX ? "" : arena_strdup(arena, values[count - 1].place.row);
	return true;
}

bool sealed_value_check(struct db *db, struct arena *arena, struct keyring *keyring,
			struct sealed_value_tally *tally, struct error *err)
{
	struct sealed_value_tally found = {0};

	for (size_t column = 0; column < SEALED_COLUMN_COUNT; column++) {
		const char *after = "";

		do {
			if (!check_batch(db, arena, keyring, column, &after, &found, err))
				return false;
		} while (*after != '\0');
	}
	*tally = found;
	return true;
}

bool sealed_value_replace(struct db *db, size_t column, const struct sealed_value *value,
			  struct sealed anew, bool *replaced, struct error *err)
{
	SCOPED(statement_release)
	struct statement *replace = db_statement(db, column_at(column)->replace_sql);

	bind_text(replace, 1, value->place.row);
	bind_sealed(replace, 2, value->sealed);
	bind_sealed(replace, 3, anew);
	return statement_change(replace, replaced, err);
}

bool sealed_value_exists(struct db *db, bool *exists, struct error *err)
{
	int count = 0;

	for (size_t column = 0; column < SEALED_COLUMN_COUNT && count == 0; column++) {
		SCOPED(arena_release) struct arena arena = {0};
		struct sealed_value *values;

		if (!sealed_value_list(db, &arena, column, "", &values, &count, err))
			return false;
	}
	*exists = count > 0;
	return true;
}
