/* Whether an address belongs to the internet at large, and so may be sent to at a stranger's word. Pure. */
#ifndef HTTP_PUBLIC_ADDRESS_H
#define HTTP_PUBLIC_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

enum { ADDRESS_TEXT_BYTES = 46 };

/*
 * False for everything that reaches this machine, its networks, its provider's metadata or nobody:
 * whatever IANA's registries of special-purpose addresses do not call globally reachable, multicast,
 * and all families but IPv4 and IPv6. An IPv6 address that stands for an IPv4 one (mapped, NAT64) is as
 * public as that; those of the older transitions (compatible, 6to4, Teredo) never are.
 */
bool public_address_is(const struct sockaddr *address);

/* The same for what a URL has as its host; true for a name, of which nothing is known yet. */
bool public_address_may_be_host(const char *host);

/* For messages: "127.0.0.1". */
void public_address_text(const struct sockaddr *address, char text[static ADDRESS_TEXT_BYTES]);

#endif
