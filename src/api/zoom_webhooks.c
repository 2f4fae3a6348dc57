#include "api/zoom_webhooks.h"

#include "api/zoom_event_effects.h"
#include "api/zoom_event_storing.h"
#include "base/crypto.h"
#include "base/doorbell.h"
#include "base/failpoint.h"
#include "http/json.h"
#include "serve/context.h"
#include "store/app.h"
#include "store/app_cache.h"
#include "store/log_entry.h"
#include "store/transaction.h"
#include "zoom/event.h"
#include "zoom/signature.h"

#include <stdio.h>

/* What nothing but a guess leads to an app is tried with many secrets; Zoom's events are far smaller. */
enum { GUESSED_BODY_BYTES_MAX = 64 << 10 };

/* A delivery on its way: what came, which apps it may be for, and which of them their secrets prove. */
struct delivery {
	/* Proves it by what the database says, and acts on it. */
	bool (*serve)(struct delivery *delivery, struct response *response, struct error *err);
	struct context *context; /* of the thread that works on it, but for what is stored */
	struct arena *arena;
	const struct request *request;
	const char *signature, *timestamp; /* NULL: the header is missing */
	bool is_fresh;
	instant now, latest; /* and the latest time that the event may say it is of */
	struct zoom_event event;
	struct error unreadable; /* why the body is no event; kind NONE where it is one */
	const struct app *apps;
	int app_count;
	bool is_named; /* the address or a client id says which apps; else they are guesses */
	const char *address_id; /* of the app whose own address it is; NULL: the shared one */
	const struct app **proved;
	int proved_count;
	const char *secret;  /* that proved it */
	bool has_unreadable; /* some app's secret could not be tried, for no key opens it */
	struct zoom_event_storing storing;
};

/*
 * What cannot be read is kept until the signature is checked: to a stranger the answer is that it is not
 * Zoom's, whatever else is wrong with it.
 */
static void read_event(struct delivery *delivery)
{
	SCOPED(json_decrefp) json_t *body = NULL;

	if (!json_read(delivery->request->body, delivery->request->body_size, &body,
		       &delivery->unreadable) ||
	    !zoom_event_read(body, &delivery->event, &delivery->unreadable))
		delivery->event = (struct zoom_event){.name = ""};
	zoom_event_keep(&delivery->event, delivery->arena);
}

static struct delivery *receive(struct context *context, const struct request *request)
{
	const long tolerance_s = context->process->config.webhook_tolerance_s;
	struct delivery *delivery = arena_alloc(context->arena, sizeof(*delivery));

	*delivery = (struct delivery){
		.context = context,
		.arena = context->arena,
		.request = request,
		.signature = request_header(request, "x-zm-signature"),
		.timestamp = request_header(request, "x-zm-request-timestamp"),
		.now = context_now(context),
	};

	delivery->is_fresh =
		zoom_timestamp_is_fresh(delivery->timestamp, delivery->now, tolerance_s);
	delivery->latest = delivery->now + tolerance_s * SECOND;
	read_event(delivery);
	return delivery;
}

static bool is_provable(const struct delivery *delivery)
{
	return delivery->is_fresh && delivery->signature != NULL;
}

/* Finds those of the apps whose webhook secret signed it; one that no key opens holds up no other. */
static void prove(struct delivery *delivery, const struct app *apps, int count)
{
	const struct context *context = delivery->context;

	delivery->proved = arena_alloc(delivery->arena, (size_t)count * sizeof(*delivery->proved));
	for (int i = 0; i < count && is_provable(delivery); i++) {
		const struct seal_place place = app_webhook_secret_place(&apps[i]);
		const char *secret;
		struct error unreadable;

		if (!keyring_open_sealed(context->process->keyring, context->arena, &place,
					 apps[i].webhook_secret, &secret, &unreadable)) {
			delivery->has_unreadable = true;
		} else if (zoom_signature_is_valid(secret, delivery->timestamp,
						   delivery->request->body,
						   delivery->request->body_size,
						   delivery->signature)) {
			delivery->proved[delivery->proved_count++] = &apps[i];
			delivery->secret = secret;
		}
	}
}

static bool find_app_of_address(struct delivery *delivery, struct error *err)
{
	const char *id = request_path_parameter(delivery->request, "id");
	struct app *app = arena_alloc(delivery->context->arena, sizeof(*app));
	bool found;

	if (!app_find_anywhere(delivery->context->db, delivery->context->arena, id, &found, app,
			       err))
		return false;
	if (!found)
		return error_set(err, ERROR_NOT_FOUND, "there is no Zoom app at this address");
	delivery->apps = app;
	delivery->app_count = 1;
	delivery->is_named = true;
	delivery->address_id = app->public_id;
	return true;
}

