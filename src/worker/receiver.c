#include "worker/receiver.h"

#include <stdlib.h>
#include <string.h>

/* From the scheme on, for http and https of one host are two receivers. */
static size_t authority_length(const char *url)
{
	const char *host = strstr(url, "://");
	size_t length;

	host = host != NULL ? host + strlen("://") : url;
	length = (size_t)(host - url) + strcspn(host, "/?#");
	return length < RECEIVER_AUTHORITY_BYTES ? length : RECEIVER_AUTHORITY_BYTES - 1;
}

static bool is_receiver(const struct receiver *place, int64_t project_id, const char *url,
			size_t length)
{
	return place->user_count > 0 && place->project_id == project_id &&
	       strlen(place->authority) == length && memcmp(place->authority, url, length) == 0;
}

static struct receiver *find(struct receiver *places, int count, int64_t project_id,
			     const char *url, size_t length)
{
	struct receiver *free_place = NULL;

	for (int i = 0; i < count; i++) {
		if (is_receiver(&places[i], project_id, url, length))
			return &places[i];
		if (places[i].user_count == 0)
			free_place = &places[i];
	}
	return free_place;
}

static void take_place(struct receiver *place, int64_t project_id, const char *url, size_t length)
{
	*place = (struct receiver){.project_id = project_id, .window = RECEIVER_WINDOW_MIN};
	memcpy(place->authority, url, length);
}

struct receiver *receiver_hold(struct receiver *places, int count, int64_t project_id,
			       const char *url)
{
	const size_t length = authority_length(url);
	struct receiver *receiver = find(places, count, project_id, url, length);

	if (receiver == NULL)
		abort();
	if (receiver->user_count == 0)
		take_place(receiver, project_id, url, length);
	receiver->user_count++;
	return receiver;
}

void receiver_release(struct receiver **receiver)
{
	if (*receiver != NULL)
		(*receiver)->user_count--;
	*receiver = NULL;
}

bool receiver_has_room(const struct receiver *receiver, int starting)
{
	return receiver->under_way + starting < receiver->window;
}

void receiver_note_start(struct receiver *receiver, int64_t now_ms)
{
	if (receiver->under_way++ == 0)
		receiver->result_at_ms = now_ms;
}

void receiver_note_result(struct receiver *receiver, bool has_failed, int64_t now_ms)
{
	const int window = has_failed ? receiver->window / 2 : receiver->window * 2;

	receiver->under_way--;
	receiver->result_at_ms = now_ms;
	receiver->window = window < RECEIVER_WINDOW_MIN   ? RECEIVER_WINDOW_MIN
			   : window > RECEIVER_WINDOW_MAX ? RECEIVER_WINDOW_MAX
							  : window;
}

bool receiver_is_doubtful(const struct receiver *receiver)
{
	return receiver->window == RECEIVER_WINDOW_MIN;
}

int receiver_count_doubtful(const struct receiver *places, int count, int64_t project_id)
{
	int posts = 0;

	for (int i = 0; i < count; i++)
		if (places[i].user_count > 0 && places[i].project_id == project_id &&
		    receiver_is_doubtful(&places[i]))
			posts += places[i].under_way;
	return posts;
}

bool receiver_is_slow(const struct receiver *receiver, int64_t now_ms)
{
	return !receiver_has_room(receiver, 0) &&
	       now_ms - receiver->result_at_ms > RECEIVER_SLOW_MS;
}
