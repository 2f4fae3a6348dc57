#include "zoom/meeting_url.h"

#include "base/encode.h"
#include "zoom/join_link.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum {
	PASSCODE_BYTES_MAX = 32,
	DECODE_ROUNDS_MAX = 3,
};

struct scan {
	struct arena *arena;
	struct join_target found; /* while verdict is LINK_JOINS */
	bool is_ambiguous;        /* another meeting was found too */
	enum link_verdict verdict;
	struct error refusal; /* of the link that the verdict is about, while it does not join */
};

/*
 * Where the link itself begins: "Join:https://…" is a link with a word before it, and a second
 * scheme behind a slash is part of the first link's path. NULL where there is no scheme.
 */
static const char *find_scheme(const char *token)
{
	const char *slash = token + strcspn(token, "/?#@\\"), *start;

	if (slash < token + 2 || strncmp(slash - 1, "://", 3) != 0)
		return NULL;
	for (start = slash - 1; start > token && isalnum((unsigned char)start[-1]); start--)
		;
	return start;
}

/* A path that was percent-encoded together with its query gives the query back. */
static void decode_path(struct arena *arena, struct join_link *link)
{
	for (int round = 0; round < DECODE_ROUNDS_MAX && strchr(link->path, '%') != NULL; round++) {
		const char *decoded = percent_decode(arena, link->path, strlen(link->path), false);
		size_t length;

		if (decoded == NULL)
			return;
		length = strcspn(decoded, "?#");
		if (decoded[length] == '?' && *link->query == '\0')
			link->query = arena_strndup(arena, decoded + length + 1,
						    strcspn(decoded + length + 1, "#"));
		link->path = arena_strndup(arena, decoded, length);
	}
}

/* False where the token is a word and no link. */
static bool split_link(struct arena *arena, const char *token, struct join_link *link)
{
	const char *start = find_scheme(token), *rest;
	size_t length;

	if (start != NULL) {
		rest = strstr(start, "://") + 3;
		link->scheme = arena_strndup(arena, start, (size_t)(rest - 3 - start));
	} else {
		/* Without a scheme only "host.name/path" is a link, with "**" or "//" before it. */
		token += strspn(token, "*_/-");
		rest = token;
		link->scheme = "";
		length = strcspn(rest, "/?#");
		if (rest[length] != '/' || memchr(rest, '.', length) == NULL)
			return false;
	}
	length = strcspn(rest, "/?#");
	link->authority = arena_strndup(arena, rest, length);
	rest += length;
	length = strcspn(rest, "?#");
	link->path = arena_strndup(arena, rest, length);
	rest += length;
	link->query = *rest == '?' ? arena_strndup(arena, rest + 1, strcspn(rest + 1, "#")) : "";
	decode_path(arena, link);
	return true;
}

static const char *skip_blank(const char *text)
{
	return text + strspn(text, " \n");
}

/*
 * A copy of the same length in which all that wraps links in mails, chats and Markdown is spaces.
 * Other bytes beyond ASCII stay, so that a look-alike of a host's name is not cut down to the name.
 */
static char *without_wrapping(struct arena *arena, const char *text)
{
	static const char *const wide[] = {
		"\xc2\xa0",                     /* no-break space */
		"\xc2\xab",     "\xc2\xbb",     /* guillemets */
		"\xe2\x80",                     /* dashes, quotes, zero-width spaces, ellipsis */
		"\xe3\x80",                     /* Chinese and Japanese spaces, stops, brackets */
		"\xef\xbb\xbf",                 /* byte order mark */
		"\xef\xbc\x88", "\xef\xbc\x89", /* the wide forms of ( and ) … */
		"\xef\xbc\x8c", "\xef\xbc\x9a", /* … , and : … */
		"\xef\xbc\x9b", "\xef\xbc\x81", /* … ; and ! */
	};
	char *copy = arena_strdup(arena, text);

	for (char *c = copy; *c != '\0'; c++) {
		if (strchr("<>\"'`()[]{}|", *c) != NULL || iscntrl((unsigned char)*c))
			*c = *c == '\n' ? '\n' : ' ';
		for (size_t i = 0; (*c & 0x80) != 0 && i < COUNT_OF(wide); i++) {
			if (strncmp(c, wide[i], strlen(wide[i])) != 0)
				continue;
			/* The third byte of a character of which two are named goes too. */
			for (size_t size = strlen(wide[i]); size < 3 && *wide[i] != '\xc2'; size++)
				if (c[size] != '\0')
					c[size] = ' ';
			memset(c, ' ', strlen(wide[i]));
		}
	}
	return copy;
}

/* "https://zoom.us/j/1,https://zoom.us/j/2" is two links: the length up to such a comma. */
static size_t token_length(const char *token)
{
	size_t length = 0;

	while (token[length] != '\0' && !isspace((unsigned char)token[length])) {
		if ((token[length] == ',' || token[length] == ';') &&
		    strncasecmp(token + length + 1, "http", 4) == 0)
			break;
		length++;
	}
	return length;
}

