/* The database: whether it is whole, of this program's version, and opened by the keys. */
#include "cli/doctor.h"
#include "store/db_gate.h"
#include "store/db_integrity.h"

#include "store/migrate.h"
#include "store/sealed_value.h"

#include <inttypes.h>

static void check_schema(struct examination *examination)
{
	struct error err = {0};

	if (!migrate_check(examination->call->db, &err)) {
		examination_note(examination, LEVEL_FAIL, "schema",
				 "do that, or name another database in the configuration", "%s",
				 err.message);
		return;
	}
	examination->has_schema = true;
	examination_note(examination, LEVEL_OK, "schema", NULL, "version %d", SCHEMA_VERSION);
}

void doctor_check_database(struct examination *examination)
{
	struct call *call = examination->call;
	const char *finding = NULL;
	struct error err = {0};

	if (!examination->has_config)
		return;
	call->process.gate = db_gate_open();
	if (!db_open(&call->db, call->process.config.database, call->process.gate, &err)) {
		examination_note(
			examination, LEVEL_FAIL, "database",
			"see what is said of disk and folder, name the right file in the configuration, or "
			"stop Hallpass and put a backup there: hallpass restore FILE",
			"%s", err.message);
		return;
	}
	if (!db_integrity_check(call->db, call->arena, &finding, &err))
		finding = err.message;
	if (finding != NULL)
		examination_note(
			examination, LEVEL_FAIL, "database",
			"unless this is passing, stop Hallpass and put a backup there: hallpass restore FILE",
			"%s: %s", call->process.config.database, finding);
	else
		examination_note(examination, LEVEL_OK, "database", NULL, "intact");
	check_schema(examination);
}

static const char *names_of(const struct sealed_value_tally *tally, struct arena *arena)
{
	const char *names = "";

	for (int i = 0; i < UNREADABLE_NAMED_MAX && i < tally->unreadable_count; i++)
		names = arena_printf(arena, "%s%s%s.%s of %s", names, i > 0 ? ", " : "",
				     tally->unreadable[i].table, tally->unreadable[i].column,
				     tally->unreadable[i].row);
	if (tally->unreadable_count > UNREADABLE_NAMED_MAX)
		names = arena_printf(arena, "%s, …", names);
	return names;
}

void doctor_check_secrets(struct examination *examination)
{
	struct call *call = examination->call;
	struct sealed_value_tally tally;
	struct error err = {0};

	if (!examination->has_keyring || !examination->has_schema)
		return;
	if (!sealed_value_check(call->db, call->arena, call->process.keyring, &tally, &err))
		examination_note(examination, LEVEL_FAIL, "secrets",
				 "see what is said of the database", "%s", err.message);
	else if (tally.unreadable_count > 0)
		examination_note(
			examination, LEVEL_FAIL, "secrets",
			"put back your copy of the key file, or add the key that sealed them to it; where "
			"there is none, PATCH each app with its client_secret and webhook_secret, and let "
			"the users authorize again: docs/operations.md has it step by step",
			"no key opens %" PRId64 " of %" PRId64 " (%s)", tally.unreadable_count,
			tally.count, names_of(&tally, call->arena));
	else
		examination_note(examination, LEVEL_OK, "secrets", NULL,
				 "the keys open all %" PRId64, tally.count);
}
