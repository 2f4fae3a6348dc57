/* What client.c and sender.c call of libcurl, which is loaded with the first call: base/late_library.h. */
#include "base/late_library.h"
#include "base/late_openssl.h"
#include "base/secret_memory.h"

#include <curl/curl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Its name since 2006; one with another would have other functions. */
#define LATE(function)                                                                         \
	({                                                                                     \
		static void *_Atomic loaded;                                                   \
		(typeof(function) *)late_library_function(&loaded, "libcurl.so.4", #function); \
	})

/* Whoever begins: what curl sends and receives are secrets and tokens, which its buffers are not to keep. */
CURLcode curl_global_init(long flags)
{
	late_openssl_begin();
	return LATE(curl_global_init_mem)(flags, malloc, secret_memory_free, secret_memory_realloc,
					  strdup, calloc);
}

curl_version_info_data *curl_version_info(CURLversion age)
{
	return LATE(curl_version_info)(age);
}

CURL *curl_easy_init(void)
{
	return LATE(curl_easy_init)();
}

void curl_easy_cleanup(CURL *handle)
{
	LATE(curl_easy_cleanup)(handle);
}

void curl_easy_reset(CURL *handle)
{
	LATE(curl_easy_reset)(handle);
}

CURLcode curl_easy_perform(CURL *handle)
{
	return LATE(curl_easy_perform)(handle);
}

/* The names in brackets, as those below, are macros as well. */
CURLcode(curl_easy_setopt)(CURL *handle, CURLoption option, ...)
{
	CURLcode code;
	va_list value;

	va_start(value, option);
	switch (option - option % 10000) {
	case CURLOPTTYPE_LONG:
		code = LATE(curl_easy_setopt)(handle, option, va_arg(value, long));
		break;
	case CURLOPTTYPE_OFF_T:
		code = LATE(curl_easy_setopt)(handle, option, va_arg(value, curl_off_t));
		break;
	default:
		code = LATE(curl_easy_setopt)(handle, option, va_arg(value, void *));
	}
	va_end(value);
	return code;
}

CURLcode(curl_easy_getinfo)(CURL *handle, CURLINFO info, ...)
{
	CURLcode code;
	va_list place;

	va_start(place, info);
	code = LATE(curl_easy_getinfo)(handle, info, va_arg(place, void *));
	va_end(place);
	return code;
}

CURLSH *curl_share_init(void)
{
	return LATE(curl_share_init)();
}

CURLSHcode(curl_share_setopt)(CURLSH *share, CURLSHoption option, ...)
{
	CURLSHcode code;
	va_list value;

	va_start(value, option);
	if (option == CURLSHOPT_SHARE || option == CURLSHOPT_UNSHARE)
		code = LATE(curl_share_setopt)(share, option, va_arg(value, int));
	else
		code = LATE(curl_share_setopt)(share, option, va_arg(value, void *));
	va_end(value);
	return code;
}

CURLSHcode curl_share_cleanup(CURLSH *share)
{
	return LATE(curl_share_cleanup)(share);
}

struct curl_slist *curl_slist_append(struct curl_slist *list, const char *line)
{
	return LATE(curl_slist_append)(list, line);
}

void curl_slist_free_all(struct curl_slist *list)
{
	LATE(curl_slist_free_all)(list);
}

CURLU *curl_url(void)
{
	return LATE(curl_url)();
}

void curl_url_cleanup(CURLU *url)
{
	LATE(curl_url_cleanup)(url);
}

CURLUcode curl_url_set(CURLU *url, CURLUPart part, const char *text, unsigned flags)
{
	return LATE(curl_url_set)(url, part, text, flags);
}

/* A pointer to const or not, as this version of libcurl has it. */
typedef typeof(_Generic(&curl_url_get, CURLUcode (*)(const CURLU *, CURLUPart, char **, unsigned)
			: (const CURLU *)NULL, default
			: (CURLU *)NULL)) url_to_read;

CURLUcode curl_url_get(url_to_read url, CURLUPart part, char **text, unsigned flags)
{
	return LATE(curl_url_get)(url, part, text, flags);
}

void curl_free(void *memory)
{
	LATE(curl_free)(memory);
}

CURLM *curl_multi_init(void)
{
	return LATE(curl_multi_init)();
}

CURLMcode curl_multi_cleanup(CURLM *multi)
{
	return LATE(curl_multi_cleanup)(multi);
}

CURLMcode(curl_multi_setopt)(CURLM *multi, CURLMoption option, ...)
{
	CURLMcode code;
	va_list value;

	va_start(value, option);
	if (option - option % 10000 == CURLOPTTYPE_LONG)
		code = LATE(curl_multi_setopt)(multi, option, va_arg(value, long));
	else
		code = LATE(curl_multi_setopt)(multi, option, va_arg(value, void *));
	va_end(value);
	return code;
}

CURLMcode curl_multi_add_handle(CURLM *multi, CURL *handle)
{
	return LATE(curl_multi_add_handle)(multi, handle);
}

CURLMcode curl_multi_remove_handle(CURLM *multi, CURL *handle)
{
	return LATE(curl_multi_remove_handle)(multi, handle);
}

CURLMcode curl_multi_perform(CURLM *multi, int *running)
{
	return LATE(curl_multi_perform)(multi, running);
}

CURLMcode curl_multi_poll(CURLM *multi, struct curl_waitfd *extra, unsigned extra_count,
			  int timeout_ms, int *ready)
{
	return LATE(curl_multi_poll)(multi, extra, extra_count, timeout_ms, ready);
}

CURLMsg *curl_multi_info_read(CURLM *multi, int *left)
{
	return LATE(curl_multi_info_read)(multi, left);
}
