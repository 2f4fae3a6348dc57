/* Apps in trouble, and users who are lost. */
#include "cli/doctor.h"
#include "store/app.h"
#include "store/connection.h"

#include <inttypes.h>

enum {
	URL_VALIDATION_H = 72 + 1, /* how often Zoom asks, and a little for it to be late */
	LOST_PERCENT_USUAL = 5,    /* of all users: some always leave */
};

static const char *joined(const char *const *ids, size_t count, struct arena *arena)
{
	const char *names = "";

	for (size_t i = 0; i < count && i < APPS_LISTED_MAX - 1; i++)
		names = arena_printf(arena, "%s%s%s", names, i > 0 ? ", " : "", ids[i]);
	return count < APPS_LISTED_MAX ? names : arena_printf(arena, "%s, …", names);
}

void doctor_check_app_credentials(struct examination *examination)
{
	struct call *call = examination->call;
	const char *ids[APPS_LISTED_MAX];
	struct error err = {0};
	size_t count;

	if (!examination->has_schema)
		return;
	if (!app_list_refused(call->db, call->arena, ids, &count, &err))
		examination_note(examination, LEVEL_FAIL, "app credentials",
				 "see what is said of the database", "%s", err.message);
	else if (count > 0)
		examination_note(examination, LEVEL_WARN, "app credentials",
				 "PATCH each with the client_secret that the Zoom app has now",
				 "Zoom refuses the client secret of %s",
				 joined(ids, count, call->arena));
	else
		examination_note(examination, LEVEL_OK, "app credentials", NULL,
				 "Zoom refuses those of no app");
}

void doctor_check_events(struct examination *examination)
{
	struct call *call = examination->call;
	const instant since = clock_now(&call->process.clock) - URL_VALIDATION_H * HOUR;
	const char *ids[APPS_LISTED_MAX];
	struct error err = {0};
	size_t count;

	if (!examination->has_schema)
		return;
	if (!app_list_unvalidated(call->db, call->arena, since, ids, &count, &err))
		examination_note(examination, LEVEL_FAIL, "events",
				 "see what is said of the database", "%s", err.message);
	else if (count > 0)
		examination_note(
			examination, LEVEL_WARN, "events",
			"see that Zoom reaches the app's webhook_url (TLS, DNS, firewall), and validate it "
			"in the Zoom app",
			"Zoom has not validated the address of %s in the last 72 hours",
			joined(ids, count, call->arena));
	else
		examination_note(
			examination, LEVEL_OK, "events", NULL,
			"Zoom has validated the address of each app with a webhook secret");
}

static const char *codes_of(const struct connection_failure *failures, size_t count,
			    struct arena *arena)
{
	const char *codes = "";

	for (size_t i = 0; i < count; i++)
		codes = arena_printf(arena, "%s%s%" PRId64 " %s", codes, i > 0 ? ", " : ": ",
				     failures[i].count, failures[i].code);
	return codes;
}

void doctor_check_connections(struct examination *examination)
{
	struct call *call = examination->call;
	struct connection_failure failures[CONNECTION_FAILURES_MAX];
	int64_t connected, disconnected;
	struct error err = {0};
	size_t count;
	bool is_usual;

	if (!examination->has_schema)
		return;
	if (!connection_count(call->db, &connected, &disconnected, &err) ||
	    !connection_count_failures(call->db, call->arena, failures, &count, &err)) {
		examination_note(examination, LEVEL_FAIL, "connections",
				 "see what is said of the database", "%s", err.message);
		return;
	}
	is_usual = disconnected * 100 <= (connected + disconnected) * LOST_PERCENT_USUAL;
	examination_note(
		examination, is_usual ? LEVEL_OK : LEVEL_WARN, "connections",
		is_usual
			? NULL
			: "let these users authorize again; each one's connection_failure_data and log "
			  "say why",
		"%" PRId64 " connected, %" PRId64 " disconnected%s", connected, disconnected,
		codes_of(failures, count, call->arena));
}
