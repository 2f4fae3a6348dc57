/*
 * fill: puts connections into the configured database as the product does it, with ten meetings and a bot
 * that has ended each, for what is measured in a database of some size. Every fourth bot has a webhook of
 * its own, and as often WEBHOOK was told of something.
 *
 *   fill APP WEBHOOK COUNT
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
#include "store/delivery.h"
#include "store/meeting.h"
#include "store/public_id.h"
#include "store/transaction.h"
#include "store/webhook.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

enum { MEETINGS_PER_USER = 10, PER_TRANSACTION = 100000, DISCONNECTED_EVERY = 20, TOLD_EVERY = 4 };
enum { TOKEN_BYTES = 700 }; /* Zoom's are JWTs of about that size */

static const int64_t meeting_id_min = 10000000000, meeting_id_range = 60000000001,
		     meeting_id_factor = 48271333;

/*
 * Of this process: nothing is read twice, and nothing written more often than each hundred thousand
 * connections. A crash may spoil the file, which then nobody wants.
 */
static const char settings_sql[] = "PRAGMA cache_size = -8000000; PRAGMA synchronous = OFF;"
				   " PRAGMA wal_autocheckpoint = 0;";

struct filling {
	struct process process;
	struct db *db;
	struct app app;
	struct webhook webhook;
	instant now;
	struct hosted *meetings; /* of the open transaction, which come last */
	size_t meeting_count;
};

struct hosted {
	int64_t meeting_id, connection_id;
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
		.pmi_at = filling->now,
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

static void note_meetings(struct filling *filling, int64_t user, int64_t connection_id)
{
	for (int k = 0; k < MEETINGS_PER_USER; k++)
		filling->meetings[filling->meeting_count++] =
			(struct hosted){scale_meeting_id(user, k), connection_id};
}

static int compare(const void *a, const void *b)
{
	const struct hosted *one = a, *other = b;

	return one->meeting_id < other->meeting_id ? -1 : one->meeting_id > other->meeting_id;
}

/* In the order in which they lie in the file: among millions that is twice as fast. */
static bool add_meetings(struct filling *filling, struct error *err)
{
	qsort(filling->meetings, filling->meeting_count, sizeof(*filling->meetings), compare);
	for (size_t i = 0; i < filling->meeting_count; i++)
		if (!meeting_learn(filling->db, filling->app.id, filling->meetings[i].meeting_id,
				   filling->meetings[i].connection_id, filling->now, err))
			return false;
	filling->meeting_count = 0;
	return true;
}

static bool add_webhook(struct filling *filling, struct arena *arena, int64_t bot_id,
			struct error *err)
{
	struct webhook webhook = {
		.public_id = public_id_make(arena, "wh_"),
		.project_id = filling->app.project_id,
		.bot_id = bot_id,
		.url = "https://customer.example/hallpass/bots",
		.triggers = TRIGGER_BOT_STATE_CHANGE,
		.created_at = filling->now,
		.updated_at = filling->now,
	};
	const struct seal_place place = webhook_secret_place(&webhook);

	webhook.secret = keyring_seal(filling->process.keyring, arena, &place,
				      "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=");
	return webhook_add(filling->db, &webhook, err);
}

/* Every twentieth could not be told. */
static bool add_delivery(struct filling *filling, struct arena *arena, int64_t user,
			 const struct bot *bot, struct error *err)
{
	struct delivery delivery = {
		.public_id = public_id_make(arena, "msg_"),
		.webhook_id = filling->webhook.id,
		.trigger = TRIGGER_BOT_STATE_CHANGE,
		.subject = bot->public_id,
		.body = token(arena, "{\"a body of that size\"", bot->id),
	};
	bool found;

	if (!delivery_add(filling->db, &delivery, filling->now, err) ||
	    !delivery_find(filling->db, arena, delivery.webhook_id, delivery.public_id, &found,
			   &delivery, err))
		return false;
	delivery.state = user % (TOLD_EVERY * DISCONNECTED_EVERY) == 0 ? "failed" : "delivered";
	delivery.next_attempt_at = 0;
	delivery.attempts = 1;
	delivery.last_attempt_at = delivery.finished_at = filling->now;
	delivery.last_status = 200;
	delivery.last_answer = "ok";
	return delivery_record(filling->db, &delivery, filling->now, err);
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

	if (!bot_add(filling->db, arena, &bot, err))
		return false;
	return user % TOLD_EVERY != 0 || (add_webhook(filling, arena, bot.id, err) &&
					  add_delivery(filling, arena, user, &bot, err));
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

	if (!add_connection(filling, &arena, user, &connection, err) ||
	    !add_credentials(filling, &arena, user, &connection, err))
		return false;
	note_meetings(filling, user, connection.id);
	return add_bot(filling, &arena, user, connection.id, err) &&
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
	return add_meetings(filling, err) && transaction_commit(&transaction, err);
}

static bool find(struct filling *filling, struct arena *arena, const char *app_public_id,
		 const char *webhook_public_id, struct error *err)
{
	bool found;

	if (!app_find_anywhere(filling->db, arena, app_public_id, &found, &filling->app, err))
		return false;
	if (!found)
		return error_set(err, ERROR_NOT_FOUND, "no app '%s'", app_public_id);
	if (!webhook_find(filling->db, arena, filling->app.project_id, webhook_public_id, &found,
			  &filling->webhook, err))
		return false;
	return found || error_set(err, ERROR_NOT_FOUND, "no webhook '%s'", webhook_public_id);
}

static bool fill(struct filling *filling, const char *app_public_id, const char *webhook_public_id,
		 int64_t count, struct error *err)
{
	SCOPED(arena_release) struct arena arena = {0};

	if (!process_open(&filling->process, "fill", environ, err) ||
	    !process_open_db(&filling->process, &filling->db, err) ||
	    !db_script(filling->db, settings_sql, err) ||
	    !find(filling, &arena, app_public_id, webhook_public_id, err))
		return false;
	filling->meetings =
		calloc((size_t)PER_TRANSACTION * MEETINGS_PER_USER, sizeof(*filling->meetings));
	if (filling->meetings == NULL)
		abort();
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

	if (argument_count != 4) {
		fprintf(stderr, "usage: fill APP WEBHOOK COUNT\n");
		return 2;
	}
	worked = fill(&filling, arguments[1], arguments[2], strtoll(arguments[3], NULL, 10), &err);
	free(filling.meetings);
	if (filling.db != NULL)
		db_close(&filling.db);
	process_close(&filling.process);
	return worked ? EXIT_SUCCESS : process_refuse("fill", &err);
}
