#include "broker/app_client.h"

#include <string.h>

bool app_client_open(const struct broker *broker, const struct app *app,
		     struct zoom_client_credentials *client, struct error *err)
{
	const struct seal_place place = app_client_secret_place(app);

	client->client_id = app->client_id;
	return keyring_open_sealed(broker->keyring, broker->arena, &place, app->client_secret,
				   &client->client_secret, err);
}

bool app_client_has_changed(const struct broker *broker, int64_t app_id,
			    const struct zoom_client_credentials *client, bool *has_changed,
			    struct error *err)
{
	struct zoom_client_credentials stored;
	struct app app;
	bool found;

	if (!app_find_by_id(broker->db, broker->arena, app_id, &found, &app, err) ||
	    (found && !app_client_open(broker, &app, &stored, err)))
		return false;
	*has_changed = !found || strcmp(stored.client_secret, client->client_secret) != 0;
	return true;
}
