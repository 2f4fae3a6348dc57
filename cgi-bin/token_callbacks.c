/* Token callbacks: where bot engines fetch tokens, by the secret in the path, and their management. */
#include "api/token_callbacks.h"
#include "api/callbacks.h"
#include "serve/responder.h"

#define TOKEN_CALLBACKS "/api/v1/token_callbacks"
#define CALLBACKS       "/callbacks/:secret"

/* clang-format off */
static const struct route routes[] = {
	{ "POST",   TOKEN_CALLBACKS,                ACCESS_API_KEY, post_callback,          waits_for_nothing },
	{ "GET",    TOKEN_CALLBACKS,                ACCESS_API_KEY, get_callbacks,          waits_for_nothing },
	{ "GET",    TOKEN_CALLBACKS "/:id",         ACCESS_API_KEY, get_callback,           waits_for_nothing },
	{ "DELETE", TOKEN_CALLBACKS "/:id",         ACCESS_API_KEY, delete_callback,        waits_for_nothing },
	{ "GET",    TOKEN_CALLBACKS "/:id/uses",    ACCESS_API_KEY, get_callback_uses,      waits_for_nothing },
	{ "POST",   CALLBACKS "/attendee",            ACCESS_PUBLIC, post_attendee_callback, waits_for_zoom_if_room },
	{ "GET",    CALLBACKS "/recall/join_token",   ACCESS_PUBLIC, get_token_callback,     waits_for_zoom_if_room },
	{ "GET",    CALLBACKS "/recall/zak",          ACCESS_PUBLIC, get_token_callback,     waits_for_zoom_if_room },
	{ "GET",    CALLBACKS "/recall/obf",          ACCESS_PUBLIC, get_token_callback,     waits_for_zoom_if_room },
	{ "GET",    CALLBACKS "/recall/access_token", ACCESS_PUBLIC, get_token_callback,     waits_for_zoom_if_room },
	{ "GET",    CALLBACKS "/meeting_baas/obf",    ACCESS_PUBLIC, get_token_callback,     waits_for_zoom_if_room },
	{ "GET",    CALLBACKS "/meeting_baas/zak",    ACCESS_PUBLIC, get_token_callback,     waits_for_zoom_if_room },
	{ "GET",    CALLBACKS "/meetstream/obf",      ACCESS_PUBLIC, get_token_callback,     waits_for_zoom_if_room },
	{ "POST",   CALLBACKS "/meetstream/obf",      ACCESS_PUBLIC, post_token_callback,    waits_for_zoom_if_room },
	{ "GET",    CALLBACKS "/meetstream/zak",      ACCESS_PUBLIC, get_token_callback,     waits_for_zoom_if_room },
	{ "POST",   CALLBACKS "/meetstream/zak",      ACCESS_PUBLIC, post_token_callback,    waits_for_zoom_if_room },
};
/* clang-format on */

int main(void)
{
	return responder_main("token_callbacks", routes, COUNT_OF(routes));
}
