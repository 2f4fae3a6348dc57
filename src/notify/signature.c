#include "notify/signature.h"

#include "base/encode.h"
#include "notify/canonical_json.h"

#include <string.h>

static const char prefix[] = "whsec_";

enum { SECRET_RANDOM_BYTES = 32 };

const char *signature_make_secret(struct arena *arena)
{
	unsigned char bytes[SECRET_RANDOM_BYTES];
	const char *secret;

	random_bytes(bytes, sizeof(bytes));
	secret = arena_printf(arena, "%s%s", prefix, base64_encode(arena, bytes, sizeof(bytes)));
	explicit_bzero(bytes, sizeof(bytes));
	return secret;
}

bool signature_read_secret(struct arena *arena, const char *secret, struct span *key)
{
	const size_t length = strlen(prefix);
	size_t size;
	const void *bytes =
		base64_decode(arena,
			      strncmp(secret, prefix, length) == 0 ? secret + length : secret,
			      &size);

	if (bytes == NULL || size == 0)
		return false;
	*key = (struct span){bytes, size};
	return true;
}

static const char *sign(struct arena *arena, const struct span *key, const struct span *parts,
			size_t part_count)
{
	unsigned char mac[SHA256_BYTES];

	hmac_sha256(key->bytes, key->size, parts, part_count, mac);
	return base64_encode(arena, mac, sizeof(mac));
}

const char *signature_standard(struct arena *arena, const struct span *keys, size_t key_count,
			       const char *id, int64_t timestamp_s, const char *body,
			       size_t body_size)
{
	const char *head = arena_printf(arena, "%s.%lld.", id, (long long)timestamp_s);
	const struct span parts[] = {{head, strlen(head)}, {body, body_size}};
	const char *signatures = "";

	for (size_t i = 0; i < key_count; i++)
		signatures = arena_printf(arena, "%s%sv1,%s", signatures, i > 0 ? " " : "",
					  sign(arena, &keys[i], parts, COUNT_OF(parts)));
	return signatures;
}

const char *signature_attendee(struct arena *arena, const struct span *key, const json_t *body)
{
	const char *text = canonical_json(arena, body);

	return signature_of_canonical(arena, key, &(struct span){text, strlen(text)});
}

const char *signature_of_canonical(struct arena *arena, const struct span *key,
				   const struct span *body)
{
	return sign(arena, key, body, 1);
}

bool signature_attendee_is_valid(struct arena *arena, const struct span *key, const json_t *body,
				 const char *signature)
{
	const char *right = signature_attendee(arena, key, body);

	return signature != NULL && strlen(signature) == strlen(right) &&
	       equal_in_constant_time(signature, right, strlen(right));
}
