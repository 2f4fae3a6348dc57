/*
 * The configuration: a file of `key = value` lines, each key overridden by the environment as
 * HALLPASS_ + the key in capitals. One table in config.c holds every key, its default and its check.
 */
#ifndef BASE_CONFIG_H
#define BASE_CONFIG_H

#include "base/error.h"

#include <stdbool.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_JSON, LOG_TEXT };

enum { CONFIG_TEXT_BYTES = 1024 };

struct config {
	char file[CONFIG_TEXT_BYTES]; /* the file that was read; empty where there was none */
	char database[CONFIG_TEXT_BYTES];
	char encryption_key_file[CONFIG_TEXT_BYTES];
	char public_url[CONFIG_TEXT_BYTES]; /* empty: not set; without a slash at its end */
	char zoom_oauth_url[CONFIG_TEXT_BYTES];
	char zoom_api_url[CONFIG_TEXT_BYTES];
	long zoom_timeout_ms;
	long webhook_tolerance_s;
	bool allow_private_urls;
	char metrics_from[CONFIG_TEXT_BYTES]; /* networks that may ask for /metrics; empty: none */
	long threads;
	long idle_exit_s; /* 0: never */
	long log_level;   /* enum log_level */
	long log_format;  /* enum log_format */
};

/*
 * Reads $HALLPASS_CONFIG, else /etc/hallpass/hallpass.conf if it is there, then `environment`
 * (as environ(7)). ERROR_INVALID names the file and line, or the variable, and the key.
 */
bool config_read(struct config *config, char *const *environment, struct error *err) MUST_CHECK;

#endif