static const char *client_id_of(const struct delivery *delivery)
{
	const char *header = request_header(delivery->request, "clientid");

	return header != NULL && *header != '\0' ? header : delivery->event.client_id;
}

/* The client id is only a hint: it is not signed, or not until a secret has proved it. */
static bool find_likely_apps(struct delivery *delivery, struct error *err)
{
	struct context *context = delivery->context;
	const struct zoom_event *event = &delivery->event;
	const char *client_id = client_id_of(delivery);
	struct app *apps;

	if (client_id == NULL && event->account_id == NULL && zoom_event_user(event) == NULL)
		return true;
	if (!app_list_candidates(context->db, context->arena, client_id, event->account_id,
				 zoom_event_user(event), &apps, &delivery->app_count, err))
		return false;
	delivery->apps = apps;
	delivery->is_named = client_id != NULL;
	return true;
}

/* An app has events of accounts, too, that nobody has connected to it from. */
static bool prove_for_unlikely_apps(struct delivery *delivery, struct error *err)
{
	struct context *context = delivery->context;
	struct app *apps;
	int count;

	if (delivery->proved_count > 0 || delivery->is_named || !is_provable(delivery) ||
	    delivery->request->body_size > GUESSED_BODY_BYTES_MAX)
		return true;
	if (!app_list_candidates(context->db, context->arena, NULL, NULL, NULL, &apps, &count, err))
		return false;
	prove(delivery, apps, count);
	return true;
}

/* When it happened. A clock that runs ahead must not make later knowledge look old. */
static instant time_of(const struct delivery *delivery)
{
	const instant at = delivery->event.event_at;

	if (at == 0)
		return delivery->now;
	return at < delivery->latest ? at : delivery->latest;
}

static bool is_stale(const struct delivery *delivery)
{
	return delivery->signature != NULL && !delivery->is_fresh;
}

static bool note_rejection_by(const struct delivery *delivery, const struct app *app,
			      struct error *err)
{
	struct db *db = delivery->context->db;
	const char *code = is_stale(delivery) ? "stale_timestamp" : "invalid_signature";

	return log_entry_add_rejection(db, app->id, code, delivery->now, err) &&
	       app_note_rejected_webhook(db, app->id, delivery->now, err);
}

static bool says_lost(const struct delivery *delivery)
{
	return delivery->event.kind == ZOOM_EVENT_APP_DEAUTHORIZED;
}

static bool store_rejection(struct context *context, void *part, struct error *err)
{
	struct delivery *delivery = part;

	delivery->storing.wakes_worker = false;
	for (int i = 0; i < delivery->app_count; i++) {
		const struct app *app = &delivery->apps[i];
		struct zoom_event_effect effect = {
			.db = context->db,
			.arena = delivery->arena,
			.app = app,
			.event = &delivery->event,
			.now = delivery->now,
			.at = time_of(delivery),
		};

		if (app->webhook_secret.bytes == NULL)
			continue;
		if (delivery->is_named && !note_rejection_by(delivery, app, err))
			return false;
		if (says_lost(delivery) && !zoom_event_probe(&effect, err))
			return false;
		delivery->storing.wakes_worker |= effect.wakes_worker;
	}
	return true;
}

/*
 * Nothing that the event says is believed; but whether a user is lost can be asked of Zoom. Anybody can send
 * such events, and any number: those that come at once share a commit, lest they keep Zoom's own waiting.
 */
static bool note_rejection(struct delivery *delivery, struct error *err)
{
	struct context *context = delivery->context;

	if (delivery->app_count == 0 || (!delivery->is_named && !says_lost(delivery)))
		return true;
	if (!context_store(context, store_rejection, delivery, err))
		return false;
	if (delivery->storing.wakes_worker)
		doorbell_ring(context->process->config.database);
	return true;
}

static bool lacks_secret(const struct delivery *delivery)
{
	for (int i = 0; i < delivery->app_count; i++)
		if (delivery->apps[i].webhook_secret.bytes != NULL)
			return false;
	return delivery->app_count > 0;
}

/* On the shared address a stranger learns nothing of the app, not even its id. */
static bool refuse_for_lack_of_secret(const struct delivery *delivery, struct error *err)
{
	const char *id = delivery->address_id != NULL ? delivery->address_id : "{id}";

	return error_set_code(
		err, ERROR_CONFLICT, "webhook_secret_missing",
		"events of this app cannot be checked: set the Secret Token that it has "
		"at Zoom with PATCH /api/v1/zoom_oauth_apps/%s {\"webhook_secret\": \"...\"}",
		id);
}