/* What a sentence puts behind a link. */
static const char stops[] = ".,;:!?*\\";

/* A token without it. */
static char *take_token(struct arena *arena, const char *token, size_t length)
{
	while (length > 0 && strchr(stops, token[length - 1]) != NULL)
		length--;
	return arena_strndup(arena, token, length);
}

/*
 * A link that was encoded as a whole, "https%3A%2F%2Fzoom.us%2Fj%2F…", decoded once; a query that
 * was not encoded with it stays as it came. NULL where there is no such link.
 */
static const char *decode_whole(struct arena *arena, const char *token)
{
	const size_t length = strcspn(token, "?");
	const char *decoded;

	if (find_scheme(token) != NULL || memchr(token, '%', length) == NULL)
		return NULL;
	decoded = percent_decode(arena, token, length, false);
	return decoded == NULL ? NULL : arena_printf(arena, "%s%s", decoded, token + length);
}

/* zoomgov.com is a Zoom of its own, with its own numbers. */
static bool is_same_meeting(const struct meeting_url *a, const struct meeting_url *b)
{
	if (host_is_of_domain(a->host, "zoomgov.com") != host_is_of_domain(b->host, "zoomgov.com"))
		return false;
	if (a->personal_name == NULL || b->personal_name == NULL)
		return a->personal_name == b->personal_name && a->meeting_id == b->meeting_id;
	return strcmp(a->personal_name, b->personal_name) == 0;
}

static void add_meeting(struct scan *scan, const struct join_target *found)
{
	const struct meeting_url *known = &scan->found.url;
	const bool is_first = scan->verdict != LINK_JOINS;

	if (!is_first && !is_same_meeting(known, &found->url))
		scan->is_ambiguous = true;
	/* Of two links to one meeting, the one that brings the passcode counts. */
	if (is_first || (known->passcode == NULL && found->url.passcode != NULL))
		scan->found = *found;
	scan->verdict = LINK_JOINS;
}

static void add_link(struct scan *scan, const struct join_link *link)
{
	struct join_target found;
	struct error refusal;
	const enum link_verdict verdict = join_link_read(scan->arena, link, &found, &refusal);

	if (verdict == LINK_JOINS) {
		add_meeting(scan, &found);
	} else if (verdict > scan->verdict) {
		scan->verdict = verdict;
		scan->refusal = refusal;
	}
}

/* `text` is without wrapping. Each round decodes what the one before has left encoded. */
static void scan_links(struct scan *scan, const char *text, int round)
{
	for (text = skip_blank(text); *text != '\0'; text = skip_blank(text)) {
		const size_t length = token_length(text);
		const char *token = take_token(scan->arena, text, length);
		const char *decoded =
			round < DECODE_ROUNDS_MAX ? decode_whole(scan->arena, token) : NULL;
		struct join_link link;

		if (decoded != NULL)
			scan_links(scan, without_wrapping(scan->arena, decoded), round + 1);
		else if (split_link(scan->arena, token, &link))
			add_link(scan, &link);
		text += length + (text[length] == ',' || text[length] == ';');
	}
}

/* An id as people write it, "123 4567 8901" or "123-456-789", on one line; *end is behind it. */
static bool read_written_id(const char *text, const char **end, int64_t *id)
{
	char digits[MEETING_ID_DIGITS_MAX + 2];
	size_t count = 0;

	while (isdigit((unsigned char)*text)) {
		if (count < sizeof(digits) - 1)
			digits[count++] = *text;
		*end = ++text;
		text += strspn(text, " -");
	}
	digits[count] = '\0';
	return meeting_id_read(digits, id);
}

/* In any case; NULL where there is none. */
static const char *find_label(const char *text, const char *label)
{
	const size_t length = strlen(label);

	for (; *text != '\0'; text++)
		if (strncasecmp(text, label, length) == 0)
			return text;
	return NULL;
}

/* To the value behind "**Passcode:** 615" or the colon of "Meeting ID :". */
static const char *skip_emphasis(const char *text)
{
	text += strspn(text, " ");
	if (strncmp(text, "** ", 3) == 0 || strncmp(text, "**:", 3) == 0)
		text += 2;
	return text + strspn(text, " ");
}

/* The passcode that an invitation spells out. `plain` is `text` without wrapping. */
static const char *find_passcode(struct arena *arena, const char *text, const char *plain)
{
	static const char *const labels[] = {"passcode", "password"};

	for (size_t i = 0; i < COUNT_OF(labels); i++) {
		const char *label = find_label(plain, labels[i]), *value;
		size_t length = 0;

		if (label == NULL)
			continue;
		value = label + strlen(labels[i]);
		value += strspn(value, " ");
		if (*value != ':')
			continue;
		/* From the text itself, for a passcode may hold what else would be wrapping. */
		value = skip_emphasis(value + 1);
		value = text + (value - plain);
		while (value[length] > ' ' && value[length] <= '~')
			length++;
		while (length > 0 && strchr(".,;)>\"'", value[length - 1]) != NULL)
			length--;
		if (length > 0 && length <= PASSCODE_BYTES_MAX)
			return percent_encode(arena, arena_strndup(arena, value, length));
	}
	return NULL;
}

