#include "store/periodic_job.h"

#include "store/statement.h"

static const char claim_sql[] =
	"INSERT INTO periodic_jobs (name, next_at) VALUES ($1, $3)"
	" ON CONFLICT (name) DO UPDATE SET next_at = excluded.next_at WHERE periodic_jobs.next_at <= $2";

bool periodic_job_claim(struct db *db, const char *name, instant now, instant next_at,
			bool *claimed, struct error *err)
{
	SCOPED(statement_release) struct statement *claim = db_statement(db, claim_sql);

	bind_text(claim, 1, name);
	bind_int(claim, 2, now);
	bind_int(claim, 3, next_at);
	return statement_change(claim, claimed, err);
}

static const char next_sql[] = "SELECT next_at FROM periodic_jobs WHERE name = $1";

bool periodic_job_next(struct db *db, const char *name, instant *at, struct error *err)
{
	SCOPED(statement_release) struct statement *next = db_statement(db, next_sql);
	bool has_row;

	bind_text(next, 1, name);
	if (!statement_row(next, &has_row, err))
		return false;
	*at = has_row ? column_int(next, 0) : 1;
	return true;
}
