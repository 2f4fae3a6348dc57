#include "api/metrics.h"

#include "base/exposition.h"
#include "base/networks.h"
#include "base/version.h"
#include "serve/context.h"
#include "store/connection.h"
#include "store/delivery.h"
#include "store/work_queue.h"
#include "store/zoom_circuit.h"
#include "zoom/circuits.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

static const char content_type[] = "text/plain; version=0.0.4; charset=utf-8";
static const char this_machine[] = "127.0.0.1 ::1";

enum { TEXT_BYTES_MAX = 16 << 20 };

/* What is counted where it happens, by all processes together (base/tally.h). */
static const struct {
	const char *name, *help;
} counted[] = {
	{"hallpass_http_requests_total",
	 "Requests by route, method and status; without a route where none was found."},
	{"hallpass_http_request_duration_seconds",
	 "From the first byte that the responder read to the last that it wrote."},
	{"hallpass_zoom_calls_total",
	 "Calls to Zoom by kind and outcome; not_sent while the circuit was open."},
	{"hallpass_zoom_call_duration_seconds", "How long Zoom took, time-outs included."},
	{"hallpass_token_refreshes_total",
	 "Refreshes of access tokens by outcome; leased where another process was at it."},
	{"hallpass_zoom_tokens_total",
	 "Answers to bots that join, by flow, and why where something was lacking."},
	{"hallpass_zoom_events_total",
	 "Events from Zoom by app and outcome; other stands for apps above the two thousandth."},
	{"hallpass_webhook_deliveries_total",
	 "Tries to tell a webhook by trigger and outcome; retry: it did not work and is tried again."},
	{"hallpass_token_callbacks_total",
	 "Uses of bot engines' addresses by engine, address and outcome; minted: nothing was lacking."},
	{"hallpass_jobs_total", "Pieces of the worker's work by job and outcome."},
	{"hallpass_job_duration_seconds", "How long a piece of the worker's work took."},
};

/* What came through another server's proxy was not asked from here. A shell's CGI has no address. */
static bool may_ask(const struct context *context, const struct request *request)
{
	const char *address = request_variable(request, "REMOTE_ADDR");

	if (request_header(request, "x-forwarded-for") != NULL ||
	    request_header(request, "forwarded") != NULL)
		return false;
	return address == NULL || *address == '\0' || networks_contain(this_machine, address) ||
	       networks_contain(context->process->config.metrics_from, address);
}

static void add_counted(const struct context *context, struct exposition *exposition)
{
	struct tally *tallies;
	const size_t count = tallies_read(context->process->tallies, context->arena, &tallies);

	for (size_t i = 0; i < COUNT_OF(counted); i++)
		exposition_tallies(exposition, counted[i].name, counted[i].help, tallies, count);
}

static bool is_open(const struct zoom_circuit *open, size_t count, const char *host)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(open[i].host, host) == 0)
			return true;
	return false;
}

/* The configured hosts; of one that was configured before, nobody wants to know. */
static bool add_circuits(const struct context *context, struct exposition *exposition,
			 struct error *err)
{
	static const char name[] = "hallpass_zoom_circuit_open";
	const struct config *config = &context->process->config;
	struct arena *arena = context->arena;
	const char *hosts[] = {circuit_host(arena, config->zoom_oauth_url),
			       circuit_host(arena, config->zoom_api_url)};
	const size_t host_count = strcmp(hosts[0], hosts[1]) == 0 ? 1 : 2;
	struct zoom_circuit open[ZOOM_CIRCUITS_MAX];
	size_t count;

	if (!zoom_circuit_list(context->db, arena, context_now(context), open, &count, err))
		return false;
	exposition_family(exposition, name, "gauge",
			  "Whether calls to this host are held back because it does not answer.");
	for (size_t i = 0; i < host_count; i++)
		exposition_gauge(exposition, name, "host", hosts[i],
				 is_open(open, count, hosts[i]));
	return true;
}

static bool add_connections(const struct context *context, struct exposition *exposition,
			    struct error *err)
{
	static const char name[] = "hallpass_connections";
	int64_t connected, disconnected;

	if (!connection_count(context->db, &connected, &disconnected, err))
		return false;
	exposition_family(exposition, name, "gauge", "Zoom users' authorizations by state.");
	exposition_gauge(exposition, name, "state", "connected", connected);
	exposition_gauge(exposition, name, "state", "disconnected", disconnected);
	return true;
}

