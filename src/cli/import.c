/*
 * `hallpass import`: apps and connections that were exported elsewhere become a project's, under the ids
 * that they had and with their tokens. All of the file or nothing; what is there already stays as it is,
 * so that it may be run again.
 */
#include "base/buffer.h"
#include "cli/command.h"
#include "cli/import_file.h"
#include "cli/take_over.h"
#include "serve/context.h"
#include "store/project.h"
#include "store/transaction.h"
#include "zoom/oauth.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct import {
	struct call *call;
	struct broker broker;
	struct project project;
	struct import_file file;
	struct app *apps; /* of the project, for those of the file; id 0: not there yet */
	size_t new_app_count, new_count, disconnected_count, meeting_count;
	/* What is said once it is true: a file that is refused at its end has brought nothing. */
	FILE *report;
	char *report_text;
	size_t report_size;
};

static void end_report(struct import *import)
{
	if (import->report != NULL)
		fclose(import->report);
	free(import->report_text);
}

static void close_file(FILE **file)
{
	if (*file != NULL)
		fclose(*file);
}

static bool fail(const char *path, struct error *err)
{
	return error_set(err, ERROR_STORAGE, "%s: %s", path, strerror(errno));
}

/* Past stdio's buffer, which would go back to the heap with secrets in it. */
static bool read_into(struct buffer *text, FILE *file, const char *path, struct error *err)
{
	char bytes[4096];
	size_t size;
	bool fits = true;

	setvbuf(file, NULL, _IONBF, 0);
	while (fits && (size = fread(bytes, 1, sizeof(bytes), file)) > 0)
		fits = buffer_append(text, bytes, size);
	explicit_bzero(bytes, sizeof(bytes));
	if (ferror(file))
		return fail(path, err);
	return fits || error_set(err, ERROR_INVALID, "%s: is larger than %d MB", path,
				 IMPORT_BYTES_MAX >> 20);
}

