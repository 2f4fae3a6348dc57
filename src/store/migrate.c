#include "store/migrate.h"

#include "store/schema.h"
#include "store/statement.h"
#include "store/transaction.h"

#include <assert.h>
#include <stdint.h>

/*
 * steps[n] leads from version n to n + 1. The first one makes a fresh database, of the newest
 * version at once: the steps between are for databases that were made before.
 */
static const char *const steps[] = {
	NULL,
	upgrade_2_sql,
};

static_assert(COUNT_OF(steps) == SCHEMA_VERSION, "every version has the step that leads to it");

static const char has_tables_sql[] = "SELECT count(*) FROM sqlite_schema WHERE type = 'table'";
static const char has_version_sql[] =
	"SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'schema_version'";
static const char version_sql[] = "SELECT version FROM schema_version";

static bool read_number(struct db *db, const char *sql, int64_t *number, struct error *err)
{
	SCOPED(statement_release) struct statement *statement = db_statement(db, sql);
	bool has_row;

	if (!statement_row(statement, &has_row, err))
		return false;
	*number = has_row ? column_int(statement, 0) : -1;
	return true;
}

bool migrate_version(struct db *db, int *version, struct error *err)
{
	int64_t tables = 0, has_version = 1, number = 0;

	/* Looking for it costs more than reading it, which each request of plain CGI would pay. */
	if (!db_knows_table(db, "schema_version") &&
	    (!read_number(db, has_tables_sql, &tables, err) ||
	     !read_number(db, has_version_sql, &has_version, err)))
		return false;
	if (tables > 0 && has_version == 0)
		return error_set(err, ERROR_STORAGE,
				 "the file is a database, but not Hallpass's; name Hallpass's own");
	if (has_version > 0 && !read_number(db, version_sql, &number, err))
		return false;
	if (number < 0 || number > INT32_MAX)
		return error_set(err, ERROR_STORAGE, "the database has no schema version");
	*version = (int)number;
	return true;
}

static const char set_version_sql[] = "UPDATE schema_version SET version = $1";

static bool apply(struct db *db, int from, struct error *err)
{
	SCOPED(statement_release) struct statement *set_version = NULL;

	if (from == 0)
		return db_script(db, schema_sql, err);
	for (int version = from; version < SCHEMA_VERSION; version++)
		if (!db_script(db, steps[version], err))
			return false;
	set_version = db_statement(db, set_version_sql);
	bind_int(set_version, 1, SCHEMA_VERSION);
	return statement_done(set_version, err);
}

static bool refuse_newer(int version, struct error *err)
{
	return error_set(
		err, ERROR_STORAGE,
		"the database has schema version %d, this program knows up to %d; install a newer Hallpass",
		version, SCHEMA_VERSION);
}

bool migrate_run(struct db *db, int *from, struct error *err)
{
	SCOPED(transaction_end) struct transaction transaction = {0};

	if (!transaction_begin(&transaction, db, err) || !migrate_version(db, from, err))
		return false;
	if (*from > SCHEMA_VERSION)
		return refuse_newer(*from, err);
	if (*from < SCHEMA_VERSION && !apply(db, *from, err))
		return false;
	return transaction_commit(&transaction, err);
}

bool migrate_check(struct db *db, struct error *err)
{
	int version;

	if (!migrate_version(db, &version, err))
		return false;
	if (version < SCHEMA_VERSION)
		return error_set(
			err, ERROR_STORAGE,
			"the database has schema version %d, this program needs %d; run: hallpass migrate",
			version, SCHEMA_VERSION);
	return version <= SCHEMA_VERSION || refuse_newer(version, err);
}
