#include "cli/examination.h"

#include <stdarg.h>
#include <stdio.h>

void examination_note(struct examination *examination, enum level level, const char *check,
		      const char *advice, const char *format, ...)
{
	static const char *const words[] = {"ok  ", "WARN", "FAIL"};
	static const char *const codes[] = {"ok", "warn", "fail"};
	char finding[2 * ERROR_MESSAGE_BYTES];
	va_list args;

	va_start(args, format);
	vsnprintf(finding, sizeof(finding), format, args);
	va_end(args);
	for (char *c = finding; *c != '\0'; c++)
		if ((unsigned char)*c < ' ') /* SQLite tells of damage in several lines */
			*c = ' ';
	examination->finding_count++;
	examination->failed_count += level == LEVEL_FAIL;
	json_array_append_new(examination->findings,
			      json_pack("{s:s, s:s, s:s, s:s?}", "level", codes[level], "check",
					check, "finding", finding, "advice", advice));
	if (!examination->call->is_json)
		printf("%s %s: %s%s%s\n", words[level], check, finding, advice != NULL ? "; " : "",
		       advice != NULL ? advice : "");
}

bool examination_get(struct examination *examination, const char *url, struct http_answer *answer,
		     struct error *err)
{
	const struct process *process = &examination->call->process;
	const struct http_call get = {.method = "GET",
				      .url = url,
				      .timeout_ms = process->config.zoom_timeout_ms};
	bool was_sent;

	return http_client_call(process->http_client, examination->call->arena, &get, answer,
				&was_sent, err);
}
