/* Is it there, is it ready, how is it? */
#include "api/status.h"
#include "api/metrics.h"
#include "serve/responder.h"

/* clang-format off */
static const struct route routes[] = {
	{ "GET", "/health",  ACCESS_PUBLIC, get_health,  WAITS_FOR_NOTHING },
	{ "GET", "/ready",   ACCESS_PUBLIC, get_ready,   WAITS_FOR_NOTHING },
	{ "GET", "/metrics", ACCESS_PUBLIC, get_metrics, WAITS_FOR_NOTHING }, /* from this machine */
};
/* clang-format on */

int main(void)
{
	return responder_main("status", routes, COUNT_OF(routes));
}
