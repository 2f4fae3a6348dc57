#include "api/list.h"

#include "api/limits.h"
#include "base/encode.h"
#include "base/keyring.h"

#include <stdlib.h>
#include <string.h>

/*
 * A cursor is sealed for its list and project: ids of the database stay in the house, and what was
 * made up, altered or belongs to another list does not open.
 */
static struct seal_place cursor_place(const struct list *list)
{
	return (struct seal_place){"lists", "cursor", list->request->path,
				   list->context->project_id};
}

/* base64 and base64url differ in two characters, and in the padding, which nobody needs. */
static char *translate(char *text, const char *from, const char *to)
{
	for (char *c = text; *c != '\0'; c++) {
		const char *at = strchr(from, *c);

		if (at != NULL)
			*c = to[at - from];
	}
	text[strcspn(text, "=")] = '\0';
	return text;
}

static const char *cursor_text(const struct list *list, char direction, instant at, int64_t id)
{
	struct arena *arena = list->context->arena;
	const struct seal_place place = cursor_place(list);
	const struct sealed sealed =
		keyring_seal(list->context->process->keyring, arena, &place,
			     arena_printf(arena, list->is_by_time ? "%c%lld@%lld" : "%c%lld",
					  direction, (long long)id, (long long)at));

	return translate(base64_encode(arena, sealed.bytes, sealed.size), "+/", "-_");
}

static void refuse_cursor(struct list *list)
{
	input_refuse(&list->input, "cursor",
		     "is not one that this list gave; start again without it");
}

static void read_cursor(struct list *list)
{
	struct arena *arena = list->context->arena;
	const char *sent = input_string(&list->input, "cursor", INPUT_OPTIONAL, CURSOR_BYTES_MAX);
	const struct seal_place place = cursor_place(list);
	const char *text = NULL;
	struct sealed sealed;
	struct error err;
	char *end;

	if (sent == NULL)
		return;
	sealed.bytes = base64_decode(arena, translate(arena_strdup(arena, sent), "-_", "+/"),
				     &sealed.size);
	if (sealed.bytes == NULL ||
	    !keyring_open_sealed(list->context->process->keyring, arena, &place, sealed, &text,
				 &err) ||
	    text == NULL) {
		refuse_cursor(list);
		return;
	}
	if (*text == 'a')
		list->page.after_id = strtoll(text + 1, &end, 10);
	else
		list->page.before_id = strtoll(text + 1, &end, 10);
	list->cursor_has_time = *end == '@';
	if (list->cursor_has_time)
		list->page.at = strtoll(end + 1, NULL, 10);
}

bool list_open(struct list *list, const struct context *context, const struct request *request,
	       struct error *err)
{
	*list = (struct list){.context = context, .request = request, .results = json_array()};
	if (!query_to_json(context->arena, request->query, &list->query, err)) {
		list->query = NULL;
		return false;
	}
	list->input = input_of_query(context->arena, list->query);
	list->page.size = (int)input_int(&list->input, "page_size", 1, LIST_PAGE_SIZE_MAX,
					 LIST_PAGE_SIZE_DEFAULT);
	read_cursor(list);
	return true;
}

void list_order_by_time(struct list *list, bool is_by_time)
{
	const bool has_cursor = list->page.before_id != 0 || list->page.after_id != 0;

	list->is_by_time = is_by_time;
	if (has_cursor && list->cursor_has_time != is_by_time)
		refuse_cursor(list);
}

void list_release(struct list *list)
{
	json_decref(list->query);
	json_decref(list->input.wrong); /* where the handler gave up before input_end() */
	json_decref(list->results);
}

/* The address of this list with another cursor and everything else as it was asked for. */
static json_t *page_url(const struct list *list, char direction, instant at, int64_t id)
{
	struct arena *arena = list->context->arena;
	const char *url =
		arena_printf(arena, "%s%s?cursor=%s", list->context->process->config.public_url,
			     list->request->path, cursor_text(list, direction, at, id));
	const char *name;
	json_t *value;

	json_object_foreach (list->query, name, value)
		if (strcmp(name, "cursor") != 0)
			url = arena_printf(arena, "%s&%s=%s", url, percent_encode(arena, name),
					   percent_encode(arena, json_string_value(value)));
	return json_string(url);
}

void list_add_at(struct list *list, json_t *json, instant at, int64_t id)
{
	json_array_append_new(list->results, json);
	if (list->first_id == 0) {
		list->first_id = id;
		list->first_at = at;
	}
	list->last_id = id;
	list->last_at = at;
}

void list_add(struct list *list, json_t *json, int64_t id)
{
	list_add_at(list, json, 0, id);
}

void list_respond(const struct list *list, struct response *response)
{
	/* Of a page whose rows have all gone, the way back includes the row that the cursor names. */
	const bool is_empty = list->count == 0;
	const int64_t first_id = is_empty ? list->page.before_id - 1 : list->first_id;
	const int64_t last_id = is_empty ? list->page.after_id + 1 : list->last_id;
	const instant first_at = is_empty ? list->page.at : list->first_at;
	const instant last_at = is_empty ? list->page.at : list->last_at;
	json_t *body = json_object();

	json_object_set_new(body, "next",
			    list->has_older ? page_url(list, 'b', last_at, last_id) : json_null());
	json_object_set_new(body, "previous",
			    list->has_newer ? page_url(list, 'a', first_at, first_id)
					    : json_null());
	json_object_set(body, "results", list->results);
	respond_json(response, list->context->arena, 200, body);
}
