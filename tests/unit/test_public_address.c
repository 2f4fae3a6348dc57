#include "base/attr.h"
#include "http/public_address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <sys/un.h>

static bool is_public(const char *text)
{
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	struct sockaddr_in v4 = {.sin_family = AF_INET};

	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
		return public_address_is((const struct sockaddr *)&v4);
	if (inet_pton(AF_INET6, text, &v6.sin6_addr) != 1)
		fail_msg("%s is no address", text);
	return public_address_is((const struct sockaddr *)&v6);
}

/* The edges of every block, from inside. */
static void what_is_not_public_is_known_from_edge_to_edge(void **state)
{
	static const char *const addresses[] = {
		"0.0.0.0",
		"0.255.255.255",
		"10.0.0.0",
		"10.255.255.255",
		"100.64.0.0",
		"100.100.100.200",
		"100.127.255.255",
		"127.0.0.0",
		"127.0.0.1",
		"127.255.255.255",
		"168.63.129.16",
		"169.254.0.0",
		"169.254.169.254",
		"169.254.255.255",
		"172.16.0.0",
		"172.31.255.255",
		"192.0.0.0",
		"192.0.0.255",
		"192.0.2.0",
		"192.0.2.255",
		"192.88.99.0",
		"192.88.99.255",
		"192.168.0.0",
		"192.168.255.255",
		"198.18.0.0",
		"198.19.255.255",
		"198.51.100.0",
		"198.51.100.255",
		"203.0.113.0",
		"203.0.113.255",
		"224.0.0.0",
		"239.255.255.255",
		"240.0.0.0",
		"255.255.255.255",
		"::",
		"::1",
		"::7f00:1",
		"::808:808",
		"::ffff:127.0.0.1",
		"::ffff:10.1.2.3",
		"::ffff:169.254.169.254",
		"::ffff:0.0.0.0",
		"64:ff9b::7f00:1",
		"64:ff9b::a9fe:a9fe",
		"64:ff9b:1::808:808",
		"100::1",
		"2001::1",
		"2001:1ff:ffff::1",
		"2001:0:808:808::1",
		"2001:db8::1",
		"2001:db8:ffff:ffff::1",
		"2002:7f00:1::1",
		"2002:808:808::1",
		"3fff::1",
		"3fff:fff:ffff::1",
		"4000::1",
		"1fff:ffff::1",
		"5f00::1",
		"fc00::1",
		"fd00:ec2::254",
		"fdff::1",
		"fe80::1",
		"febf::1",
		"fec0::1",
		"ff02::1",
		"ff0e::1",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(addresses); i++)
		if (is_public(addresses[i]))
			fail_msg("%s was taken for public", addresses[i]);
}

/* The edges of the same blocks, from outside. */
static void what_lies_beside_it_is_public(void **state)
{
	static const char *const addresses[] = {
		"1.0.0.0",          "1.1.1.1",
		"8.8.8.8",          "9.255.255.255",
		"11.0.0.0",         "100.63.255.255",
		"100.128.0.0",      "126.255.255.255",
		"128.0.0.0",        "168.63.129.15",
		"168.63.129.17",    "169.253.255.255",
		"169.255.0.0",      "172.15.255.255",
		"172.32.0.0",       "191.255.255.255",
		"192.0.1.0",        "192.0.3.0",
		"192.88.98.255",    "192.88.100.0",
		"192.167.255.255",  "192.169.0.0",
		"198.17.255.255",   "198.20.0.0",
		"198.51.99.255",    "198.51.101.0",
		"203.0.112.255",    "203.0.114.0",
		"223.255.255.255",  "::ffff:8.8.8.8",
		"64:ff9b::808:808", "2000::1",
		"2001:200::1",      "2001:4860:4860::8888",
		"2001:db7:ffff::1", "2001:db9::1",
		"2003::1",          "2606:4700:4700::1111",
		"3ffe::1",          "3fff:1000::1",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(addresses); i++)
		if (!is_public(addresses[i]))
			fail_msg("%s was not taken for public", addresses[i]);
}

static void an_address_that_is_none_of_the_internet_is_not_public(void **state)
{
	const struct sockaddr_un local = {.sun_family = AF_UNIX};
	const struct sockaddr nothing = {.sa_family = AF_UNSPEC};

	(void)state;
	assert_false(public_address_is((const struct sockaddr *)&local));
	assert_false(public_address_is(&nothing));
}

static void a_host_that_is_written_as_an_address_is_known_at_once(void **state)
{
	static const char *const never[] =
		{"127.0.0.1", "[::1]",      "::1",           "[::ffff:10.0.0.1]", "localhost",
		 "LOCALHOST", "localhost.", "api.localhost", "169.254.169.254"};
	static const char *const perhaps[] = {"8.8.8.8",
					      "[2606:4700:4700::1111]",
					      "example.com",
					      "notlocalhost",
					      "localhost.example.com",
					      "7f000001"};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(never); i++)
		if (public_address_may_be_host(never[i]))
			fail_msg("%s may be public", never[i]);
	for (size_t i = 0; i < COUNT_OF(perhaps); i++)
		if (!public_address_may_be_host(perhaps[i]))
			fail_msg("%s may not be public", perhaps[i]);
}

static void an_address_is_written_as_people_do(void **state)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	char text[ADDRESS_TEXT_BYTES];

	(void)state;
	v4.sin_addr.s_addr = htonl(0x7f000001);
	public_address_text((const struct sockaddr *)&v4, text);
	assert_string_equal(text, "127.0.0.1");
	v6.sin6_addr.s6_addr[15] = 1;
	public_address_text((const struct sockaddr *)&v6, text);
	assert_string_equal(text, "::1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_public_is_known_from_edge_to_edge),
		cmocka_unit_test(what_lies_beside_it_is_public),
		cmocka_unit_test(an_address_that_is_none_of_the_internet_is_not_public),
		cmocka_unit_test(a_host_that_is_written_as_an_address_is_known_at_once),
		cmocka_unit_test(an_address_is_written_as_people_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
