#include "base/networks.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

enum { ADDRESS_BYTES = 16, BITS = 8 * ADDRESS_BYTES, V4_PREFIX_BITS = 96 };

/* Of either kind as IPv6: an IPv4 address is one of ::ffff:0:0/96. */
struct network {
	unsigned char address[ADDRESS_BYTES];
	int bits; /* of the address that count */
};

static bool read_address(const char *text, struct network *network)
{
	static const unsigned char v4_prefix[V4_PREFIX_BITS / 8] = {[10] = 0xff, [11] = 0xff};

	network->bits = BITS;
	if (inet_pton(AF_INET6, text, network->address) == 1)
		return true;
	memcpy(network->address, v4_prefix, sizeof(v4_prefix));
	return inet_pton(AF_INET, text, network->address + sizeof(v4_prefix)) == 1;
}

static bool read_network(char *text, struct network *network)
{
	char *slash = strchr(text, '/'), *end;
	int first;
	long bits;

	if (slash != NULL)
		*slash = '\0';
	if (!read_address(text, network))
		return false;
	if (slash == NULL)
		return true;
	first = strchr(text, ':') == NULL ? V4_PREFIX_BITS : 0;
	bits = strtol(slash + 1, &end, 10);
	if (slash[1] < '0' || slash[1] > '9' || *end != '\0' || bits > BITS - first)
		return false;
	network->bits = first + (int)bits;
	return true;
}

/* The next one of the list; *is_good is false where it is none. False at the end of the list. */
static bool next(const char **list, struct network *network, bool *is_good)
{
	char text[INET6_ADDRSTRLEN + sizeof("/128")];
	size_t length;

	*list += strspn(*list, " \t");
	length = strcspn(*list, " \t");
	if (length == 0)
		return false;
	*is_good = length < sizeof(text);
	if (*is_good) {
		memcpy(text, *list, length);
		text[length] = '\0';
		*is_good = read_network(text, network);
	}
	*list += length;
	return true;
}

bool networks_check(const char *networks, struct error *err)
{
	const char *list = networks;
	struct network network;
	bool is_good = true;

	while (is_good && next(&list, &network, &is_good))
		;
	return is_good ||
	       error_set(err, ERROR_INVALID,
			 "expected addresses and networks like 192.0.2.7 10.0.0.0/8, got '%s'",
			 networks);
}

static bool contains(const struct network *network, const struct network *address)
{
	const int whole = network->bits / 8, rest = network->bits % 8;
	const unsigned char mask = (unsigned char)(0xff00 >> rest);

	return memcmp(network->address, address->address, (size_t)whole) == 0 &&
	       (rest == 0 || ((network->address[whole] ^ address->address[whole]) & mask) == 0);
}

bool networks_contain(const char *networks, const char *address)
{
	const char *list = networks;
	struct network network, caller;
	bool is_good;

	if (!read_address(address, &caller))
		return false;
	while (next(&list, &network, &is_good))
		if (is_good && contains(&network, &caller))
			return true;
	return false;
}
