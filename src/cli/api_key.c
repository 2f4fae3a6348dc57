/* `hallpass api-key create|list|revoke` */
#include "cli/command.h"

#include "store/api_key.h"
#include "store/project.h"
#include "store/transaction.h"

#include <stdio.h>

static bool find_project(struct call *call, struct project *project, struct error *err)
{
	bool found;

	if (!project_find(call->db, call->arena, call->operand, &found, project, err))
		return false;
	return found ||
	       error_set(err, ERROR_NOT_FOUND,
			 "no project has the id '%s'; see: hallpass project list", call->operand);
}

static bool add(struct call *call, const char *name, struct project *project, struct api_key *added,
		const char **key, struct error *err)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	const instant now = clock_now(&call->process.clock);

	return transaction_begin(&transaction, call->db, err) && find_project(call, project, err) &&
	       api_key_add(call->db, call->arena, project->id, name, now, added, key, err) &&
	       transaction_commit(&transaction, err);
}

bool run_api_key_create(struct call *call, struct error *err)
{
	const char *name = call->name != NULL ? call->name : "unnamed", *key;
	struct project project;
	struct api_key added;

	if (!command_check_name(call, name, err) || !add(call, name, &project, &added, &key, err))
		return false;
	if (call->is_json)
		command_print_json(call, json_pack("{s:s, s:s, s:s, s:s}", "api_key_id",
						   added.public_id, "project_id", project.public_id,
						   "name", added.name, "api_key", key));
	else
		printf("api key id %s\napi key %s\nThe key is shown this once: keep it now.\n",
		       added.public_id, key);
	return true;
}

static json_t *api_key_json(const struct api_key *key)
{
	char created_at[INSTANT_TEXT_BYTES], revoked_at[INSTANT_TEXT_BYTES];

	instant_format(key->created_at, created_at);
	instant_format(key->revoked_at, revoked_at);
	return json_pack("{s:s, s:s, s:s, s:s, s:s?}", "api_key_id", key->public_id, "name",
			 key->name, "api_key_start", key->start, "created_at", created_at,
			 "revoked_at", key->revoked_at != 0 ? revoked_at : NULL);
}

static void print_line(const struct api_key *key)
{
	char created_at[INSTANT_TEXT_BYTES], revoked_at[INSTANT_TEXT_BYTES];

	instant_format(key->created_at, created_at);
	instant_format(key->revoked_at, revoked_at);
	printf("%s  %s…  %s  %s%s  %s\n", key->public_id, key->start, created_at,
	       key->revoked_at != 0 ? "revoked " : "good", key->revoked_at != 0 ? revoked_at : "",
	       key->name);
}

bool run_api_key_list(struct call *call, struct error *err)
{
	struct project project;
	struct api_key *keys;
	json_t *results;
	size_t count;

	if (!find_project(call, &project, err) ||
	    !api_key_list(call->db, call->arena, project.id, &keys, &count, err))
		return false;
	if (!call->is_json) {
		for (size_t i = 0; i < count; i++)
			print_line(&keys[i]);
		return true;
	}
	results = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(results, api_key_json(&keys[i]));
	command_print_json(call, json_pack("{s:o}", "results", results));
	return true;
}

bool run_api_key_revoke(struct call *call, struct error *err)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	const instant now = clock_now(&call->process.clock);
	bool found;

	if (!transaction_begin(&transaction, call->db, err) ||
	    !api_key_revoke(call->db, call->operand, now, &found, err))
		return false;
	if (!found)
		/* Without the operand, which may be the key itself. */
		return error_set(err, ERROR_NOT_FOUND,
				 "no API key has that id, which is not the key itself; see: "
				 "hallpass api-key list PROJECT_ID");
	if (!transaction_commit(&transaction, err))
		return false;
	printf("api key %s: revoked\n", call->operand);
	return true;
}
