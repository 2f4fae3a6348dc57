/*
 * `hallpass restore`: a copy of the database takes its place. All that can be wrong with the copy is looked
 * for in the draft that is made of it, before anything is touched. What was going on when the copy was
 * made is taken for interrupted by whoever meets it, for the processes that were at it are dead.
 */
#include "base/failpoint.h"
#include "cli/command.h"
#include "cli/owner.h"
#include "store/bot_queue.h"
#include "store/connection.h"
#include "store/credentials.h"
#include "store/db_integrity.h"
#include "store/db_replacement.h"
#include "store/db_source.h"
#include "store/log_entry.h"
#include "store/migrate.h"
#include "store/newer_credentials.h"
#include "store/sealed_value.h"
#include "store/transaction.h"
#include "store/unfinished_authorizations.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Within this time the worker has tried the credentials of everybody. */
enum { TRIED_WITHIN_S = 3600 };

/* What the copy turned out to be. */
struct copy {
	int version; /* of its schema, as it was */
	struct sealed_value_tally secrets;
	int64_t user_count; /* who are connected, as far as it knows */
	int64_t due_bot_count;
	int64_t newer_count;      /* users whose tokens are those of the replaced database */
	int64_t unfinished_count; /* authorizations of that one that the worker is to finish */
	const char *newer_error;  /* why nobody's could be; NULL: nothing stood against it */
	instant newest_at; /* when the last thing happened that it knows of; 0: nothing did */
};

static bool check_version(struct call *call, struct copy *copy, struct error *err)
{
	struct error why;

	if (!migrate_version(call->db, &copy->version, &why))
		return error_set(err, why.kind, "%s: %s", call->operand, why.message);
	if (copy->version > SCHEMA_VERSION)
		return error_set(
			err, ERROR_STORAGE,
			"%s: has schema version %d, this program knows up to %d; install a "
			"newer Hallpass",
			call->operand, copy->version, SCHEMA_VERSION);
	return copy->version > 0 ||
	       error_set(err, ERROR_INVALID,
			 "%s: holds nothing; name one that `hallpass backup` made", call->operand);
}

static bool check_integrity(struct call *call, struct error *err)
{
	const char *finding;
	struct error why;

	if (!db_integrity_check(call->db, call->arena, &finding, &why))
		finding = why.message;
	return finding == NULL ||
	       error_set(err, ERROR_STORAGE, "%s: is damaged: %s; take another copy", call->operand,
			 finding);
}

static const char *names_of(const struct sealed_value_tally *secrets, struct arena *arena)
{
	const char *names = "";

	for (int i = 0; i < secrets->missing_key_count; i++)
		names = arena_printf(arena, "%s%skey %s (of %" PRId64 " secrets)", names,
				     i > 0 ? ", " : "", secrets->missing_keys[i].name,
				     secrets->missing_keys[i].count);
	return names;
}

static bool check_keys(struct call *call, struct copy *copy, struct error *err)
{
	const char *key_file = call->process.config.encryption_key_file;

	if (!sealed_value_check(call->db, call->arena, call->process.keyring, &copy->secrets, err))
		return false;
	if (call->is_yes || copy->secrets.missing_key_count == 0)
		return true;
	return error_set(
		err, ERROR_CONFLICT,
		"%s needs %s, which %s does not have: add the keys of your copy of it from "
		"that time below those it has, or give these secrets up with --yes",
		call->operand, names_of(&copy->secrets, call->arena), key_file);
}

static bool open_replaced(struct call *call, const char *path, struct db **replaced,
			  struct error *err)
{
	const char *finding;

	if (!db_open_frozen(replaced, path, call->process.gate, err))
		return error_set(err, ERROR_STORAGE, "it cannot be read");
	if (!migrate_check(*replaced, err) ||
	    !db_integrity_check(*replaced, call->arena, &finding, err))
		return false;
	return finding == NULL || error_set(err, ERROR_STORAGE, "it is damaged: %s", finding);
}

/* Tokens that came since the copy was made, where the database that is replaced still tells them. */
static void take_newer(struct call *call, const struct db_replacement *replacement,
		       struct copy *copy)
{
	SCOPED(db_close) struct db *replaced = NULL;
	SCOPED(transaction_end) struct transaction transaction = {0};
	struct error why;

	if (replacement->file < 0)
		return;
	if (open_replaced(call, replacement->database, &replaced, &why) &&
	    transaction_begin(&transaction, call->db, &why) &&
	    newer_credentials_take(call->db, replaced, call->process.keyring, &copy->newer_count,
				   &why) &&
	    unfinished_authorizations_take(call->db, replaced, call->process.keyring,
					   &copy->unfinished_count, &why) &&
	    transaction_commit(&transaction, &why))
		return;
	copy->newer_count = copy->unfinished_count = 0;
	copy->newer_error = arena_strdup(call->arena, why.message);
}

/* Whoever has lost his authorization since the copy was made is found out now, and not when a bot joins. */
static bool have_all_tried(struct call *call, struct copy *copy, struct error *err)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	const instant now = clock_now(&call->process.clock);
	int64_t ignored;

	return transaction_begin(&transaction, call->db, err) &&
	       credentials_schedule_all(call->db, now, TRIED_WITHIN_S, &ignored, err) &&
	       connection_count(call->db, &copy->user_count, &ignored, err) &&
	       bot_queue_count_due(call->db, now, &copy->due_bot_count, err) &&
	       log_entry_newest_at(call->db, &copy->newest_at, err) &&
	       transaction_commit(&transaction, err);
}

