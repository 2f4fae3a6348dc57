#include "broker/broker.h"

struct zoom_endpoint broker_zoom_until_deadline(const struct broker *broker)
{
	const int64_t left_ms = broker->deadline_ms - clock_monotonic_ms();
	struct zoom_endpoint zoom = broker->zoom;

	if (left_ms < zoom.timeout_ms)
		zoom.timeout_ms = left_ms > 0 ? (long)left_ms : 1;
	return zoom;
}
