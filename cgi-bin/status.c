/* Is it there, is it ready? */
#include "api/status.h"
#include "serve/responder.h"

/* clang-format off */
static const struct route routes[] = {
	{ "GET", "/health", ACCESS_PUBLIC, get_health, WAITS_FOR_NOTHING },
	{ "GET", "/ready",  ACCESS_PUBLIC, get_ready,  WAITS_FOR_NOTHING },
};
/* clang-format on */

int main(void)
{
	return responder_main("status", routes, COUNT_OF(routes));
}
