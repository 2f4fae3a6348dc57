#include "broker/authorization_doubt.h"

#include "broker/authorization_tokens.h"
#include "http/json.h"
#include "store/authorization.h"

#include <jansson.h>
#include <string.h>

enum { LOOKED_AT_MAX = 100 }; /* so many at once is an outage of Zoom's, and each tells as much */

static const instant left_counts = HOUR; /* … of tokens that nobody works on */

enum likeness { NOT_ITS_KEY, NO_KEY, ITS_KEY };

/* A key names the customer's user; a post without one may be of anybody. */
static enum likeness compare_keys(const struct authorization *row,
				  const struct connection *connection)
{
	SCOPED(json_decrefp) json_t *request = json_loads(row->request, 0, NULL);
	const char *key = json_string_value(json_object_get(request, "deduplication_key"));

	if (key == NULL || connection->deduplication_key == NULL)
		return NO_KEY;
	return strcmp(key, connection->deduplication_key) == 0 ? ITS_KEY : NOT_ITS_KEY;
}

/* Who works on it now may have Zoom's answer in hand: that is no doubt yet. */
static bool is_under_way(const struct broker *broker, const struct authorization *row,
			 bool *under_way, struct error *err)
{
	*under_way = false;
	return row->holder_process == 0 ||
	       holder_is_alive(broker->holder, row->holder_process, under_way, err);
}

static bool look_at(const struct broker *broker, const struct authorization *row,
		    const struct connection *connection, struct authorization_doubt *doubt,
		    struct error *err)
{
	const enum likeness likeness = compare_keys(row, connection);
	bool under_way;

	if (!is_under_way(broker, row, &under_way, err))
		return false;
	if (under_way || likeness == NOT_ITS_KEY)
		return true;
	if (doubt->began_at == 0 || (likeness == ITS_KEY && !doubt->is_of_key))
		*doubt = (struct authorization_doubt){row->exchange_began_at, likeness == ITS_KEY};
	return true;
}

bool authorization_doubt_find(const struct broker *broker, const struct connection *connection,
			      instant given_at, struct authorization_doubt *doubt,
			      struct error *err)
{
	/* Zoom may have taken a code as late as its call could last, after it had given these. */
	const instant since = given_at - broker->zoom.timeout_ms * MILLISECOND;
	struct authorization *rows;
	int count;

	*doubt = (struct authorization_doubt){0};
	if (!authorization_list_in_doubt(broker->db, broker->arena, connection->app_id, since,
					 LOOKED_AT_MAX, &rows, &count, err))
		return false;
	for (int i = 0; i < count; i++)
		if (!look_at(broker, &rows[i], connection, doubt, err))
			return false;
	return true;
}

/* Whether who works on one of them lives. */
static bool find_under_way(const struct broker *broker, const struct authorization *rows, int count,
			   bool *under_way, struct error *err)
{
	*under_way = false;
	for (int i = 0; i < count && !*under_way; i++)
		if (!is_under_way(broker, &rows[i], under_way, err))
			return false;
	return true;
}

bool authorization_find_open(const struct broker *broker, struct arena *arena, int64_t app_id,
			     instant refused_at, enum authorization_open *open, struct error *err)
{
	const instant now = clock_now(broker->clock);
	struct authorization *rows;
	bool under_way, waits;
	int count;

	if (!authorization_list_leased(broker->db, arena, app_id, refused_at,
				       now - AUTHORIZATION_WORKER_DELAY, LOOKED_AT_MAX, &rows,
				       &count, err) ||
	    !find_under_way(broker, rows, count, &under_way, err) ||
	    !authorization_has_waiting(broker->db, app_id, refused_at, now - left_counts, &waits,
				       err))
		return false;
	*open = under_way ? AUTHORIZATION_UNDER_WAY
		: waits   ? AUTHORIZATION_LEFT
			  : AUTHORIZATION_NONE_OPEN;
	return true;
}
