#include "http/public_address.h"

#include "base/attr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct block4 {
	uint32_t address;
	int bits;
};

/* clang-format off */
static const struct block4 special4[] = {
	{0x00000000,  8}, /* this network */
	{0x0a000000,  8}, /* private */
	{0x64400000, 10}, /* carriers' shared addresses, and a provider's metadata */
	{0x7f000000,  8}, /* loopback */
	{0xa83f8110, 32}, /* 168.63.129.16: a provider's metadata, in the middle of public ones */
	{0xa9fe0000, 16}, /* link-local, and most providers' metadata */
	{0xac100000, 12}, /* private */
	{0xc0000000, 24}, /* protocol assignments */
	{0xc0000200, 24}, /* documentation */
	{0xc0586300, 24}, /* 6to4 relays of old */
	{0xc0a80000, 16}, /* private */
	{0xc6120000, 15}, /* benchmarks */
	{0xc6336400, 24}, /* documentation */
	{0xcb007100, 24}, /* documentation */
	{0xe0000000,  3}, /* multicast, reserved, broadcast */
};
/* clang-format on */

struct block6 {
	unsigned char address[16];
	int bits;
};

/* All that is handed out for global use, … */
static const struct block6 global6 = {{0x20}, 3};

/* … apart from these. */
static const struct block6 special6[] = {
	{{0x20, 0x01}, 23},             /* protocol assignments, Teredo */
	{{0x20, 0x01, 0x0d, 0xb8}, 32}, /* documentation */
	{{0x20, 0x02}, 16},             /* 6to4 */
	{{0x3f, 0xff}, 20},             /* documentation */
};

/* Their last four bytes are an IPv4 address. */
static const struct block6 embedding6[] = {
	{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96}, /* mapped */
	{{0x00, 0x64, 0xff, 0x9b}, 96},                   /* NAT64 */
};

static bool is_in4(uint32_t address, const struct block4 *block)
{
	return (address ^ block->address) >> (32 - block->bits) == 0;
}

static bool is_in6(const unsigned char *address, const struct block6 *block)
{
	const int whole = block->bits / 8, rest = block->bits % 8;

	return memcmp(address, block->address, (size_t)whole) == 0 &&
	       (rest == 0 || (address[whole] ^ block->address[whole]) >> (8 - rest) == 0);
}

static bool is_public4(const unsigned char *bytes)
{
	const uint32_t address = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 |
				 (uint32_t)bytes[2] << 8 | bytes[3];

	for (size_t i = 0; i < COUNT_OF(special4); i++)
		if (is_in4(address, &special4[i]))
			return false;
	return true;
}

static bool is_public6(const unsigned char *bytes)
{
	for (size_t i = 0; i < COUNT_OF(embedding6); i++)
		if (is_in6(bytes, &embedding6[i]))
			return is_public4(bytes + 12);
	for (size_t i = 0; i < COUNT_OF(special6); i++)
		if (is_in6(bytes, &special6[i]))
			return false;
	return is_in6(bytes, &global6);
}

bool public_address_is(const struct sockaddr *address)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	/* Copied, for what was handed in need not be aligned for its family. */
	switch (address->sa_family) {
	case AF_INET:
		memcpy(&v4, address, sizeof(v4));
		return is_public4((const unsigned char *)&v4.sin_addr);
	case AF_INET6:
		memcpy(&v6, address, sizeof(v6));
		return is_public6(v6.sin6_addr.s6_addr);
	default:
		return false;
	}
}

/* "localhost", "x.localhost" and, written with a point at its end, "localhost." */
static bool is_localhost(const char *host)
{
	static const char name[] = "localhost";
	size_t length = strlen(host);

	while (length > 0 && host[length - 1] == '.')
		length--;
	return length >= strlen(name) &&
	       strncasecmp(host + length - strlen(name), name, strlen(name)) == 0 &&
	       (length == strlen(name) || host[length - strlen(name) - 1] == '.');
}

bool public_address_may_be_host(const char *host)
{
	unsigned char bytes[16];
	char unbracketed[64];

	snprintf(unbracketed, sizeof(unbracketed), "%s", host[0] == '[' ? host + 1 : host);
	if (host[0] == '[')
		unbracketed[strcspn(unbracketed, "]")] = '\0';
	if (inet_pton(AF_INET, unbracketed, bytes) == 1)
		return is_public4(bytes);
	if (inet_pton(AF_INET6, unbracketed, bytes) == 1)
		return is_public6(bytes);
	return !is_localhost(host);
}

void public_address_text(const struct sockaddr *address, char text[static ADDRESS_TEXT_BYTES])
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	snprintf(text, ADDRESS_TEXT_BYTES, "an address of no known kind");
	if (address->sa_family == AF_INET) {
		memcpy(&v4, address, sizeof(v4));
		inet_ntop(AF_INET, &v4.sin_addr, text, ADDRESS_TEXT_BYTES);
	} else if (address->sa_family == AF_INET6) {
		memcpy(&v6, address, sizeof(v6));
		inet_ntop(AF_INET6, &v6.sin6_addr, text, ADDRESS_TEXT_BYTES);
	}
}