static bool refuse(struct delivery *delivery, struct error *err)
{
	const long tolerance_s = delivery->context->process->config.webhook_tolerance_s;

	if (lacks_secret(delivery))
		return refuse_for_lack_of_secret(delivery, err);
	if (delivery->has_unreadable)
		return error_set_code(err, ERROR_INTERNAL, "credentials_unreadable",
				      "no key of the key file opens an app's webhook_secret: run "
				      "`hallpass doctor`, which names it");
	if (!note_rejection(delivery, err))
		return false;
	if (is_stale(delivery))
		return error_set_code(
			err, ERROR_UNAUTHENTICATED, "stale_timestamp",
			"x-zm-request-timestamp is missing, or more than %ld s from our clock",
			tolerance_s);
	return error_set_code(err, ERROR_UNAUTHENTICATED, "invalid_signature",
			      "x-zm-signature does not prove that this comes from Zoom");
}

static void count(const struct context *context, const char *app, const char *outcome)
{
	static const char family[] = "hallpass_zoom_events_total";
	char labels[TALLY_NAME_BYTES], other_labels[TALLY_NAME_BYTES];

	snprintf(labels, sizeof(labels), "app=\"%s\",outcome=\"%s\"", app, outcome);
	snprintf(other_labels, sizeof(other_labels), "app=\"other\",outcome=\"%s\"", outcome);
	tally_add_one_of_many(context->process->tallies, family, labels, other_labels);
}

static void count_proved(const struct delivery *delivery, const char *outcome)
{
	for (int i = 0; i < delivery->proved_count; i++)
		count(delivery->context, delivery->proved[i]->public_id, outcome);
}

/* By the app; what nothing names an app for counts for none. */
static void count_unproved(const struct delivery *delivery, const char *outcome)
{
	const int named_count = delivery->is_named ? delivery->app_count : 0;

	for (int i = 0; i < named_count; i++)
		count(delivery->context, delivery->apps[i].public_id, outcome);
	if (named_count == 0)
		count(delivery->context, "", outcome);
}

/* An app that was found has changed, or is gone. */
static bool serve_anew(struct delivery *delivery, struct context *context,
		       struct response *response, struct error *err)
{
	delivery->context = context;
	delivery->apps = NULL;
	delivery->app_count = delivery->proved_count = 0;
	delivery->has_unreadable = false;
	return delivery->serve(delivery, response, err);
}

static bool note_url_validation(const struct delivery *delivery, const struct app *app,
				bool *is_outdated, struct error *err)
{
	const struct log_entry entry = {.app_id = app->id,
					.at = delivery->now,
					.type = LOG_URL_VALIDATED};
	struct db *db = delivery->context->db;
	bool has;

	if (!app_has_webhook_secret(db, app->id, app->webhook_secret, &has, err))
		return false;
	*is_outdated = !has;
	return !has || (app_note_url_validation(db, app->id, delivery->now, err) &&
			app_note_verified_webhook(db, app->id, delivery->now, err) &&
			log_entry_add(db, &entry, err));
}

/* For all apps that it proves itself for, or for none. */
static bool note_url_validations(const struct delivery *delivery, bool *is_outdated,
				 struct error *err)
{
	SCOPED(transaction_end) struct transaction transaction = {0};

	if (!transaction_begin(&transaction, delivery->context->db, err))
		return false;
	*is_outdated = false;
	for (int i = 0; i < delivery->proved_count && !*is_outdated; i++)
		if (!note_url_validation(delivery, delivery->proved[i], is_outdated, err))
			return false;
	return *is_outdated || transaction_commit(&transaction, err);
}

static bool answer_url_validation(struct delivery *delivery, struct response *response,
				  struct error *err)
{
	struct context *context = delivery->context;
	char encrypted[ZOOM_HEX_MAC_BYTES];
	bool is_outdated;

	failpoint("event.validating");
	if (!note_url_validations(delivery, &is_outdated, err)) {
		count_proved(delivery, err->code);
		return false;
	}
	if (is_outdated)
		return serve_anew(delivery, context, response, err);
	count_proved(delivery, "url_validation");
	zoom_encrypt_plain_token(delivery->secret, delivery->event.plain_token, encrypted);
	respond_json(response, context->arena, 200,
		     json_pack("{s:s, s:s}", "plainToken", delivery->event.plain_token,
			       "encryptedToken", encrypted));
	return true;
}

