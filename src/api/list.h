/*
 * What all lists of the API have in common: `?cursor=` and `?page_size=`, and the answer
 * {"next", "previous", "results"}.
 *
 *	SCOPED(list_release) struct list list = {0};
 *	if (!list_open(&list, context, request, err))
 *		return false;
 *	state = input_choice(&list.input, "state", INPUT_OPTIONAL, states);
 *	if (!input_end(&list.input, err) ||
 *	    !bot_list(…, &list.page, &bots, &list.count, &list.has_newer, &list.has_older, err))
 *		return false;
 *	for (int i = 0; i < list.count; i++)
 *		list_add(&list, bot_json(&bots[i]), bots[i].id);
 *	list_respond(&list, response);
 */
#ifndef API_LIST_H
#define API_LIST_H

#include "http/input.h"
#include "http/message.h"
#include "serve/context.h"
#include "store/page.h"

#include <jansson.h>
#include <stdbool.h>

enum { LIST_PAGE_SIZE_DEFAULT = 25, LIST_PAGE_SIZE_MAX = 100 };

struct list {
	const struct context *context;
	const struct request *request;
	json_t *query;
	struct input input; /* over the query; the caller reads its filters from it and ends it */
	struct page page;   /* good once input_end() returned true */
	int count;          /* rows of this page, as the store's x_list() tells */
	bool has_newer, has_older;
	bool is_by_time, cursor_has_time; /* see list_order_by_time() */
	json_t *results;
	int64_t first_id, last_id; /* of the page's newest and oldest row; 0: it has none */
	int64_t first_at, last_at; /* their times, where it is ordered by one */
};

/* ERROR_INVALID for a query that cannot be read. */
bool list_open(struct list *list, const struct context *context, const struct request *request,
	       struct error *err) MUST_CHECK;
void list_release(struct list *list);

/* Before input_end(), which refuses the cursor of a list that was ordered otherwise. */
void list_order_by_time(struct list *list, bool is_by_time);

/*
 * Takes over `json`, which shows the row of that id: the one that the list is ordered by, or of several
 * at the same time `at`.
 */
void list_add(struct list *list, json_t *json, int64_t id);
void list_add_at(struct list *list, json_t *json, instant at, int64_t id);

void list_respond(const struct list *list, struct response *response);

#endif
