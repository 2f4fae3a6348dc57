#include "store/project.h"

#include "store/public_id.h"
#include "store/statement.h"
#include "store/transaction.h"

static const char add_sql[] =
	"INSERT INTO projects (public_id, name, created_at) VALUES ($1, $2, $3)"
	" RETURNING id";

bool project_add(struct db *db, struct arena *arena, const char *name, instant now,
		 struct project *project, struct error *err)
{
	SCOPED(statement_release) struct statement *add = db_statement(db, add_sql);
	const char *public_id = public_id_make(arena, "proj_");
	bool has_row;
	int64_t id;

	bind_text(add, 1, public_id);
	bind_text(add, 2, name);
	bind_int(add, 3, now);
	if (!statement_row(add, &has_row, err))
		return false;
	id = column_int(add, 0);
	if (!statement_done(add, err))
		return false;
	*project = (struct project){id, public_id, arena_strdup(arena, name), now};
	return true;
}

static struct project read_row(struct statement *row, struct arena *arena)
{
	return (struct project){column_int(row, 0), column_text(row, 1, arena),
				column_text(row, 2, arena), column_int(row, 3)};
}

static const char find_sql[] =
	"SELECT id, public_id, name, created_at FROM projects WHERE public_id = $1";

bool project_find(struct db *db, struct arena *arena, const char *public_id, bool *found,
		  struct project *project, struct error *err)
{
	SCOPED(statement_release) struct statement *find = db_statement(db, find_sql);

	bind_text(find, 1, public_id);
	if (!statement_row(find, found, err))
		return false;
	if (*found)
		*project = read_row(find, arena);
	return true;
}

static const char count_sql[] = "SELECT count(*) FROM projects";
static const char list_sql[] = "SELECT id, public_id, name, created_at FROM projects ORDER BY id";

bool project_list(struct db *db, struct arena *arena, struct project **projects, size_t *count,
		  struct error *err)
{
	SCOPED(transaction_end) struct transaction snapshot = {0};
	SCOPED(statement_release) struct statement *counting = db_statement(db, count_sql);
	SCOPED(statement_release) struct statement *list = db_statement(db, list_sql);
	bool has_row;

	if (!transaction_begin_read(&snapshot, db, err) || !statement_row(counting, &has_row, err))
		return false;
	*count = 0;
	*projects = arena_alloc(arena, (size_t)column_int(counting, 0) * sizeof(**projects));
	for (;;) {
		if (!statement_row(list, &has_row, err))
			return false;
		if (!has_row)
			return true;
		(*projects)[(*count)++] = read_row(list, arena);
	}
}

static const char count_holdings_sql[] =
	"SELECT (SELECT count(*) FROM zoom_oauth_apps WHERE project_id = $1),"
	" (SELECT count(*) FROM zoom_oauth_connections WHERE project_id = $1),"
	" (SELECT count(*) FROM bots WHERE project_id = $1)";

bool project_count_holdings(struct db *db, int64_t id, struct project_holdings *holdings,
			    struct error *err)
{
	SCOPED(statement_release) struct statement *counting = db_statement(db, count_holdings_sql);
	bool has_row;

	bind_int(counting, 1, id);
	if (!statement_row(counting, &has_row, err))
		return false;
	*holdings = (struct project_holdings){column_int(counting, 0), column_int(counting, 1),
					      column_int(counting, 2)};
	return true;
}

static const char remove_sql[] = "DELETE FROM projects WHERE id = $1";

bool project_remove(struct db *db, int64_t id, struct error *err)
{
	SCOPED(statement_release) struct statement *removal = db_statement(db, remove_sql);

	bind_int(removal, 1, id);
	return statement_done(removal, err);
}
