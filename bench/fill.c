/*
 * fill: puts connections into the configured database as the product does it, with ten meetings and a bot
 * that has ended each, for what is measured in a database of some size.
 *
 *   fill APP COUNT
 *
 * The n-th connection is of the user "scale-user-000000000000n", whose deduplication_key is "customer-n";
 * every twentieth is disconnected. A user's k-th meeting is the one of scale_meeting_id(), which bench/scale
 * computes as well: Zoom's numbers are in no order, and so are these.
 */
#include "base/keyring.h"
#include "serve/process.h"
#include "store/app.h"
#include "store/bot.h"
#include "store/connection.h"
#include "store/credentials.h"
#include "store/meeting.h"
#include "store/transaction.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

enum { MEETINGS_PER_USER = 10, PER_TRANSACTION = 2000, DISCONNECTED_EVERY = 20 };
enum { TOKEN_BYTES = 700 }; /* Zoom's are JWTs of about that size */

static const int64_t meeting_id_min = 10000000000, meeting_id_range = 60000000001,
		     meeting_id_factor = 48271333;

struct filling {
	struct process process;
	struct db *db;
	struct app app;
	instant now;
};

static int64_t scale_meeting_id(int64_t user, int k)
{
	const int64_t serial = user * MEETINGS_PER_USER + k;

	return meeting_id_min + serial * meeting_id_factor % meeting_id_range;
}

static const char *token(struct arena *arena, const char *kind, int64_t user)
{
	char *text = arena_alloc(arena, TOKEN_BYTES + 1);
	const int start = snprintf(text, TOKEN_BYTES, "%s-%" PRId64 "-", kind, user);

	memset(text + start, 'x', (size_t)(TOKEN_BYTES - start));
	text[TOKEN_BYTES] = '\0';
	return text;
}

/* Nothing of it is due for a day, and then not all of it at once. */
static instant due_at(const struct filling *filling, int64_t user)
{
	return filling->now + DAY + user % 86400 * SECOND;
}

static bool add_connection(struct filling *filling, struct arena *arena, int64_t user,
			   struct connection *connection, struct error *err)
{
	*connection = (struct connection){
		.project_id = filling->app.project_id,
		.app_id = filling->app.id,
		.zoom_user_id = arena_printf(arena, "scale-user-%013" PRId64, user),
		.account_id = arena_printf(arena, "scale-account-%08" PRId64, user / 20),
		.email = arena_printf(arena, "user-%" PRId64 "@scale.example", user),
		.pmi = 5000000000 + user,
		.profile_at = filling->now,
		.deduplication_key = arena_printf(arena, "customer-%" PRId64, user),
		.metadata = "{\"plan\":\"gold\"}",
		.scopes = "user:read:user user:read:token meeting:read:list_meetings"
			  " meeting:read:local_recording_token",
		.is_local_recording_token_supported = true,
	};
	return connection_add(filling->db, arena, connection, filling->now, err) &&
	       connection_finish_sync(filling->db, connection->id, filling->now, true, filling->now,
				      due_at(filling, user), err);
}

static bool add_credentials(struct filling *filling, struct arena *arena, int64_t user,
			    const struct connection *connection, struct error *err)
{
	struct keyring *keyring = filling->process.keyring;
	const struct seal_place refresh = credentials_refresh_token_place(connection);
	const struct seal_place access = credentials_access_token_place(connection);
	const struct sealed_tokens tokens = {
		.refresh_token =
			keyring_seal(keyring, arena, &refresh, token(arena, "refresh", user)),
		.access_token = keyring_seal(keyring, arena, &access, token(arena, "access", user)),
		.issued_at = filling->now,
		.expires_at = filling->now + HOUR,
	};

	return credentials_replace(filling->db, connection->id, &tokens, filling->now,
				   due_at(filling, user), err);
}

static bool add_meetings(struct filling *filling, int64_t user, int64_t connection_id,
			 struct error *err)
{
	for (int k = 0; k < MEETINGS_PER_USER; k++)
		if (!meeting_learn(filling->db, filling->app.id, scale_meeting_id(user, k),
				   connection_id, filling->now, err))
			return false;
	return true;
}

static bool add_bot(struct filling *filling, struct arena *arena, int64_t user,
		    int64_t connection_id, struct error *err)
{
	const int64_t meeting_id = scale_meeting_id(user, 0);
	struct bot bot = {
		.project_id = filling->app.project_id,
		.meeting_url = arena_printf(arena, "https://zoom.us/j/%" PRId64, meeting_id),
		.meeting_id = meeting_id,
		.bot_name = "Notetaker",
		.state = "ended",
		.is_token_flow = true,
		.connection_id = connection_id,
		.join_at = filling->now - user * MINUTE,
		.deduplication_key = arena_printf(arena, "customer-%" PRId64, user),
		.metadata = "{}",
		.updated_at = filling->now,
	};

	return bot_add(filling->db, arena, &bot, err);
}

static bool disconnect(struct filling *filling, int64_t connection_id, struct error *err)
{
	bool changed;

	return credentials_park(filling->db, connection_id, err) &&
	       connection_disconnect(filling->db, connection_id, "invalid_grant",
				     "Zoom: the user has removed the app", filling->now, &changed,
				     err);
}

static bool add_user(struct filling *filling, int64_t user, struct error *err)
{
	SCOPED(arena_release) struct arena arena = {0};
	struct connection connection;

	return add_connection(filling, &arena, user, &connection, err) &&
	       add_credentials(filling, &arena, user, &connection, err) &&
	       add_meetings(filling, user, connection.id, err) &&
	       add_bot(filling, &arena, user, connection.id, err) &&
	       (user % DISCONNECTED_EVERY != 0 || disconnect(filling, connection.id, err));
}

static bool add_users(struct filling *filling, int64_t first, int64_t end, struct error *err)
{
	SCOPED(transaction_end) struct transaction transaction = {0};

	if (!transaction_begin(&transaction, filling->db, err))
		return false;
	for (int64_t user = first; user < end; user++)
		if (!add_user(filling, user, err))
			return false;
	return transaction_commit(&transaction, err);
}

static bool fill(struct filling *filling, const char *app_public_id, int64_t count,
		 struct error *err)
{
	SCOPED(arena_release) struct arena arena = {0};
	bool found;

	if (!process_open(&filling->process, "fill", environ, err) ||
	    !process_open_db(&filling->process, &filling->db, err) ||
	    !app_find_anywhere(filling->db, &arena, app_public_id, &found, &filling->app, err))
		return false;
	if (!found)
		return error_set(err, ERROR_NOT_FOUND, "no app '%s'", app_public_id);
	filling->now = clock_now(&filling->process.clock);
	for (int64_t user = 0; user < count; user += PER_TRANSACTION) {
		const int64_t rest = count - user;

		if (!add_users(filling, user,
			       user + (rest < PER_TRANSACTION ? rest : PER_TRANSACTION), err))
			return false;
	}
	return true;
}

int main(int argument_count, char **arguments)
{
	struct filling filling = {0};
	struct error err = {0};
	bool worked;

	if (argument_count != 3) {
		fprintf(stderr, "usage: fill APP COUNT\n");
		return 2;
	}
	worked = fill(&filling, arguments[1], strtoll(arguments[2], NULL, 10), &err);
	if (filling.db != NULL)
		db_close(&filling.db);
	process_close(&filling.process);
	return worked ? EXIT_SUCCESS : process_refuse("fill", &err);
}
