/* Zoom: whether it answers, whether the programs that serve have given it up, and what its clock says. */
#include "cli/doctor.h"
#include "store/zoom_circuit.h"

#include <stdlib.h>

static void note_zoom_date(struct examination *examination, const struct http_answer *answer)
{
	const char *date = http_answer_header(answer, "date");
	const instant now = clock_now(&examination->call->process.clock);
	instant zoom;

	if (examination->has_zoom_date || date == NULL ||
	    !instant_parse_retry_after(date, now, &zoom))
		return;
	examination->has_zoom_date = true;
	examination->zoom_ahead = zoom - now;
}

/* Whatever answers, with whatever status, is there. */
static void check_zoom_url(struct examination *examination, const char *key, const char *url)
{
	struct http_answer answer;
	struct error err = {0};

	if (!examination_get(examination, url, &answer, &err)) {
		examination_note(
			examination, LEVEL_FAIL, key,
			"check this machine's network, name servers, proxy variables and this setting",
			"%s cannot be reached: %s", url, err.message);
		return;
	}
	examination_note(examination, LEVEL_OK, key, NULL, "%s answers (HTTP %d in %ld ms)", url,
			 answer.status, answer.duration_ms);
	note_zoom_date(examination, &answer);
}

void doctor_check_zoom(struct examination *examination)
{
	struct process *process = &examination->call->process;

	if (!examination->has_config)
		return;
	process->http_client = http_client_open();
	check_zoom_url(examination, "zoom_oauth_url", process->config.zoom_oauth_url);
	check_zoom_url(examination, "zoom_api_url", process->config.zoom_api_url);
}

/* Zoom's events are refused when their timestamp is further from our clock than the tolerance. */
void doctor_check_clock(struct examination *examination)
{
	const instant tolerance = examination->call->process.config.webhook_tolerance_s * SECOND;
	const instant apart = llabs(examination->zoom_ahead);
	const char *side = examination->zoom_ahead > 0 ? "behind" : "ahead of";
	const char *advice = "set this machine's clock, e.g. with systemd-timesyncd or chrony";

	if (!examination->has_config)
		return;
	if (!examination->has_zoom_date)
		examination_note(examination, LEVEL_WARN, "clock",
				 "run doctor again once Zoom answers",
				 "not compared, for Zoom told no time");
	else if (apart > tolerance / 2)
		examination_note(examination, apart > tolerance ? LEVEL_FAIL : LEVEL_WARN, "clock",
				 advice, "%lld s %s Zoom's, with events accepted up to %lld s",
				 (long long)(apart / SECOND), side,
				 (long long)(tolerance / SECOND));
	else
		examination_note(examination, LEVEL_OK, "clock", NULL, "%lld s from Zoom's",
				 (long long)(apart / SECOND));
}

/* What the processes that serve have found out about Zoom, which may be more than one call now does. */
void doctor_check_zoom_circuits(struct examination *examination)
{
	struct call *call = examination->call;
	struct zoom_circuit open[ZOOM_CIRCUITS_MAX];
	struct error err = {0};
	size_t count;

	if (!examination->has_schema)
		return;
	if (!zoom_circuit_list(call->db, call->arena, clock_now(&call->process.clock), open, &count,
			       &err)) {
		examination_note(examination, LEVEL_FAIL, "zoom circuits",
				 "see what is said of the database", "%s", err.message);
		return;
	}
	examination->is_zoom_away = count > 0;
	for (size_t i = 0; i < count; i++) {
		char since[INSTANT_TEXT_BYTES];

		instant_format(open[i].failing_since, since);
		examination_note(
			examination, LEVEL_WARN, "zoom circuits",
			"bots join without tokens until it answers, which is noticed within half a minute; "
			"see https://status.zoom.us and this machine's network",
			"%s has given no good answer since %s (%s)", open[i].host, since,
			open[i].last_error);
	}
	if (count == 0)
		examination_note(examination, LEVEL_OK, "zoom circuits", NULL,
				 "none is open: Zoom is called");
}