/* How long the piece that is due longest has been so: with a worker that lives and keeps up, next to nothing. */
static bool add_queues(const struct context *context, struct exposition *exposition,
		       struct error *err)
{
	static const char name[] = "hallpass_queue_oldest_due_seconds";
	const instant now = context_now(context);

	exposition_family(
		exposition, name, "gauge",
		"How long the worker's piece that is due longest has been so; 0: none is. A bot's "
		"lease that ran out while the worker was down counts until the worker has been up "
		"for as long as the lease is, and settles it.");
	for (size_t i = 0; i < WORK_QUEUE_COUNT; i++) {
		instant delay;

		if (!work_queue_delay(&work_queues[i], context->db, now, &delay, err))
			return false;
		exposition_gauge(exposition, name, "job", work_queues[i].job, delay / SECOND);
	}
	return true;
}

static bool add_pending(const struct context *context, struct exposition *exposition,
			struct error *err)
{
	static const char name[] = "hallpass_webhook_deliveries_pending";
	int64_t count;

	if (!delivery_count_pending(context->db, &count, err))
		return false;
	exposition_family(
		exposition, name, "gauge",
		"Notifications that are to be sent, those that wait for another try included.");
	exposition_gauge(exposition, name, NULL, NULL, count);
	return true;
}

/* Where it cannot be read the counts are still told, and so is that it cannot. */
static void add_database(struct context *context, struct exposition *exposition)
{
	static const char name[] = "hallpass_database_up";
	struct error err;
	const bool is_up =
		context_open_db(context, &err) && add_circuits(context, exposition, &err) &&
		add_connections(context, exposition, &err) &&
		add_queues(context, exposition, &err) && add_pending(context, exposition, &err);

	exposition_family(exposition, name, "gauge", "Whether the database could be read.");
	exposition_gauge(exposition, name, NULL, NULL, is_up);
}

static void add_sizes(const struct context *context, struct exposition *exposition)
{
	static const char size_name[] = "hallpass_database_bytes";
	static const char free_name[] = "hallpass_database_disk_free_bytes";
	static const struct {
		const char *file, *suffix;
	} files[] = {{"database", ""}, {"wal", "-wal"}};
	const char *database = context->process->config.database;
	struct statvfs disk;
	struct stat status;

	exposition_family(exposition, size_name, "gauge", "Size of the database's files.");
	for (size_t i = 0; i < COUNT_OF(files); i++) {
		const char *path = arena_printf(context->arena, "%s%s", database, files[i].suffix);

		exposition_gauge(exposition, size_name, "file", files[i].file,
				 stat(path, &status) == 0 ? status.st_size : 0);
	}
	if (statvfs(database, &disk) != 0)
		return;
	exposition_family(exposition, free_name, "gauge",
			  "What is free where the database lies, for who is not root.");
	exposition_gauge(exposition, free_name, NULL, NULL,
			 (int64_t)disk.f_bavail * (int64_t)disk.f_frsize);
}

static void add_program(const struct context *context, struct exposition *exposition)
{
	static const char build_name[] = "hallpass_build_info";
	static const char shared_name[] = "hallpass_metrics_shared";

	exposition_family(exposition, build_name, "gauge", "Which Hallpass answers; always 1.");
	exposition_gauge(exposition, build_name, "version", HALLPASS_VERSION, 1);
	exposition_family(
		exposition, shared_name, "gauge",
		"0: the file of the counts cannot be had, and only one process's are told.");
	exposition_gauge(exposition, shared_name, NULL, NULL,
			 tallies_are_shared(context->process->tallies));
}

bool get_metrics(struct context *context, const struct request *request, struct response *response,
		 struct error *err)
{
	SCOPED(exposition_release)
	struct exposition exposition = exposition_open(TEXT_BYTES_MAX);

	if (!may_ask(context, request))
		return error_set(err, ERROR_NOT_FOUND, "there is nothing at this path");
	add_program(context, &exposition);
	add_counted(context, &exposition);
	add_sizes(context, &exposition);
	add_database(context, &exposition);
	if (exposition.is_over)
		return error_set(err, ERROR_INTERNAL, "the metrics are longer than %d bytes",
				 TEXT_BYTES_MAX);
	response->status = 200;
	response->content_type = content_type;
	response->body = arena_strdup(context->arena, exposition.text.bytes);
	return true;
}