static void warn_of_readers(const char *path, FILE *file)
{
	struct stat status;

	if (fstat(fileno(file), &status) == 0 && S_ISREG(status.st_mode) &&
	    (status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		fprintf(stderr,
			"hallpass: %s: mode %04o lets others read the secrets in it; run: chmod 600 %s\n",
			path, (unsigned)status.st_mode & 07777, path);
}

static bool read_file(struct import *import, struct error *err)
{
	struct call *call = import->call;
	SCOPED(buffer_release) struct buffer text = buffer_of(IMPORT_BYTES_MAX);
	SCOPED(close_file) FILE *file = fopen(call->from, "re");
	struct error why;

	if (file == NULL)
		return error_set(err, ERROR_STORAGE, "%s: %s; name a file that you may read",
				 call->from, strerror(errno));
	warn_of_readers(call->from, file);
	if (!read_into(&text, file, call->from, err))
		return false;
	return import_file_read(call->arena, text.bytes != NULL ? text.bytes : "", text.size,
				clock_now(&call->process.clock), &import->file, &why) ||
	       error_set(err, why.kind, "%s: %s", call->from, why.message);
}

/* By its id, or by its name where one project has it. */
static bool find_project(struct import *import, struct error *err)
{
	struct call *call = import->call;
	struct project *projects;
	size_t count, named = 0;
	bool found;

	if (!project_find(call->db, call->arena, call->project, &found, &import->project, err))
		return false;
	if (found)
		return true;
	if (!project_list(call->db, call->arena, &projects, &count, err))
		return false;
	for (size_t i = 0; i < count; i++)
		if (strcmp(projects[i].name, call->project) == 0) {
			import->project = projects[i];
			named++;
		}
	if (named == 0)
		return error_set(err, ERROR_NOT_FOUND,
				 "no project '%s'; see: hallpass project list", call->project);
	return named == 1 ||
	       error_set(
		       err, ERROR_CONFLICT,
		       "%zu projects are called '%s'; name the one by its id: hallpass project list",
		       named, call->project);
}

static void open_broker(struct import *import)
{
	const struct call *call = import->call;
	const struct context context = {.process = &call->process,
					.db = call->db,
					.arena = call->arena};

	import->broker = context_broker(&context, 0);
}

static bool check_with_zoom(const struct import *import, const struct import_app *app,
			    struct error *err)
{
	const struct broker *broker = &import->broker;
	const struct zoom_client_credentials pair = {app->client_id, app->client_secret};
	struct zoom_failure failure;

	if (zoom_oauth_check_client(&broker->zoom, broker->arena, &pair, &failure))
		return true;
	if (zoom_failure_is_passing(&failure))
		return error_set(
			err, ERROR_ZOOM_UNAVAILABLE,
			"Zoom cannot be asked about %s, so nothing was done: %s; run this again",
			app->place, failure.reason);
	return error_set(
		err, ERROR_INVALID,
		"%s: %s.client_secret: Zoom does not take it with this client_id: %s; write the "
		"one that the Zoom app has now",
		import->call->from, app->place, failure.reason);
}

/* As when an app is registered by the API: those that are not there yet are tried, outside any transaction. */
static bool check_apps(struct import *import, struct error *err)
{
	const struct broker *broker = &import->broker;

	for (size_t i = 0; i < import->file.app_count; i++) {
		const struct import_app *app = &import->file.apps[i];
		struct app ours;
		bool found;

		if (!app_find_by_client_id(broker->db, broker->arena, import->project.id,
					   app->client_id, &found, &ours, err) ||
		    (!found && !check_with_zoom(import, app, err)))
			return false;
	}
	return true;
}

static bool add_apps(struct import *import, struct error *err)
{
	const char *public_url = import->call->process.config.public_url;

	import->apps =
		arena_alloc(import->call->arena, import->file.app_count * sizeof(*import->apps));
	for (size_t i = 0; i < import->file.app_count; i++) {
		struct app *app = &import->apps[i];
		bool is_new;

		if (!take_over_app(&import->broker, import->project.id, &import->file.apps[i], app,
				   &is_new, err))
			return false;
		import->new_app_count += is_new;
		if (is_new)
			fprintf(import->report,
				"app %s: registered; Zoom's events go to "
				"%s/api/v1/zoom_oauth/webhooks/%s now\n",
				app->public_id, public_url, app->public_id);
		else
			fprintf(import->report, "app %s: is there already, left as it is\n",
				app->public_id);
	}
	return true;
}

/* Of the file, or another of the project. */
static bool find_app(const struct import *import, const struct import_connection *from,
		     struct app *app, struct error *err)
{
	bool found;

	for (size_t i = 0; i < import->file.app_count; i++)
		if (strcmp(import->file.apps[i].client_id, from->client_id) == 0) {
			*app = import->apps[i];
			return true;
		}
	if (!app_find_by_client_id(import->broker.db, import->broker.arena, import->project.id,
				   from->client_id, &found, app, err))
		return false;
	return found || error_set(err, ERROR_INVALID,
				  "%s.client_id names no app of the file or the project; write the "
				  "app into apps, too",
				  from->place);
}

static bool add_connection(struct import *import, const struct import_connection *from,
			   struct error *err)
{
	struct connection connection;
	struct app app;
	bool is_new;

	if (!find_app(import, from, &app, err) ||
	    !take_over_connection(&import->broker, &app, &import->file, from, &connection, &is_new,
				  err))
		return false;
	if (!is_new && strcmp(connection.public_id, from->id) == 0)
		fprintf(import->report, "connection %s: is there already, left as it is\n",
			from->id);
	else if (!is_new)
		fprintf(import->report,
			"connection %s: its Zoom user is connected already as %s, left as it is\n",
			from->id, connection.public_id);
	import->new_count += is_new;
	import->disconnected_count += is_new && !from->is_connected;
	import->meeting_count += is_new ? from->meeting_count : 0;
	return true;
}

static bool add_all(struct import *import, struct error *err)
{
	if (!add_apps(import, err))
		return false;
	for (size_t i = 0; i < import->file.connection_count; i++)
		if (!add_connection(import, &import->file.connections[i], err))
			return false;
	return true;
}

static bool write_all(struct import *import, struct error *err)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	struct error why;

	if (!transaction_begin(&transaction, import->broker.db, err))
		return false;
	if (!add_all(import, &why))
		return error_set(err, why.kind, "%s: %s", import->call->from, why.message);
	if (import->call->is_dry_run)
		return true;
	transaction_ring(import->broker.db);
	return transaction_commit(&transaction, err);
}

static void say_what_was_done(struct import *import)
{
	const struct import_file *file = &import->file;

	fputs(import->report_text, stdout);
	printf("apps: %zu registered, %zu there already\n", import->new_app_count,
	       file->app_count - import->new_app_count);
	printf("connections: %zu taken over, %zu of them disconnected; %zu there already\n",
	       import->new_count, import->disconnected_count,
	       file->connection_count - import->new_count);
	printf("meetings: %zu\n", import->meeting_count);
	if (import->call->is_dry_run)
		puts("Nothing was written, for this was a dry run.");
	else if (import->new_count > 0)
		puts("The worker renews their tokens now, which voids those in the file and wherever it "
		     "came from: start\nnothing there again that uses them. Then remove the file.");
}

bool run_import(struct call *call, struct error *err)
{
	SCOPED(end_report) struct import import = {.call = call};

	import.report = open_memstream(&import.report_text, &import.report_size);
	if (import.report == NULL)
		return error_set(err, ERROR_INTERNAL, "%s", strerror(errno));
	open_broker(&import);
	if (!find_project(&import, err) || !read_file(&import, err) || !check_apps(&import, err) ||
	    !write_all(&import, err))
		return false;
	fflush(import.report);
	say_what_was_done(&import);
	return true;
}
