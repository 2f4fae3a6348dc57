#include "fuzz/world.h"

#include "base/crypto.h"
#include "store/app.h"
#include "store/bot.h"
#include "store/connection.h"
#include "store/credentials.h"
#include "store/db_gate.h"
#include "store/delivery.h"
#include "store/meeting.h"
#include "store/migrate.h"
#include "store/statement.h"
#include "store/token_callback.h"
#include "store/transaction.h"
#include "store/webhook.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PROJECT = 1 };

static const instant NOW = 1800000000 * SECOND;

/* Of no use anywhere else: it lets the corpus hold cursors, which are sealed. */
static const char keys[] = "ZnV6emluZy1rZXktb2YtdGhpcnR5LXR3by1ieXRlczw=\n";

static void require(bool is_done, const struct error *err)
{
	if (is_done)
		return;
	fprintf(stderr, "world: %s\n", err->message);
	abort();
}

static const char *path_in(const struct world *world, const char *name, char path[static 96])
{
	if (snprintf(path, 96, "%s/%s", world->folder, name) >= 96)
		abort();
	return path;
}

static void write_keys(const char *path)
{
	const int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (file < 0 || write(file, keys, sizeof(keys) - 1) != (ssize_t)sizeof(keys) - 1)
		abort();
	close(file);
}

static void make_database(const char *path)
{
	struct db_gate *gate = db_gate_open();
	struct db *db = NULL;
	struct error err;
	int from;

	require(db_create(&db, path, gate, &err) && migrate_run(db, &from, &err), &err);
	db_close(&db);
	db_gate_close(&gate);
}

/* Memory is what a database is fast in; the disk is as good for everything else. */
static void make_folder(struct world *world)
{
	const char *parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

	snprintf(world->folder, sizeof(world->folder), "%s/hallpass-fuzz-XXXXXX", parent);
	if (mkdtemp(world->folder) == NULL) {
		perror(world->folder);
		abort();
	}
}

void world_open(struct world *world)
{
	char path[96], database[160], key_file[160];
	char *environment[] = {database, key_file, "HALLPASS_PUBLIC_URL=https://bots.example.com",
			       "HALLPASS_ALLOW_PRIVATE_URLS=true", NULL};
	struct error err;

	*world = (struct world){.writes = -1};
	make_folder(world);
	write_keys(path_in(world, "keys", path));
	snprintf(key_file, sizeof(key_file), "HALLPASS_ENCRYPTION_KEY_FILE=%s", path);
	make_database(path_in(world, "db", path));
	snprintf(database, sizeof(database), "HALLPASS_DATABASE=%s", path);
	require(process_open(&world->process, "fuzz", environment, &err), &err);
	world->context.process = &world->process;
	require(context_open_db(&world->context, &err), &err);
}

static void add_project(struct db *db)
{
	static const char add_sql[] = "INSERT INTO projects (id, public_id, name, created_at)"
				      " VALUES (1, 'proj_1', 'fuzz', 1);"
				      "INSERT INTO projects (id, public_id, name, created_at)"
				      " VALUES (2, 'proj_2', 'others', 1)";
	static const char key_sql[] =
		"INSERT INTO api_keys (public_id, project_id, name, key_sha256, key_start,"
		" created_at) VALUES ('key_1', 1, 'fuzz', $1, 'hp_fuzz', 1)";
	SCOPED(statement_release) struct statement *add = NULL;
	unsigned char digest[SHA256_BYTES];
	struct error err;

	require(db_script(db, add_sql, &err), &err);
	sha256(WORLD_API_KEY, strlen(WORLD_API_KEY), digest);
	add = db_statement(db, key_sql);
	bind_blob(add, 1, digest, sizeof(digest));
	require(statement_done(add, &err), &err);
}

static int64_t add_app(const struct world *world, struct arena *arena)
{
	struct keyring *keyring = world->process.keyring;
	struct app app = {.public_id = "zoapp_1",
			  .project_id = PROJECT,
			  .client_id = "client",
			  .is_active = true,
			  .created_at = NOW,
			  .updated_at = NOW};
	const struct seal_place client = app_client_secret_place(&app);
	const struct seal_place webhook = app_webhook_secret_place(&app);
	struct error err;

	app.client_secret = keyring_seal(keyring, arena, &client, "client-secret");
	app.webhook_secret = keyring_seal(keyring, arena, &webhook, WORLD_WEBHOOK_SECRET);
	require(app_add(world->context.db, &app, &err), &err);
	return app.id;
}

