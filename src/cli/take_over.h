/* Apps and connections of an import file, into a project; inside the caller's transaction. */
#ifndef CLI_TAKE_OVER_H
#define CLI_TAKE_OVER_H

#include "broker/broker.h"
#include "cli/import_file.h"
#include "store/app.h"
#include "store/connection.h"

/*
 * Makes the app, or finds the project's one of that client id, which is left as it is: *is_new tells
 * which. ERROR_CONFLICT where its id is another's.
 */
bool take_over_app(const struct broker *broker, int64_t project_id, const struct import_app *from,
		   struct app *app, bool *is_new, struct error *err) MUST_CHECK;

/*
 * Makes the connection of that app of the project, with the tokens, or finds it, or another of the same
 * Zoom user, which is left as it is, for its tokens may be newer: *is_new. Its refresh and its sync are due
 * at once. ERROR_CONFLICT where its id or deduplication key is another's.
 */
bool take_over_connection(const struct broker *broker, const struct app *app,
			  const struct import_file *file, const struct import_connection *from,
			  struct connection *connection, bool *is_new, struct error *err)
	MUST_CHECK;

#endif
