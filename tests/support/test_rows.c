#include "support/test_rows.h"

#include <stdio.h>
#include <stdlib.h>

static const char rows_sql[] =
	"INSERT INTO projects (id, public_id, name, created_at) VALUES (1, 'proj_1', 'tests', 1);"
	"INSERT INTO zoom_oauth_apps (id, public_id, project_id, client_id, client_secret, state,"
	" created_at, updated_at) VALUES (1, 'zoapp_1', 1, 'client-1', x'00', 'active', 1, 1),"
	" (2, 'zoapp_2', 1, 'client-2', x'00', 'active', 1, 1);"
	"INSERT INTO zoom_oauth_connections (id, public_id, project_id, app_id, zoom_user_id, pmi_at,"
	" metadata, scopes, is_local_recording_token_supported, is_onbehalf_token_supported, state,"
	" created_at, updated_at)"
	" VALUES (1, 'zoauth_1', 1, 1, 'ada', 1, '{}', '', 1, 1, 'connected', 1, 1),"
	" (2, 'zoauth_2', 1, 1, 'bob', 1, '{}', '', 1, 1, 'connected', 1, 1);";

void test_rows_add(struct db *db)
{
	struct error err = {0};

	if (db_script(db, rows_sql, &err))
		return;
	fprintf(stderr, "test rows: %s\n", err.message);
	abort();
}

struct test_database test_rows_open(void)
{
	struct test_database database = test_database_open();

	test_rows_add(database.db);
	return database;
}