/* Whatever it changes is on the disk before Zoom hears that it need not send it again. */
static bool answer_stored(struct context *context, void *answered, struct response *response,
			  struct error *err)
{
	struct delivery *delivery = answered;
	const struct zoom_event_storing *storing = &delivery->storing;

	if (storing->is_outdated)
		return serve_anew(delivery, context, response, err);
	if (storing->wakes_worker)
		doorbell_ring(context->process->config.database);
	for (int i = 0; i < storing->app_count; i++)
		count(context, storing->apps[i]->public_id,
		      storing->is_new[i] ? "accepted" : "duplicate");
	failpoint("event.stored");
	respond_constant(response, 200,
			 storing->is_news ? "{\"status\":\"ok\"}"
					  : "{\"status\":\"already_handled\"}");
	return true;
}

static void store_later(struct delivery *delivery)
{
	struct zoom_event_storing *storing = &delivery->storing;

	*storing = (struct zoom_event_storing){
		.event = &delivery->event,
		.arena = delivery->arena,
		.apps = delivery->proved,
		.app_count = delivery->proved_count,
		.now = delivery->now,
		.at = time_of(delivery),
		.is_new = arena_alloc(delivery->arena,
				      (size_t)delivery->proved_count * sizeof(*storing->is_new)),
	};
	sha256_of_long(delivery->request->body, delivery->request->body_size, storing->body_sha256);
	failpoint("event.received");
	delivery->context->later =
		(struct later){&zoom_event_storing_work, answer_stored, storing, delivery};
}

static bool act(struct delivery *delivery, struct response *response, struct error *err)
{
	if (delivery->proved_count == 0) {
		refuse(delivery, err);
		count_unproved(delivery, err->code);
		return false;
	}
	if (delivery->unreadable.kind != ERROR_NONE) {
		*err = delivery->unreadable;
		count_proved(delivery, err->code);
		return false;
	}
	if (delivery->event.kind == ZOOM_EVENT_URL_VALIDATION)
		return answer_url_validation(delivery, response, err);
	store_later(delivery);
	return true;
}

static bool serve_for_all_apps(struct delivery *delivery, struct response *response,
			       struct error *err)
{
	if (!context_open_db(delivery->context, err) || !find_likely_apps(delivery, err))
		return false;
	prove(delivery, delivery->apps, delivery->app_count);
	return prove_for_unlikely_apps(delivery, err) && act(delivery, response, err);
}

bool post_zoom_event(struct context *context, const struct request *request,
		     struct response *response, struct error *err)
{
	struct delivery *delivery = receive(context, request);

	delivery->serve = serve_for_all_apps;
	return serve_for_all_apps(delivery, response, err);
}

/* The app of the address as this process knows it, if that is enough to prove the event. */
static bool prove_from_cache(struct delivery *delivery)
{
	const struct context *context = delivery->context;
	struct app *app = arena_alloc(delivery->arena, sizeof(*app));

	if (!is_provable(delivery) || delivery->unreadable.kind != ERROR_NONE ||
	    delivery->event.kind == ZOOM_EVENT_URL_VALIDATION ||
	    !app_cache_find(context->process->app_cache, delivery->arena,
			    request_path_parameter(delivery->request, "id"), app,
			    &delivery->secret) ||
	    !zoom_signature_is_valid(delivery->secret, delivery->timestamp, delivery->request->body,
				     delivery->request->body_size, delivery->signature))
		return false;
	delivery->proved = arena_alloc(delivery->arena, sizeof(*delivery->proved));
	delivery->proved[0] = app;
	delivery->proved_count = 1;
	return true;
}

/* What the cache cannot tell, a rejection above all, the database decides. */
static bool serve_for_app_of_address(struct delivery *delivery, struct response *response,
				     struct error *err)
{
	if (!context_open_db(delivery->context, err) || !find_app_of_address(delivery, err))
		return false;
	prove(delivery, delivery->apps, delivery->app_count);
	if (delivery->proved_count > 0)
		app_cache_keep(delivery->context->process->app_cache, delivery->proved[0],
			       delivery->secret);
	return act(delivery, response, err);
}

bool post_zoom_app_event(struct context *context, const struct request *request,
			 struct response *response, struct error *err)
{
	struct delivery *delivery = receive(context, request);

	delivery->serve = serve_for_app_of_address;
	if (!prove_from_cache(delivery))
		return serve_for_app_of_address(delivery, response, err);
	store_later(delivery);
	return true;
}
