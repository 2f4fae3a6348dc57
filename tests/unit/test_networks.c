/* Who may ask what is not for everybody. */
#include "base/networks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void an_address_is_in_a_network_of_its_first_bits(void **state)
{
	static const struct {
		const char *networks, *address;
		bool contains;
	} cases[] = {
		{"", "127.0.0.1", false},
		{"127.0.0.1", "127.0.0.1", true},
		{"127.0.0.1", "127.0.0.2", false},
		{"10.0.0.0/8", "10.255.0.1", true},
		{"10.0.0.0/8", "11.0.0.1", false},
		{"10.0.0.64/26", "10.0.0.127", true},
		{"10.0.0.64/26", "10.0.0.128", false},
		{"10.0.0.0/31", "10.0.0.1", true},
		{"10.0.0.0/31", "10.0.0.2", false},
		{"0.0.0.0/0", "203.0.113.7", true},
		{"0.0.0.0/0", "2001:db8::1", false},
		{"::/0", "203.0.113.7", true},
		{"::/0", "2001:db8::1", true},
		{"2001:db8::/33", "2001:db8:7fff::1", true},
		{"2001:db8::/33", "2001:db8:8000::1", false},
		{"10.0.0.0/8", "::ffff:10.1.2.3", true},
		{"192.0.2.7 \t 2001:db8::/32  10.0.0.0/8", "10.1.2.3", true},
		{"192.0.2.7 2001:db8::/32", "10.1.2.3", false},
		{"0.0.0.0/0 ::/0", "", false},
		{"0.0.0.0/0 ::/0", "unix:", false},
		{"0.0.0.0/0 ::/0", "10.1.2.3.4", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		if (networks_contain(cases[i].networks, cases[i].address) != cases[i].contains)
			fail_msg("'%s' in '%s'", cases[i].address, cases[i].networks);
}

static void a_list_is_checked_as_a_whole(void **state)
{
	static const char *const good[] = {"",          " ",
					   "127.0.0.1", "::1 10.0.0.0/8",
					   "0.0.0.0/0", "2001:db8::/128"};
	static const char *const bad[] =
		{"localhost",
		 "10.0.0.0/33",
		 "10.0.0.0/-1",
		 "10.0.0.0/",
		 "10.0.0.0/8x",
		 "::/129",
		 "10.0.0.0/8,11.0.0.0/8",
		 "127.0.0.1 x",
		 "/8",
		 "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb/128"};
	struct error err;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++)
		assert_true(networks_check(good[i], &err));
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		assert_false(networks_check(bad[i], &err));
		assert_non_null(strstr(err.message, bad[i]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_is_in_a_network_of_its_first_bits),
		cmocka_unit_test(a_list_is_checked_as_a_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
