/* What every request that Hallpass makes has in common, whoever makes it. For src/http alone. */
#ifndef HTTP_CURL_OPTIONS_H
#define HTTP_CURL_OPTIONS_H

#include <curl/curl.h>

/* Before anything else of curl's, from any thread, any number of times. */
void curl_options_begin(void);

/* No redirects, no credentials in the URL, one total time-out. The URL is copied. */
void curl_options_set_common(CURL *handle, const char *url, long timeout_ms);

#endif
