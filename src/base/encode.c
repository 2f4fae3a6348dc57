#include "base/encode.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

static const char hex_digits[] = "0123456789abcdef";
static const char base64_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void hex_encode(const void *bytes, size_t size, char *text)
{
	const unsigned char *byte = bytes;

	for (size_t i = 0; i < size; i++) {
		*text++ = hex_digits[byte[i] >> 4];
		*text++ = hex_digits[byte[i] & 15];
	}
	*text = '\0';
}

char *base64_encode(struct arena *arena, const void *bytes, size_t size)
{
	const unsigned char *in = bytes;
	char *text = arena_alloc(arena, (size + 2) / 3 * 4 + 1);
	char *out = text;

	for (size_t i = 0; i < size; i += 3) {
		const size_t left = size - i;
		const uint32_t group = (uint32_t)in[i] << 16 |
				       (left > 1 ? (uint32_t)in[i + 1] << 8 : 0) |
				       (left > 2 ? (uint32_t)in[i + 2] : 0);

		*out++ = base64_digits[group >> 18 & 63];
		*out++ = base64_digits[group >> 12 & 63];
		*out++ = left > 1 ? base64_digits[group >> 6 & 63] : '=';
		*out++ = left > 2 ? base64_digits[group & 63] : '=';
	}
	return text;
}

void *base64_decode(struct arena *arena, const char *text, size_t *size)
{
	size_t length = strlen(text);
	unsigned char *bytes;
	uint32_t group = 0;
	unsigned bits = 0;

	if (length % 4 == 0 && length > 0 && text[length - 1] == '=')
		length -= text[length - 2] == '=' ? 2 : 1;
	if (length % 4 == 1)
		return NULL;
	bytes = arena_alloc(arena, length / 4 * 3 + 4);
	*size = 0;
	for (size_t i = 0; i < length; i++) {
		const char *digit = strchr(base64_digits, text[i]);

		if (digit == NULL || text[i] == '\0')
			return NULL;
		group = group << 6 | (uint32_t)(digit - base64_digits);
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			bytes[(*size)++] = (unsigned char)(group >> bits);
		}
	}
	return bytes;
}

char *percent_encode(struct arena *arena, const char *text)
{
	char *encoded = arena_alloc(arena, strlen(text) * 3 + 1);
	char *out = encoded;

	for (; *text != '\0'; text++) {
		const unsigned char c = (unsigned char)*text;

		if ((c < 128 && isalnum(c)) || strchr("-._~", c) != NULL) {
			*out++ = (char)c;
		} else {
			*out++ = '%';
			*out++ = "0123456789ABCDEF"[c >> 4];
			*out++ = "0123456789ABCDEF"[c & 15];
		}
	}
	return encoded;
}

static int hex_value(char c)
{
	const char *digit = strchr(hex_digits, tolower((unsigned char)c));

	return c == '\0' || digit == NULL ? -1 : (int)(digit - hex_digits);
}

char *percent_decode(struct arena *arena, const char *text, size_t length, bool plus_is_space)
{
	char *decoded = arena_alloc(arena, length + 1);
	char *out = decoded;

	for (size_t i = 0; i < length; i++) {
		char c = text[i];

		if (c == '%') {
			const int high = i + 2 < length ? hex_value(text[i + 1]) : -1;
			const int low = i + 2 < length ? hex_value(text[i + 2]) : -1;

			if (high < 0 || low < 0)
				return NULL;
			c = (char)(high << 4 | low);
			i += 2;
		} else if (c == '+' && plus_is_space) {
			c = ' ';
		}
		if (c == '\0')
			return NULL;
		*out++ = c;
	}
	return decoded;
}
