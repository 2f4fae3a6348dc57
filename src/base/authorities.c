#include "base/authorities.h"

#include <openssl/opensslv.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct authorities {
	char *file, *folder;
	pthread_mutex_t lock; /* over what follows */
	X509_STORE *store;    /* NULL: not read yet */
	struct stat as_read;  /* the file */
};

/* Of a derivative, whose version would have a suffix, nobody knows whether it is the library that we load. */
bool authorities_fit(const char *tls_library)
{
	char ours[32];
	const int length = snprintf(ours, sizeof(ours), "OpenSSL/%d.", OPENSSL_VERSION_MAJOR);

	return tls_library != NULL && strncmp(tls_library, ours, (size_t)length) == 0 &&
	       tls_library[length + (int)strspn(tls_library + length, "0123456789.")] == '\0';
}

static char *copy(const char *text)
{
	char *copied = text != NULL ? strdup(text) : NULL;

	if (text != NULL && copied == NULL)
		abort();
	return copied;
}

struct authorities *authorities_open(const char *file, const char *folder)
{
	struct authorities *authorities = calloc(1, sizeof(*authorities));

	if (authorities == NULL)
		abort();
	authorities->file = copy(file);
	authorities->folder = copy(folder);
	pthread_mutex_init(&authorities->lock, NULL);
	return authorities;
}

void authorities_close(struct authorities **authorities)
{
	struct authorities *closing = *authorities;

	*authorities = NULL;
	if (closing == NULL)
		return;
	X509_STORE_free(closing->store);
	pthread_mutex_destroy(&closing->lock);
	free(closing->folder);
	free(closing->file);
	free(closing);
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Trusted as curl trusts them: an authority between the root and the other side is enough where it is among them. */
static X509_STORE *read_store(const struct authorities *authorities)
{
	X509_STORE *store = X509_STORE_new();

	if (store == NULL)
		abort();
	if (X509_STORE_load_file(store, authorities->file) != 1) {
		X509_STORE_free(store);
		return NULL;
	}
	/* Where there is no such folder nothing is found in it. */
	if (authorities->folder != NULL && X509_STORE_load_path(store, authorities->folder) != 1)
		abort();
	X509_STORE_set_flags(store, X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN);
	return store;
}

/* With the lock. Connections that go by the former ones have them until they end. */
static bool read_what_is_new(struct authorities *authorities)
{
	struct stat now;
	X509_STORE *store;

	if (stat(authorities->file, &now) != 0)
		return false;
	if (authorities->store != NULL && is_same(&now, &authorities->as_read))
		return true;
	store = read_store(authorities);
	if (store == NULL)
		return false;
	X509_STORE_free(authorities->store);
	authorities->store = store;
	authorities->as_read = now;
	return true;
}

bool authorities_lend(struct authorities *authorities, void *ssl_context)
{
	bool is_read;

	pthread_mutex_lock(&authorities->lock);
	is_read = read_what_is_new(authorities);
	if (is_read)
		SSL_CTX_set1_cert_store(ssl_context, authorities->store);
	pthread_mutex_unlock(&authorities->lock);
	return is_read;
}
