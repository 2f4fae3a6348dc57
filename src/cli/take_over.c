#include "cli/take_over.h"

#include "broker/refresh.h"
#include "store/credentials.h"
#include "store/meeting.h"
#include "store/public_id.h"

static bool check_app_id(const struct broker *broker, const struct import_app *from,
			 struct error *err)
{
	struct app other;
	bool found = false;

	if (from->id != NULL &&
	    !app_find_anywhere(broker->db, broker->arena, from->id, &found, &other, err))
		return false;
	return !found ||
	       error_set(err, ERROR_CONFLICT,
			 "%s.id is that of another app here (client id %s); leave it out to get a "
			 "new one",
			 from->place, other.client_id);
}

static bool add_app(const struct broker *broker, int64_t project_id, const struct import_app *from,
		    struct app *app, struct error *err)
{
	const instant now = clock_now(broker->clock);
	struct seal_place client, webhook;

	*app = (struct app){.public_id = from->id != NULL ? from->id
							  : public_id_make(broker->arena, "zoapp_"),
			    .project_id = project_id,
			    .name = from->name,
			    .client_id = from->client_id,
			    .is_active = true,
			    .created_at = now,
			    .updated_at = now};
	client = app_client_secret_place(app);
	webhook = app_webhook_secret_place(app);
	app->client_secret =
		keyring_seal(broker->keyring, broker->arena, &client, from->client_secret);
	app->webhook_secret =
		keyring_seal(broker->keyring, broker->arena, &webhook, from->webhook_secret);
	return app_add(broker->db, app, err);
}

bool take_over_app(const struct broker *broker, int64_t project_id, const struct import_app *from,
		   struct app *app, bool *is_new, struct error *err)
{
	bool found;

	if (!app_find_by_client_id(broker->db, broker->arena, project_id, from->client_id, &found,
				   app, err))
		return false;
	*is_new = !found;
	return found ||
	       (check_app_id(broker, from, err) && add_app(broker, project_id, from, app, err));
}

static bool check_key(const struct broker *broker, const struct app *app,
		      const struct import_connection *from, struct error *err)
{
	struct connection other;
	bool found = false;

	if (from->deduplication_key != NULL &&
	    !connection_find_by_key(broker->db, broker->arena, app->id, from->deduplication_key,
				    &found, &other, err))
		return false;
	return !found ||
	       error_set(
		       err, ERROR_CONFLICT,
		       "%s.deduplication_key is that of connection %s, of another Zoom user; leave "
		       "it out, or write another",
		       from->place, other.public_id);
}

static bool add_row(const struct broker *broker, const struct app *app,
		    const struct import_connection *from, struct connection *connection,
		    struct error *err)
{
	*connection = (struct connection){
		.public_id = from->id,
		.project_id = app->project_id,
		.app_id = app->id,
		.zoom_user_id = from->user_id,
		.account_id = from->account_id,
		.email = from->email,
		.deduplication_key = from->deduplication_key,
		.metadata = from->metadata,
		.scopes = from->scopes,
		.is_local_recording_token_supported = from->is_local_recording_token_supported,
		.is_onbehalf_token_supported = from->is_onbehalf_token_supported,
	};
	if (connection_add(broker->db, broker->arena, connection, clock_now(broker->clock), err))
		return true;
	/* All else that is there once has been looked at. */
	return err->kind == ERROR_CONFLICT &&
	       error_set(err, ERROR_CONFLICT,
			 "%s.id is that of a connection of another project; delete that one first",
			 from->place);
}

/* The tokens are as old as the file: whoever has authorized since has newer ones. */
static bool add_tokens(const struct broker *broker, const struct import_file *file,
		       const struct import_connection *from, const struct connection *connection,
		       struct error *err)
{
	const instant expires_at = from->access_token_expires_at;
	const struct zoom_token_set tokens = {.access_token = from->access_token,
					      .refresh_token = from->refresh_token};
	struct sealed_tokens sealed = refresh_seal(broker, connection, &tokens, file->exported_at);

	sealed.issued_at = from->access_token != NULL ? file->exported_at : 0;
	sealed.expires_at = from->access_token != NULL ? expires_at : 0;
	if (!credentials_replace(broker->db, connection->id, &sealed, file->exported_at,
				 clock_now(broker->clock), err))
		return false;
	return from->refresh_token != NULL || credentials_erase(broker->db, connection->id, err);
}

/* With its tokens: whether it was rightly taken for disconnected their refresh tells. */
static bool disconnect(const struct broker *broker, const struct import_connection *from,
		       const struct connection *connection, struct error *err)
{
	bool changed;

	return from->is_connected ||
	       connection_disconnect(broker->db, connection->id, from->failure_code,
				     from->failure_error, from->failure_at, &changed, err);
}

static bool add_meetings(const struct broker *broker, const struct import_file *file,
			 const struct import_connection *from, const struct connection *connection,
			 struct error *err)
{
	for (size_t i = 0; i < from->meeting_count; i++)
		if (!meeting_learn(broker->db, connection->app_id, from->meeting_ids[i],
				   connection->id, file->exported_at, err))
			return false;
	return true;
}

bool take_over_connection(const struct broker *broker, const struct app *app,
			  const struct import_file *file, const struct import_connection *from,
			  struct connection *connection, bool *is_new, struct error *err)
{
	bool found;

	*is_new = false;
	if (!connection_find(broker->db, broker->arena, app->project_id, from->id, &found,
			     connection, err) ||
	    (!found && !connection_find_by_user(broker->db, broker->arena, app->id, from->user_id,
						&found, connection, err)))
		return false;
	if (found)
		return true;
	*is_new = true;
	return check_key(broker, app, from, err) && add_row(broker, app, from, connection, err) &&
	       add_tokens(broker, file, from, connection, err) &&
	       disconnect(broker, from, connection, err) &&
	       add_meetings(broker, file, from, connection, err);
}