/* The access token of user "ada" is good, that of "bob" has expired. */
static void add_connection(const struct world *world, struct arena *arena, int64_t app_id,
			   const char *user, const char *public_id, instant expires_at)
{
	struct db *db = world->context.db;
	struct connection connection = {.project_id = PROJECT,
					.app_id = app_id,
					.zoom_user_id = user,
					.account_id = "account",
					.pmi = 5555555555,
					.personal_name = user,
					.pmi_at = NOW,
					.deduplication_key = user,
					.metadata = "{}",
					.scopes =
						"meeting:read:local_recording_token user:read:zak",
					.is_local_recording_token_supported = true,
					.is_onbehalf_token_supported = true};
	struct seal_place refresh, access;
	struct sealed_tokens tokens;
	struct error err;

	require(connection_add(db, arena, &connection, NOW, &err), &err);
	require(db_script(db,
			  arena_printf(arena,
				       "UPDATE zoom_oauth_connections SET public_id = '%s'"
				       " WHERE id = %lld",
				       public_id, (long long)connection.id),
			  &err),
		&err);
	connection.public_id = public_id;
	refresh = credentials_refresh_token_place(&connection);
	access = credentials_access_token_place(&connection);
	tokens = (struct sealed_tokens){keyring_seal(world->process.keyring, arena, &refresh,
						     "refresh-token"),
					keyring_seal(world->process.keyring, arena, &access,
						     "access-token"),
					NOW, expires_at};
	require(credentials_replace(db, connection.id, &tokens, NOW, NOW + DAY, &err) &&
			meeting_learn(db, app_id, 100000000 + connection.id, connection.id, NOW,
				      &err),
		&err);
}

/* A bot for the meeting of Ada, and one for Bob's. */
static void add_bot(struct db *db, struct arena *arena, const char *public_id, int64_t meeting_id)
{
	struct bot bot = {.project_id = PROJECT,
			  .meeting_url = arena_printf(arena, "https://zoom.us/j/%lld",
						      (long long)meeting_id),
			  .meeting_id = meeting_id,
			  .bot_name = "bot",
			  .state = "ready",
			  .is_token_flow = true,
			  .onbehalf_user_id = "ada",
			  .metadata = "{}",
			  .recording_state = "not_started",
			  .transcription_state = "not_started",
			  .created_at = NOW,
			  .updated_at = NOW};
	struct error err;

	require(bot_add(db, arena, &bot, &err), &err);
	require(db_script(db,
			  arena_printf(arena, "UPDATE bots SET public_id = '%s' WHERE id = %lld",
				       public_id, (long long)bot.id),
			  &err),
		&err);
}

/* One of each engine's, with its name as the secret of the address. */
static void add_callbacks(struct db *db)
{
	static const char *const engines[] = {"attendee", "recall", "meeting_baas", "meetstream"};
	struct error err;

	for (size_t i = 0; i < COUNT_OF(engines); i++) {
		struct token_callback callback = {.public_id = engines[i],
						  .project_id = PROJECT,
						  .engine = engines[i],
						  .created_at = NOW};

		require(token_callback_add(db, &callback, engines[i], &err), &err);
	}
}

/* A webhook with a notification that waits for it. */
static void add_webhook(const struct world *world, struct arena *arena)
{
	struct webhook webhook = {.public_id = "wh_1",
				  .project_id = PROJECT,
				  .url = "https://receiver.example/",
				  .triggers = TRIGGER_BOT_STATE_CHANGE,
				  .created_at = NOW,
				  .updated_at = NOW};
	struct delivery delivery = {.public_id = "msg_1",
				    .trigger = TRIGGER_BOT_STATE_CHANGE,
				    .subject = "bot_1",
				    .body = "{}",
				    .created_at = NOW};
	const struct seal_place place = webhook_secret_place(&webhook);
	struct db *db = world->context.db;
	struct error err;

	webhook.secret = keyring_seal(world->process.keyring, arena, &place, "secret");
	require(webhook_add(db, &webhook, &err), &err);
	delivery.webhook_id = webhook.id;
	require(delivery_add(db, &delivery, NOW, &err), &err);
}

static void forget_circuits(struct process *process)
{
	circuits_close(&process->circuits);
	process->circuits = circuits_open();
}

/* Rows that were ever written through this connection. */
static int64_t count_writes(struct db *db)
{
	SCOPED(statement_release)
	struct statement *count = db_statement(db, "SELECT total_changes()");
	struct error err;
	bool has_row;

	require(statement_row(count, &has_row, &err), &err);
	return column_int(count, 0);
}

static void fill_database(const struct world *world)
{
	static const char empty_sql[] =
		"DELETE FROM projects; DELETE FROM zoom_circuits; DELETE FROM periodic_jobs;"
		"DELETE FROM sqlite_sequence";
	SCOPED(arena_release) struct arena arena = {0};
	SCOPED(transaction_end) struct transaction transaction = {0};
	struct db *db = world->context.db;
	struct error err;
	int64_t app_id;

	require(transaction_begin(&transaction, db, &err) && db_script(db, empty_sql, &err), &err);
	add_project(db);
	app_id = add_app(world, &arena);
	add_connection(world, &arena, app_id, "ada", "zoauth_1", NOW + HOUR);
	add_connection(world, &arena, app_id, "bob", "zoauth_2", NOW - HOUR);
	add_bot(db, &arena, "bot_1", 100000001);
	add_bot(db, &arena, "bot_2", 100000002);
	add_callbacks(db);
	add_webhook(world, &arena);
	require(transaction_commit(&transaction, &err), &err);
}

void world_reset(struct world *world)
{
	world->process.clock.frozen_at = NOW;
	forget_circuits(&world->process);
	if (count_writes(world->context.db) == world->writes)
		return;
	fill_database(world);
	world->writes = count_writes(world->context.db);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
	(void)status;
	(void)type;
	(void)place;
	return remove(path);
}

void world_close(struct world *world)
{
	context_release(&world->context);
	process_close(&world->process);
	nftw(world->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}
