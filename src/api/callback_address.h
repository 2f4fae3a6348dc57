/* The addresses of token callbacks, as data: what each bot engine calls, and which token it wants there. */
#ifndef API_CALLBACK_ADDRESS_H
#define API_CALLBACK_ADDRESS_H

enum callback_token {
	CALLBACK_TOKENS, /* all that there are, as JSON */
	CALLBACK_RECORDING_TOKEN,
	CALLBACK_ONBEHALF_TOKEN,
	CALLBACK_ZAK,
	CALLBACK_ACCESS_TOKEN,
};

struct callback_address {
	const char *engine;
	const char *name; /* under `urls` in the API */
	const char *path; /* after /callbacks/{secret}/ */
	enum callback_token token;
	const char *token_name; /* as a list of uses names it */
	/* How long the engine waits, less the way there and back and what noting the use may take. */
	int patience_ms;
};

/* Ends with an engine of NULL. */
extern const struct callback_address callback_addresses[];

/* The engines' names; ends with NULL. */
extern const char *const callback_engines[];

/* Of a request's path that a route of token callbacks has matched. */
const struct callback_address *callback_address_of(const char *request_path);

#endif
