#include "http/curl_options.h"

#include "base/attr.h"
#include "base/authorities.h"
#include "base/version.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * The least that curl takes, instead of 64 KiB. Each call over TLS has it, for a copy of what it sends, and what
 * is wiped afterwards was touched as a whole.
 */
static const long SEND_BUFFER_BYTES = 16384;

/*
 * A host whose name leads elsewhere by now is found there by a new connection only, and one in steady use is never
 * idle for long enough to be closed.
 */
static const long CONNECTION_AGE_S_MAX = 120;

/* Certificates of the public authorities, where this machine has them; NULL: where libcurl looks by itself. */
static const char *ca_file;

/* The same, for all connections together; NULL where they cannot be lent to libcurl's. */
static struct authorities *authorities;

/* A libcurl that came along from another system would look for them where that one has them. */
static const char *find_ca_file(const char *own)
{
	static const char *const files[] = {
		"/etc/ssl/certs/ca-certificates.crt", /* Debian, Ubuntu, Arch, Gentoo */
		"/etc/pki/tls/certs/ca-bundle.crt",   /* Fedora, RHEL and its relatives */
		"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
		"/etc/ssl/ca-bundle.pem", /* SUSE */
		"/etc/ssl/cert.pem",      /* Alpine */
	};

	if (own != NULL && access(own, R_OK) == 0)
		return own;
	for (size_t i = 0; i < COUNT_OF(files); i++)
		if (access(files[i], R_OK) == 0)
			return files[i];
	return NULL;
}

static void init_curl(void)
{
	const curl_version_info_data *version;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		abort();
	version = curl_version_info(CURLVERSION_NOW);
	ca_file = find_ca_file(version->cainfo);
	if (ca_file != NULL && authorities_fit(version->ssl_version))
		authorities = authorities_open(ca_file, version->capath);
}

void curl_options_begin(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, init_curl);
}

static CURLcode lend_authorities(CURL *handle, void *ssl_context, void *context)
{
	(void)handle;
	(void)context;
	return authorities_lend(authorities, ssl_context) ? CURLE_OK : CURLE_SSL_CACERT_BADFILE;
}

static void set_authorities(CURL *handle)
{
	if (authorities != NULL) {
		curl_easy_setopt(handle, CURLOPT_CAINFO, NULL);
		curl_easy_setopt(handle, CURLOPT_CAPATH, NULL);
		curl_easy_setopt(handle, CURLOPT_SSL_CTX_FUNCTION, lend_authorities);
	} else if (ca_file != NULL) {
		curl_easy_setopt(handle, CURLOPT_CAINFO, ca_file);
	}
}

void curl_options_set_common(CURL *handle, const char *url, long timeout_ms)
{
	curl_easy_setopt(handle, CURLOPT_URL, url);
	curl_easy_setopt(handle, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	set_authorities(handle);
	curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(handle, CURLOPT_USERAGENT, "Hallpass/" HALLPASS_VERSION);
	curl_easy_setopt(handle, CURLOPT_UPLOAD_BUFFERSIZE, SEND_BUFFER_BYTES);
	curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, timeout_ms);
	curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms);
	curl_easy_setopt(handle, CURLOPT_MAXLIFETIME_CONN, CONNECTION_AGE_S_MAX);
	curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
	/* Without it, a call whose name look-up hangs would wait for that beyond its time-out. */
	curl_easy_setopt(handle, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(handle, CURLOPT_TCP_NODELAY, 1L);
}