static void add_written_id(struct scan *scan, int64_t id)
{
	const struct join_target found = {.url = {.meeting_id = id, .host = "zoom.us"}};

	/* Beside a link to a personal room the invitation prints the room's own number. */
	if (scan->verdict == LINK_JOINS && scan->found.url.personal_name != NULL)
		return;
	if (scan->verdict == LINK_JOINS && scan->found.url.meeting_id == id)
		return;
	add_meeting(scan, &found);
}

/* "Meeting ID: 651 3733 2422", wherever it stands. */
static void scan_labels(struct scan *scan, const char *plain, const char *label)
{
	for (const char *at = plain; (at = find_label(at, label)) != NULL;) {
		const char *end;
		int64_t id;

		at = skip_emphasis(at + strlen(label));
		if (*at == ':')
			at = skip_emphasis(at + 1);
		if (read_written_id(at, &end, &id))
			add_written_id(scan, id);
	}
}

/* Ids without a link; not beside a link that cannot be joined, for that one was meant. */
static void scan_ids(struct scan *scan, const char *plain)
{
	const char *end = plain;
	int64_t id;

	if (scan->verdict == LINK_REFUSED)
		return;
	if (read_written_id(skip_blank(plain), &end, &id) && *skip_blank(end) == '\0')
		add_written_id(scan, id);
	scan_labels(scan, plain, "meeting id");
	scan_labels(scan, plain, "webinar id");
}

/*
 * What would not be taken for a part of the link is encoded, so that it is read again as it is: stops
 * at its end, and what may separate it from another link.
 */
static const char *keep_whole(struct arena *arena, const char *value)
{
	size_t end = strlen(value);
	char *kept = arena_alloc(arena, 3 * end + 1), *out = kept;

	while (end > 0 && strchr(stops, value[end - 1]) != NULL)
		end--;
	for (size_t i = 0; value[i] != '\0'; i++) {
		if (i >= end || value[i] == ',' || value[i] == ';')
			out += snprintf(out, 4, "%%%02X", (unsigned char)value[i]);
		else
			*out++ = value[i];
	}
	return kept;
}

static const char *with_parameter(struct arena *arena, const char *url, const char *name,
				  const char *value)
{
	if (value == NULL)
		return url;
	return arena_printf(arena, "%s%c%s=%s", url, strchr(url, '?') == NULL ? '?' : '&', name,
			    keep_whole(arena, value));
}

static const char *canonical_url(struct arena *arena, const struct join_target *found)
{
	const struct meeting_url *url = &found->url;
	const char *text =
		url->personal_name != NULL
			? arena_printf(arena, "https://%s/my/%s", url->host, url->personal_name)
			: arena_printf(arena, "https://%s/%s/%lld", url->host,
				       url->is_webinar_link ? "w" : "j",
				       (long long)url->meeting_id);

	text = with_parameter(arena, text, "pwd", url->passcode);
	return with_parameter(arena, text, "tk", found->registrant_token);
}

static bool fail(const struct scan *scan, const char *plain, struct error *err)
{
	if (scan->verdict != LINK_NONE) {
		*err = scan->refusal;
		return false;
	}
	return error_set_code(
		err, ERROR_INVALID, "invalid_meeting_url",
		"%s; expected a Zoom join link like https://zoom.us/j/1234567890, an invitation "
		"that holds one, or a meeting id of 9 to 12 digits",
		*skip_blank(plain) == '\0' ? "the meeting URL is empty"
					   : "the meeting URL holds no Zoom join link");
}

bool meeting_url_parse(struct arena *arena, const char *text, struct meeting_url *url,
		       struct error *err)
{
	struct scan scan = {.arena = arena};
	const char *plain = without_wrapping(arena, text);

	scan_links(&scan, plain, 0);
	scan_ids(&scan, plain);
	if (scan.verdict != LINK_JOINS)
		return fail(&scan, plain, err);
	if (scan.is_ambiguous)
		return error_set_code(
			err, ERROR_INVALID, "invalid_meeting_url",
			"the meeting URL names more than one meeting; expected the link of one");
	if (scan.found.url.passcode == NULL)
		scan.found.url.passcode = find_passcode(arena, text, plain);
	scan.found.url.canonical = canonical_url(arena, &scan.found);
	*url = scan.found.url;
	return true;
}

const char *personal_name_of_url(struct arena *arena, const char *url)
{
	struct meeting_url read;
	struct error ignored;

	if (url == NULL || !meeting_url_parse(arena, url, &read, &ignored))
		return NULL;
	return read.personal_name;
}
