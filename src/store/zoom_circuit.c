#include "store/zoom_circuit.h"

#include "store/statement.h"

/* Well above the longest wait for a probe and the time that a probe may take. */
static const instant told_anew_within = 10 * MINUTE;

static const char put_sql[] =
	"INSERT INTO zoom_circuits (host, failing_since, next_probe_at, failed_probes, last_error,"
	" updated_at) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (host) DO UPDATE SET"
	" failing_since = excluded.failing_since, next_probe_at = excluded.next_probe_at,"
	" failed_probes = excluded.failed_probes, last_error = excluded.last_error,"
	" updated_at = excluded.updated_at";

bool zoom_circuit_put(struct db *db, const struct zoom_circuit *circuit, instant now,
		      struct error *err)
{
	SCOPED(statement_release) struct statement *put = db_statement(db, put_sql);

	bind_text(put, 1, circuit->host);
	bind_int(put, 2, circuit->failing_since);
	bind_int(put, 3, circuit->next_probe_at);
	bind_int(put, 4, circuit->failed_probes);
	bind_text(put, 5, circuit->last_error);
	bind_int(put, 6, now);
	return statement_done(put, err);
}

static const char remove_sql[] = "DELETE FROM zoom_circuits WHERE host = $1";

bool zoom_circuit_remove(struct db *db, const char *host, struct error *err)
{
	SCOPED(statement_release) struct statement *remove = db_statement(db, remove_sql);

	bind_text(remove, 1, host);
	return statement_done(remove, err);
}

/* A row from the future was written by a clock that has been set right since. */
static const char list_sql[] =
	"SELECT host, failing_since, next_probe_at, failed_probes, last_error FROM zoom_circuits"
	" WHERE updated_at > $1 AND updated_at < $2 ORDER BY host LIMIT $3";

bool zoom_circuit_list(struct db *db, struct arena *arena, instant now,
		       struct zoom_circuit circuits[static ZOOM_CIRCUITS_MAX], size_t *count,
		       struct error *err)
{
	SCOPED(statement_release) struct statement *list = db_statement(db, list_sql);
	bool has_row;

	bind_int(list, 1, now - told_anew_within);
	bind_int(list, 2, now + told_anew_within);
	bind_int(list, 3, ZOOM_CIRCUITS_MAX);
	for (*count = 0;; (*count)++) {
		if (!statement_row(list, &has_row, err))
			return false;
		if (!has_row)
			return true;
		circuits[*count] = (struct zoom_circuit){
			.host = column_text(list, 0, arena),
			.failing_since = column_int(list, 1),
			.next_probe_at = column_int(list, 2),
			.failed_probes = (int)column_int(list, 3),
			.last_error = column_text(list, 4, arena),
		};
	}
}
