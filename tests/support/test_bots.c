#include "support/test_bots.h"

#include "store/bot_event.h"
#include "support/test_rows.h"

#include <stdio.h>
#include <stdlib.h>

static void require(bool is_done, const struct error *err)
{
	if (is_done)
		return;
	fprintf(stderr, "test bots: %s\n", err->message);
	abort();
}

struct bot test_bot(instant at)
{
	return (struct bot){.project_id = TEST_PROJECT,
			    .meeting_url = "https://zoom.us/j/123456789",
			    .meeting_id = TEST_MEETING,
			    .bot_name = "Notetaker",
			    .state = "ready",
			    .join_flow_reason = "no_connection_for_meeting",
			    .metadata = "{}",
			    .updated_at = at};
}

struct bot test_bot_add(struct db *db, struct arena *arena, struct bot bot)
{
	struct error err = {0};

	require(bot_add(db, arena, &bot, &err), &err);
	return bot;
}

struct bot test_bot_read(struct db *db, struct arena *arena, int64_t id)
{
	struct error err = {.message = "there is no such bot"};
	struct bot bot;
	bool found = false;

	require(bot_find_by_id(db, arena, id, &found, &bot, &err) && found, &err);
	return bot;
}

const char *test_bot_history(struct db *db, struct arena *arena, int64_t id)
{
	const char *history = "";
	struct bot_event *events;
	struct error err = {0};
	int count;

	require(bot_event_list(db, arena, id, &events, &count, &err), &err);
	for (int i = 0; i < count; i++)
		history = arena_printf(arena, "%s%s%s%s%s", history, i > 0 ? " " : "",
				       events[i].type, events[i].sub_type != NULL ? "/" : "",
				       events[i].sub_type != NULL ? events[i].sub_type : "");
	return history;
}
