#include "zoom/signature.h"

#include "base/crypto.h"
#include "base/encode.h"

#include <string.h>

static const char version[] = "v0";

enum {
	/* Up to the year 33658: enough for any clock, and no product of it overflows an instant. */
	TIMESTAMP_DIGITS_MAX = 12,
};

static void hex_mac(const char *secret, const struct span *parts, size_t part_count,
		    char hex[static ZOOM_HEX_MAC_BYTES])
{
	unsigned char mac[SHA256_BYTES];

	hmac_sha256(secret, strlen(secret), parts, part_count, mac);
	hex_encode(mac, sizeof(mac), hex);
}

bool zoom_signature_is_valid(const char *secret, const char *timestamp, const void *body,
			     size_t body_size, const char *signature)
{
	const struct span parts[] = {
		{version, sizeof(version) - 1},
		{":", 1},
		{timestamp, timestamp != NULL ? strlen(timestamp) : 0},
		{":", 1},
		{body, body_size},
	};
	const size_t prefix = sizeof(version); /* with the = in the place of the NUL */
	char expected[ZOOM_HEX_MAC_BYTES];

	/* Anybody can sign with an empty secret, so nothing that it signs is proved. */
	if (secret == NULL || *secret == '\0' || timestamp == NULL || signature == NULL)
		return false;
	if (strncmp(signature, "v0=", prefix) != 0 ||
	    strlen(signature) != prefix + ZOOM_HEX_MAC_BYTES - 1)
		return false;
	hex_mac(secret, parts, COUNT_OF(parts), expected);
	return equal_in_constant_time(signature + prefix, expected, ZOOM_HEX_MAC_BYTES - 1);
}

bool zoom_timestamp_is_fresh(const char *timestamp, instant now, long tolerance_s)
{
	const size_t digits = timestamp != NULL ? strspn(timestamp, "0123456789") : 0;
	instant at = 0, distance;

	if (digits == 0 || digits > TIMESTAMP_DIGITS_MAX || timestamp[digits] != '\0')
		return false;
	for (size_t i = 0; i < digits; i++)
		at = at * 10 + (timestamp[i] - '0');
	distance = now - at * SECOND;
	if (distance < 0)
		distance = -distance;
	return distance <= tolerance_s * SECOND;
}

void zoom_encrypt_plain_token(const char *secret, const char *plain_token,
			      char encrypted[static ZOOM_HEX_MAC_BYTES])
{
	const struct span parts[] = {{plain_token, strlen(plain_token)}};

	hex_mac(secret, parts, COUNT_OF(parts), encrypted);
}
