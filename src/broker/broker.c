#include "broker/broker.h"

bool broker_is_out_of_time(const struct broker *broker, struct zoom_failure *failure)
{
	if (broker->out_of_time == NULL && clock_monotonic_ms() < broker->deadline_ms)
		return false;
	*failure = (struct zoom_failure){
		.class = ZOOM_FAILURE_TIMEOUT,
		.reason = broker->out_of_time != NULL ? broker->out_of_time
						      : "there was no time left to ask Zoom",
	};
	return true;
}

struct zoom_endpoint broker_zoom_until_deadline(const struct broker *broker)
{
	const int64_t left_ms = broker->deadline_ms - clock_monotonic_ms();
	struct zoom_endpoint zoom = broker->zoom;

	if (left_ms < zoom.timeout_ms)
		zoom.timeout_ms = left_ms > 0 ? (long)left_ms : 1;
	return zoom;
}
