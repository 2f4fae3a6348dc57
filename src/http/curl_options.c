#include "http/curl_options.h"

#include "base/attr.h"
#include "base/version.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

/* Certificates of the public authorities, where this machine has them; NULL: where libcurl looks by itself. */
static const char *ca_file;

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
		return NULL;
	for (size_t i = 0; i < COUNT_OF(files); i++)
		if (access(files[i], R_OK) == 0)
			return files[i];
	return NULL;
}

static void init_curl(void)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		abort();
	ca_file = find_ca_file(curl_version_info(CURLVERSION_NOW)->cainfo);
}

void curl_options_begin(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, init_curl);
}

void curl_options_set_common(CURL *handle, const char *url, long timeout_ms)
{
	curl_easy_setopt(handle, CURLOPT_URL, url);
	curl_easy_setopt(handle, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	if (ca_file != NULL)
		curl_easy_setopt(handle, CURLOPT_CAINFO, ca_file);
	curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(handle, CURLOPT_USERAGENT, "Hallpass/" HALLPASS_VERSION);
	curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, timeout_ms);
	curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms);
	curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
	/* Without it, a call whose name look-up hangs would wait for that beyond its time-out. */
	curl_easy_setopt(handle, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(handle, CURLOPT_TCP_NODELAY, 1L);
}
