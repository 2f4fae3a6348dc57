#include "base/authorities.h"

#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/ssl.h>

#define TEXT(value)    #value
#define TEXT_OF(value) TEXT(value)

/* Of OpenSSL itself: what the contexts of curl's connections are. */
static void *function_of_openssl(const char *name)
{
	void *library = dlopen("libssl.so." TEXT_OF(OPENSSL_SHLIB_VERSION), RTLD_NOW);
	void *function = library != NULL ? dlsym(library, name) : NULL;

	assert_non_null(function);
	return function;
}

#define OPENSSL(function) ((typeof(function) *)function_of_openssl(#function))

struct fixture {
	char folder[64], file[96];
	struct authorities *authorities;
};

/* Puts a file with so many certificates in the place of what was there. */
static void write_file(const struct fixture *fixture, int certificates)
{
	char command[1024];

	snprintf(
		command, sizeof(command),
		"cd %s && : >new && for number in $(seq %d); do openssl req -x509 -newkey ec -pkeyopt "
		"ec_paramgen_curve:P-256 -nodes -keyout /dev/null -subj /CN=authority$number -days 1 "
		"2>/dev/null >>new || exit 1; done && mv new authorities.pem",
		fixture->folder, certificates);
	assert_int_equal(system(command), 0);
}

static void open_fixture(struct fixture *fixture)
{
	strcpy(fixture->folder, "/tmp/hallpass-test-XXXXXX");
	assert_non_null(mkdtemp(fixture->folder));
	snprintf(fixture->file, sizeof(fixture->file), "%s/authorities.pem", fixture->folder);
	fixture->authorities = authorities_open(fixture->file, NULL);
}

static void close_fixture(struct fixture *fixture)
{
	char command[128];

	authorities_close(&fixture->authorities);
	assert_null(fixture->authorities);
	snprintf(command, sizeof(command), "rm -r %s", fixture->folder);
	assert_int_equal(system(command), 0);
}

static SSL_CTX *new_context(void)
{
	SSL_CTX *context = OPENSSL(SSL_CTX_new)(OPENSSL(TLS_client_method)());

	assert_non_null(context);
	return context;
}

static X509_STORE *store_of(const SSL_CTX *context)
{
	return OPENSSL(SSL_CTX_get_cert_store)(context);
}

static int count_of(const SSL_CTX *context)
{
	/* A lookup in the library that the other one is linked with. */
	STACK_OF(X509_OBJECT) *objects = OPENSSL(X509_STORE_get0_objects)(store_of(context));

	return OPENSSL(OPENSSL_sk_num)((OPENSSL_STACK *)objects);
}

static void all_connections_go_by_one_set(void **state)
{
	struct fixture fixture;
	SSL_CTX *one = new_context(), *another = new_context();

	(void)state;
	open_fixture(&fixture);
	write_file(&fixture, 2);
	assert_true(authorities_lend(fixture.authorities, one));
	assert_true(authorities_lend(fixture.authorities, another));
	assert_int_equal(count_of(one), 2);
	assert_ptr_equal(store_of(one), store_of(another));
	/* It lasts as long as any of them. */
	close_fixture(&fixture);
	OPENSSL(SSL_CTX_free)(one);
	assert_int_equal(count_of(another), 2);
	OPENSSL(SSL_CTX_free)(another);
}

static void a_file_that_was_changed_is_read_again(void **state)
{
	struct fixture fixture;
	SSL_CTX *before = new_context(), *after = new_context();

	(void)state;
	open_fixture(&fixture);
	write_file(&fixture, 1);
	assert_true(authorities_lend(fixture.authorities, before));
	write_file(&fixture, 3);
	assert_true(authorities_lend(fixture.authorities, after));
	assert_int_equal(count_of(before), 1);
	assert_int_equal(count_of(after), 3);
	OPENSSL(SSL_CTX_free)(before);
	OPENSSL(SSL_CTX_free)(after);
	close_fixture(&fixture);
}

static void a_file_without_certificates_is_none_and_may_become_one(void **state)
{
	struct fixture fixture;
	SSL_CTX *context = new_context();

	(void)state;
	open_fixture(&fixture);
	assert_false(authorities_lend(fixture.authorities, context));
	write_file(&fixture, 0);
	assert_false(authorities_lend(fixture.authorities, context));
	write_file(&fixture, 1);
	assert_true(authorities_lend(fixture.authorities, context));
	/* What is gone is not gone by any more. */
	assert_int_equal(unlink(fixture.file), 0);
	assert_false(authorities_lend(fixture.authorities, context));
	OPENSSL(SSL_CTX_free)(context);
	close_fixture(&fixture);
}

static void they_fit_the_library_that_is_loaded_alone(void **state)
{
	static const char *const others[] = {
		"OpenSSL/1.1.1w",
		"OpenSSL/30.0.1",
		"OpenSSL/3.1.5+quic",
		"GnuTLS/3.7.9",
		"BoringSSL",
		"(OpenSSL/3.0.19)",
		"OpenSSL",
		"",
	};

	(void)state;
	assert_true(authorities_fit("OpenSSL/" TEXT_OF(OPENSSL_VERSION_MAJOR) ".0.19"));
	for (size_t i = 0; i < COUNT_OF(others); i++)
		if (authorities_fit(others[i]))
			fail_msg("%s is said to fit", others[i]);
	assert_false(authorities_fit(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_connections_go_by_one_set),
		cmocka_unit_test(a_file_that_was_changed_is_read_again),
		cmocka_unit_test(a_file_without_certificates_is_none_and_may_become_one),
		cmocka_unit_test(they_fit_the_library_that_is_loaded_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
