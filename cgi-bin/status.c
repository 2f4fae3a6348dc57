/* Is it there, is it ready, how is it? */
#include "api/status.h"
#include "api/metrics.h"
#include "api/openapi.h"
#include "serve/responder.h"

/* clang-format off */
static const struct route routes[] = {
	{ "GET", "/health",              ACCESS_PUBLIC, get_health,  waits_for_nothing },
	{ "GET", "/ready",               ACCESS_PUBLIC, get_ready,   waits_for_nothing },
	{ "GET", "/metrics",             ACCESS_PUBLIC, get_metrics, waits_for_nothing }, /* from this machine */
	{ "GET", "/api/v1/openapi.json", ACCESS_PUBLIC, get_openapi, waits_for_nothing },
};
/* clang-format on */

int main(void)
{
	return responder_main("status", routes, COUNT_OF(routes));
}
