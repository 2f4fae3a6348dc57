/* `hallpass project create|list|delete` */
#include "cli/command.h"

#include "store/api_key.h"
#include "store/project.h"
#include "store/transaction.h"

#include <stdio.h>

static const char first_key_name[] = "first";

/* In one transaction, so that there is no project without a key. */
static bool add(struct call *call, struct project *project, const char **key, struct error *err)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	const instant now = clock_now(&call->process.clock);
	struct api_key added;

	return transaction_begin(&transaction, call->db, err) &&
	       project_add(call->db, call->arena, call->operand, now, project, err) &&
	       api_key_add(call->db, call->arena, project->id, first_key_name, now, &added, key,
			   err) &&
	       transaction_commit(&transaction, err);
}

bool run_project_create(struct call *call, struct error *err)
{
	struct project project;
	const char *key;

	if (!command_check_name(call, call->operand, err) || !add(call, &project, &key, err))
		return false;
	if (call->is_json)
		command_print_json(call,
				   json_pack("{s:s, s:s, s:s}", "project_id", project.public_id,
					     "name", project.name, "api_key", key));
	else
		printf("project %s\napi key %s\nThe key is shown this once: keep it now.\n",
		       project.public_id, key);
	return true;
}

static json_t *project_json(const struct project *project)
{
	char created_at[INSTANT_TEXT_BYTES];

	instant_format(project->created_at, created_at);
	return json_pack("{s:s, s:s, s:s}", "project_id", project->public_id, "name", project->name,
			 "created_at", created_at);
}

static void print_line(const struct project *project)
{
	char created_at[INSTANT_TEXT_BYTES];

	instant_format(project->created_at, created_at);
	printf("%s  %s  %s\n", project->public_id, created_at, project->name);
}

bool run_project_list(struct call *call, struct error *err)
{
	struct project *projects;
	json_t *results;
	size_t count;

	if (!project_list(call->db, call->arena, &projects, &count, err))
		return false;
	if (!call->is_json) {
		for (size_t i = 0; i < count; i++)
			print_line(&projects[i]);
		return true;
	}
	results = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(results, project_json(&projects[i]));
	command_print_json(call, json_pack("{s:o}", "results", results));
	return true;
}

/* Looked at and deleted in one transaction: nothing is added in between. */
bool run_project_delete(struct call *call, struct error *err)
{
	SCOPED(transaction_end) struct transaction transaction = {0};
	struct project_holdings holdings;
	struct project project;
	bool found;

	if (!transaction_begin(&transaction, call->db, err) ||
	    !project_find(call->db, call->arena, call->operand, &found, &project, err))
		return false;
	if (!found)
		return error_set(err, ERROR_NOT_FOUND,
				 "no project has the id '%s'; see: hallpass project list",
				 call->operand);
	if (!project_count_holdings(call->db, project.id, &holdings, err))
		return false;
	if (!call->is_yes &&
	    holdings.app_count + holdings.connection_count + holdings.bot_count > 0)
		return error_set(
			err, ERROR_CONFLICT,
			"project %s has apps (%lld), connections with their users' credentials"
			" (%lld) and bots (%lld), which would be deleted too; if so, add --yes",
			project.public_id, (long long)holdings.app_count,
			(long long)holdings.connection_count, (long long)holdings.bot_count);
	if (!project_remove(call->db, project.id, err) || !transaction_commit(&transaction, err))
		return false;
	printf("project %s: deleted\n", project.public_id);
	return true;
}
