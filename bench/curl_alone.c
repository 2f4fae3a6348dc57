/*
 * curl_alone: what the same call costs a program that does nothing but make it: libcurl, a thread and a
 * kept-alive connection for each caller, every option set once. The baseline of bench/tokens.
 *
 *   curl_alone URL CALLERS SECONDS EXPECTED [HEADER…]
 *
 * Each caller's first call opens its connection and does not count; the time begins when all have made
 * theirs. Prints one line of JSON (see latencies.c).
 */
#include "latencies.h"

#include <assert.h>
#include <curl/curl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct plan {
	const char *url, *expected;
	struct curl_slist *headers;
	pthread_barrier_t first_calls_are_over;
	int64_t duration_us;
};

struct caller {
	pthread_t thread;
	struct plan *plan;
	struct latencies latencies;
	int64_t started_us, ended_us;
};

struct body {
	size_t size;
	char text[4096];
};

static size_t take_body(char *bytes, size_t one, size_t size, void *context)
{
	struct body *body = context;

	if (size >= sizeof(body->text) - body->size)
		return 0;
	memcpy(body->text + body->size, bytes, one * size);
	body->size += one * size;
	body->text[body->size] = '\0';
	return one * size;
}

static bool call(CURL *handle, struct body *body, const char *expected)
{
	long status = 0;

	body->size = 0;
	return curl_easy_perform(handle) == CURLE_OK &&
	       curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK &&
	       status == 200 && strstr(body->text, expected) != NULL;
}

static void *run(void *argument)
{
	struct caller *caller = argument;
	struct plan *plan = caller->plan;
	CURL *handle = curl_easy_init();
	struct body body = {0};

	assert(handle != NULL);
	curl_easy_setopt(handle, CURLOPT_URL, plan->url);
	curl_easy_setopt(handle, CURLOPT_HTTPHEADER, plan->headers);
	curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(handle, CURLOPT_WRITEDATA, &body);
	if (!call(handle, &body, plan->expected))
		caller->latencies.failures++;
	pthread_barrier_wait(&plan->first_calls_are_over);
	caller->started_us = caller->ended_us = latencies_now_us();
	while (caller->ended_us < caller->started_us + plan->duration_us) {
		const int64_t sent_us = caller->ended_us;
		const bool is_good = call(handle, &body, plan->expected);

		caller->ended_us = latencies_now_us();
		if (is_good)
			latencies_add(&caller->latencies, caller->ended_us - sent_us);
		else
			caller->latencies.failures++;
	}
	curl_easy_cleanup(handle);
	return NULL;
}

int main(int argument_count, char **arguments)
{
	struct latencies all = {0};
	struct plan plan = {0};
	struct caller *callers;
	int64_t started_us = INT64_MAX, ended_us = 0;
	unsigned caller_count;

	if (argument_count < 5) {
		fprintf(stderr, "usage: curl_alone URL CALLERS SECONDS EXPECTED [HEADER…]\n");
		return 2;
	}
	curl_global_init(CURL_GLOBAL_DEFAULT);
	plan.url = arguments[1];
	caller_count = (unsigned)strtoul(arguments[2], NULL, 10);
	plan.duration_us = (int64_t)(strtod(arguments[3], NULL) * 1e6);
	plan.expected = arguments[4];
	for (int i = 5; i < argument_count; i++)
		plan.headers = curl_slist_append(plan.headers, arguments[i]);
	pthread_barrier_init(&plan.first_calls_are_over, NULL, caller_count);
	callers = calloc(caller_count, sizeof(*callers));
	assert(callers != NULL);
	for (unsigned i = 0; i < caller_count; i++) {
		callers[i].plan = &plan;
		if (pthread_create(&callers[i].thread, NULL, run, &callers[i]) != 0) {
			fprintf(stderr, "curl_alone: cannot start %u threads\n", caller_count);
			return EXIT_FAILURE;
		}
	}
	for (unsigned i = 0; i < caller_count; i++) {
		pthread_join(callers[i].thread, NULL);
		if (callers[i].started_us < started_us)
			started_us = callers[i].started_us;
		if (callers[i].ended_us > ended_us)
			ended_us = callers[i].ended_us;
		latencies_merge(&all, &callers[i].latencies);
	}
	curl_slist_free_all(plan.headers);
	latencies_print(&all, ended_us - started_us);
	return EXIT_SUCCESS;
}