/* What is said of the draft, without its name, which whoever named the copy has never heard of. */
static const char *said_of(const char *draft, const char *message)
{
	const char *place = strstr(message, draft), *words;

	if (place == NULL)
		return message;
	words = place + strlen(draft);
	return words + strspn(words, ": ");
}

/* Closed again, so that the draft is one file. */
static bool make_ready(struct call *call, const struct db_replacement *replacement,
		       struct copy *copy, struct error *err)
{
	const char *draft = replacement->draft;
	struct error why;
	int from;

	if (!db_open(&call->db, draft, call->process.gate, &why))
		return error_set(err, ERROR_INVALID, "%s: is no database that can be read: %s",
				 call->operand, said_of(draft, why.message));
	if (!check_version(call, copy, err) || !check_integrity(call, err) ||
	    !migrate_run(call->db, &from, err))
		return false;
	take_newer(call, replacement, copy);
	if (!check_keys(call, copy, err) || !have_all_tried(call, copy, err) ||
	    !db_use_wal(call->db, err))
		return false;
	db_close(&call->db);
	failpoint("restore.ready");
	return true;
}

static void say_what_was_done(const struct call *call, const struct copy *copy,
			      const struct db_replacement *replacement)
{
	const char *database = call->process.config.database;
	char newest_at[INSTANT_TEXT_BYTES];

	printf("copy %s: intact, schema version %d", call->operand, copy->version);
	if (copy->newest_at != 0) {
		instant_format(copy->newest_at, newest_at);
		printf("; what it knows ends at %s", newest_at);
	}
	printf("\n");
	if (copy->version < SCHEMA_VERSION)
		printf("database %s: migrated from schema version %d to %d\n", database,
		       copy->version, SCHEMA_VERSION);
	if (replacement->aside != NULL)
		printf("database %s: replaced; what was there is kept as %s\n", database,
		       replacement->aside);
	else
		printf("database %s: there was none, the copy is there now\n", database);
	if (copy->secrets.unreadable_count > 0)
		printf("%" PRId64 " of its %" PRId64
		       " secrets are opened by no key; hallpass doctor "
		       "names them\n",
		       copy->secrets.unreadable_count, copy->secrets.count);
}

static void say_of_users(const struct copy *copy)
{
	if (copy->newer_count > 0)
		printf("Tokens of %" PRId64
		       " users that were renewed since are those of the database "
		       "that was replaced.\n",
		       copy->newer_count);
	if (copy->unfinished_count > 0)
		printf("%" PRId64
		       " authorizations that were posted since, and not finished, are taken over: "
		       "the worker finishes them.\n",
		       copy->unfinished_count);
	if (copy->newer_error != NULL)
		printf("Tokens that were renewed since could not be taken from the database that was "
		       "replaced: %s.\n",
		       copy->newer_error);
	if (copy->user_count > 0)
		printf("Zoom takes a refresh token once: of the %" PRId64
		       " connected users each whose "
		       "newest token is not here\nwill be disconnected, and has to authorize again. "
		       "Once started, the worker tries all of them within\nan hour.\n",
		       copy->user_count);
}

static void say_what_to_expect(const struct copy *copy)
{
	puts("The copy is older than the world. What was changed since it was made is undone: who was "
	     "deleted or\nrevoked since, an API key too, is there again.");
	say_of_users(copy);
	if (copy->due_bot_count > 0)
		printf("%" PRId64
		       " bots are late for joining, unless they have joined since: runners "
		       "get them as they\nclaim. Delete those that you do not want.\n",
		       copy->due_bot_count);
	puts("Now start Hallpass again, then run: hallpass doctor");
}

static bool replace(struct call *call, const struct db_source *source,
		    struct db_replacement *replacement, struct copy *copy, struct error *err)
{
	struct process *process = &call->process;

	process->holder = holder_open(process->config.database);
	process->gate = db_gate_open();
	/* So that nothing is left behind that the services cannot write. */
	if (!owner_become(call->arena, process->config.database, err) ||
	    !db_replacement_begin(replacement, call->arena, process->config.database, process->gate,
				  process->holder, err))
		return false;
	if (db_source_is(source, replacement->database))
		return error_set(err, ERROR_INVALID, "%s: is the database itself", call->operand);
	return db_replacement_fill(replacement, source, err) &&
	       make_ready(call, replacement, copy, err) && db_replacement_switch(replacement, err);
}

bool run_restore(struct call *call, struct error *err)
{
	SCOPED(db_source_close) struct db_source source = {0};
	SCOPED(db_replacement_end) struct db_replacement replacement = {0};
	struct copy copy = {0};
	bool is_done;

	/* While we are still who was called: the owner of the database may be able to read neither. */
	if (!db_source_open(&source, call->arena, call->operand, err) ||
	    !keyring_open(&call->process.keyring, call->process.config.encryption_key_file, err))
		return false;
	is_done = replace(call, &source, &replacement, &copy, err);
	db_close(&call->db); /* before its draft goes */
	if (is_done) {
		say_what_was_done(call, &copy, &replacement);
		say_what_to_expect(&copy);
	}
	return is_done;
}
