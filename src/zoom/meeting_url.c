#include "zoom/meeting_url.h"

#include "base/encode.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum {
	ID_DIGITS_MIN = 9,
	ID_DIGITS_MAX = 12,
	HOST_BYTES_MAX = 253,
	LABEL_BYTES_MAX = 63,
	PERSONAL_NAME_BYTES_MAX = 64,
	PASSCODE_BYTES_MAX = 32,
	SEGMENTS_MAX = 3,
	DECODE_ROUNDS_MAX = 3,
	SHOWN_BYTES_MAX = 80,
};

/* What one link comes to, from what decides nothing to what decides all. */
enum verdict {
	LINK_NONE,    /* no link at all */
	LINK_ASIDE,   /* a page beside the meeting, as dial-in numbers are in invitations */
	LINK_REFUSED, /* what was meant to be joined, and cannot be */
	LINK_JOINS,
};

struct link {
	const char *scheme;    /* as it came; "" where it had none */
	const char *authority; /* between the scheme and the path */
	const char *path;      /* decoded; begins with a slash or is empty */
	const char *query;     /* as it came, without its ? and the fragment */
};

/* A meeting that was found, with what its canonical link carries on. */
struct found {
	struct meeting_url url;
	const char *registrant_token; /* the tk parameter of a registered webinar guest */
};

struct scan {
	struct arena *arena;
	struct found found; /* while verdict is LINK_JOINS */
	bool is_ambiguous;  /* another meeting was found too */
	enum verdict verdict;
	struct error refusal; /* of the link that the verdict is about, while it does not join */
};

static bool refuse(struct error *err, const char *shown, const char *why)
{
	return error_set_code(
		err, ERROR_INVALID, "invalid_meeting_url",
		"'%s' %s; expected a Zoom join link like https://zoom.us/j/1234567890", shown, why);
}

/*
 * At most some 80 printable characters of what was sent, for a message. It ends where parameters
 * might begin, in a link that was put together wrongly too: they may hold the host's own tokens.
 */
static const char *shown_text(struct arena *arena, const char *text)
{
	const size_t length = strcspn(text, "?&=;#%\\");
	char *shown =
		arena_strndup(arena, text, length < SHOWN_BYTES_MAX ? length : SHOWN_BYTES_MAX);

	for (char *c = shown; *c != '\0'; c++)
		if (*c <= ' ' || *c > '~')
			*c = '?';
	return shown;
}

/* Without user information, which may be a password. */
static const char *shown_link(struct arena *arena, const struct link *link)
{
	const char *at = strrchr(link->authority, '@');

	return shown_text(arena, arena_printf(arena, "%s%s", at != NULL ? at + 1 : link->authority,
					      link->path));
}

static bool ends_with_domain(const char *host, const char *domain)
{
	const size_t length = strlen(host), tail = strlen(domain);

	return length >= tail && strcmp(host + length - tail, domain) == 0 &&
	       (length == tail || host[length - tail - 1] == '.');
}

static bool is_host_name(const char *host)
{
	size_t label = 0;

	if (strlen(host) > HOST_BYTES_MAX)
		return false;
	for (; *host != '\0'; host++) {
		if (*host == '.' && label == 0)
			return false;
		label = *host == '.' ? 0 : label + 1;
		if (label > LABEL_BYTES_MAX ||
		    (*host != '.' && *host != '-' && !isalnum((unsigned char)*host)))
			return false;
	}
	return label > 0;
}

/*
 * The tenant's host as its join links have it. zoom.com answers for zoom.us under the same names;
 * app.zoom.us is the web client, which has no /j/ pages of its own.
 */
static const char *join_host(struct arena *arena, const char *host)
{
	const size_t length = strlen(host);

	if (ends_with_domain(host, "zoom.com"))
		host = arena_printf(arena, "%.*sus", (int)(length - strlen("com")), host);
	return strcmp(host, "app.zoom.us") == 0 ? "zoom.us" : host;
}

static bool is_zoom_host(const char *host)
{
	return ends_with_domain(host, "zoom.us") || ends_with_domain(host, "zoom.com") ||
	       ends_with_domain(host, "zoomgov.com");
}

/* Why a host is refused that is not Zoom's. */
static enum verdict refuse_host(struct arena *arena, const char *host, struct error *err)
{
	static const struct {
		const char *domain, *why;
	} services[] = {
		{"meet.google.com", "is a Google Meet link"},
		{"teams.microsoft.com", "is a Microsoft Teams link"},
		{"teams.live.com", "is a Microsoft Teams link"},
		{"webex.com", "is a Webex link"},
	};

	for (size_t i = 0; i < COUNT_OF(services); i++) {
		if (ends_with_domain(host, services[i].domain)) {
			refuse(err, shown_text(arena, host), services[i].why);
			return LINK_REFUSED;
		}
	}
	refuse(err, shown_text(arena, host), "is not a host of Zoom's");
	return strstr(host, "zoom.us") != NULL || strstr(host, "zoom.com") != NULL ||
			       strstr(host, "zoomgov.com") != NULL
		       ? LINK_REFUSED
		       : LINK_ASIDE;
}

/* The host of a link in lower case, or why there is none to join at. */
static enum verdict read_host(struct arena *arena, const struct link *link, const char **host,
			      struct error *err)
{
	char *name = arena_strdup(arena, link->authority);
	char *port = strchr(name, ':');

	if (strchr(name, '@') != NULL) {
		refuse(err, shown_link(arena, link),
		       "comes with a user name, which no Zoom link has");
		return LINK_REFUSED;
	}
	if (port != NULL)
		*port++ = '\0';
	for (char *c = name; *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
	if (!is_zoom_host(name) || !is_host_name(name))
		return refuse_host(arena, name, err);
	if (port != NULL && *port != '\0' && strcmp(port, "443") != 0) {
		refuse(err, shown_link(arena, link), "names a port, which no Zoom link does");
		return LINK_REFUSED;
	}
	*host = join_host(arena, name);
	return LINK_JOINS;
}

static bool read_id(const char *digits, int64_t *id)
{
	const size_t length = strspn(digits, "0123456789");

	if (length < ID_DIGITS_MIN || length > ID_DIGITS_MAX || digits[length] != '\0' ||
	    digits[0] == '0')
		return false;
	*id = 0;
	for (; *digits != '\0'; digits++)
		*id = *id * 10 + (*digits - '0');
	return true;
}

/* In lower case, for Zoom finds them in any case. NULL where the segment is no such name. */
static const char *read_personal_name(struct arena *arena, const char *segment)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	char *name = arena_strdup(arena, segment);
	size_t length = strlen(name);

	/* The stop of a sentence, in a link that goes on behind it. */
	while (length > 0 && name[length - 1] == '.')
		name[--length] = '\0';
	if (length > PERSONAL_NAME_BYTES_MAX || strpbrk(name, letters) == NULL)
		return NULL;
	for (char *c = name; *c != '\0'; c++) {
		if (strchr(letters, *c) == NULL && strchr("._-", *c) == NULL)
			return NULL;
		*c = (char)tolower((unsigned char)*c);
	}
	return name;
}

/* The value at the start of `part` where that is "name=value", up to the next &; else NULL. */
static const char *value_of(struct arena *arena, const char *part, const char *name)
{
	const size_t length = strcspn(part, "&"), name_length = strlen(name);

	if (length <= name_length + 1 || strncmp(part, name, name_length) != 0 ||
	    part[name_length] != '=')
		return NULL;
	return arena_strndup(arena, part + name_length + 1, length - name_length - 1);
}

/*
 * The first value of that name, as it came; *value is NULL where it is missing or empty. False
 * where it holds characters that no link has.
 */
static bool read_parameter(struct arena *arena, const char *query, const char *name,
			   const char **value)
{
	*value = NULL;
	for (const char *part = query; *value == NULL && *part != '\0';) {
		/* From the source of a page, where & is written &amp;. */
		if (strncmp(part, "amp;", 4) == 0)
			part += 4;
		*value = value_of(arena, part, name);
		part += strcspn(part, "&");
		part += strspn(part, "&");
	}
	for (const char *c = *value; c != NULL && *c != '\0'; c++)
		if (!isalnum((unsigned char)*c) && strchr("-._~%+=!*$@,:/;?", *c) == NULL)
			return false;
	return true;
}

/* Splits in place, doubled slashes as one; returns how many, SEGMENTS_MAX + 1 for any more. */
static int split_path(char *path, const char *segments[static SEGMENTS_MAX])
{
	int count = 0;

	for (char *rest = path; *rest != '\0';) {
		rest += strspn(rest, "/");
		if (*rest == '\0')
			break;
		if (count == SEGMENTS_MAX)
			return SEGMENTS_MAX + 1;
		segments[count++] = rest;
		rest += strcspn(rest, "/");
		if (*rest == '/')
			*rest++ = '\0';
	}
	return count;
}

static const char id_here[] = "ID", name_here[] = "NAME";

struct path_form {
	const char *segments[SEGMENTS_MAX + 1]; /* NULL after the last */
	bool is_webinar;
};

static const struct path_form path_forms[] = {
	{{"j", id_here}, .is_webinar = false},
	{{"w", id_here}, .is_webinar = true},
	{{"s", id_here}, .is_webinar = false},
	{{"my", name_here}, .is_webinar = false},
	{{"join", id_here}, .is_webinar = false},
	{{"wc", id_here}, .is_webinar = false},
	{{"wc", "join", id_here}, .is_webinar = false},
	{{"wc", id_here, "join"}, .is_webinar = false},
	{{"wc", id_here, "start"}, .is_webinar = false},
};

/* Pages that are not joined; the first row that begins the path counts. */
static const struct {
	const char *start, *why;
	enum verdict verdict;
} other_pages[] = {
	{"/rec/", "is a recording, not a meeting", LINK_REFUSED},
	{"/meeting/register/", "is a registration page; the join link comes with the confirmation",
	 LINK_REFUSED},
	{"/webinar/register/", "is a registration page; the join link comes with the confirmation",
	 LINK_REFUSED},
	{"/my", "names no personal meeting room", LINK_REFUSED},
	{"/j", "holds no meeting id of 9 to 12 digits", LINK_REFUSED},
	{"/w", "holds no meeting id of 9 to 12 digits", LINK_REFUSED},
	{"/s", "holds no meeting id of 9 to 12 digits", LINK_REFUSED},
	{"/join", "holds no meeting id of 9 to 12 digits", LINK_REFUSED},
	{"/wc", "holds no meeting id of 9 to 12 digits", LINK_REFUSED},
	{"/u/", "is a list of dial-in numbers, not a meeting", LINK_ASIDE},
	{"", "is a page of Zoom's, not a meeting", LINK_ASIDE},
};

/* A row without a slash at its end means that very page, or one below it. */
static bool path_begins(const char *path, const char *start)
{
	const size_t length = strlen(start);

	return strncasecmp(path, start, length) == 0 &&
	       (length == 0 || start[length - 1] == '/' || path[length] == '/' ||
		path[length] == '\0');
}

static enum verdict refuse_page(struct arena *arena, const struct link *link, struct error *err)
{
	size_t i = 0;

	while (!path_begins(link->path, other_pages[i].start))
		i++;
	refuse(err, shown_link(arena, link), other_pages[i].why);
	return other_pages[i].verdict;
}

static bool form_fits(struct arena *arena, const struct path_form *form,
		      const char *const segments[], int count, struct meeting_url *url)
{
	int i;

	for (i = 0; form->segments[i] != NULL; i++) {
		const char *wanted = form->segments[i];

		if (i == count)
			return false;
		if (wanted == id_here) {
			if (!read_id(segments[i], &url->meeting_id))
				return false;
		} else if (wanted == name_here) {
			url->personal_name = read_personal_name(arena, segments[i]);
			if (url->personal_name == NULL)
				return false;
		} else if (strcasecmp(wanted, segments[i]) != 0) {
			return false;
		}
	}
	return i == count;
}

static bool read_path(struct arena *arena, const char *path, struct meeting_url *url)
{
	const char *segments[SEGMENTS_MAX];
	const int count = split_path(arena_strdup(arena, path), segments);

	for (size_t i = 0; i < COUNT_OF(path_forms); i++) {
		struct meeting_url candidate = *url;

		if (form_fits(arena, &path_forms[i], segments, count, &candidate)) {
			candidate.is_webinar_link = path_forms[i].is_webinar;
			*url = candidate;
			return true;
		}
	}
	return false;
}

static bool is_scheme(const struct link *link, const char *one, const char *other)
{
	return strcasecmp(link->scheme, one) == 0 || strcasecmp(link->scheme, other) == 0;
}

static bool read_target(struct arena *arena, const struct link *link, struct meeting_url *url)
{
	const char *number;

	if (!is_scheme(link, "zoommtg", "zoomus"))
		return read_path(arena, link->path, url);
	return read_parameter(arena, link->query, "confno", &number) && number != NULL &&
	       read_id(number, &url->meeting_id);
}

static enum verdict read_link(struct arena *arena, const struct link *link, struct found *found,
			      struct error *err)
{
	struct found read = {0};
	enum verdict verdict;

	if (*link->scheme != '\0' && !is_scheme(link, "https", "http") &&
	    !is_scheme(link, "zoommtg", "zoomus")) {
		refuse(err, shown_text(arena, link->scheme), "is no scheme of Zoom's links");
		return LINK_REFUSED;
	}
	verdict = read_host(arena, link, &read.url.host, err);
	if (verdict != LINK_JOINS)
		return verdict;
	if (!read_target(arena, link, &read.url))
		return refuse_page(arena, link, err);
	if (!read_parameter(arena, link->query, "pwd", &read.url.passcode) ||
	    !read_parameter(arena, link->query, "tk", &read.registrant_token)) {
		refuse(err, shown_link(arena, link),
		       "has a parameter with characters that no link has");
		return LINK_REFUSED;
	}
	*found = read;
	return LINK_JOINS;
}

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
static void decode_path(struct arena *arena, struct link *link)
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
static bool split_link(struct arena *arena, const char *token, struct link *link)
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

/* A token without what a sentence puts behind a link. */
static char *take_token(struct arena *arena, const char *token, size_t length)
{
	while (length > 0 && strchr(".,;:!?*\\", token[length - 1]) != NULL)
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
	if (ends_with_domain(a->host, "zoomgov.com") != ends_with_domain(b->host, "zoomgov.com"))
		return false;
	if (a->personal_name == NULL || b->personal_name == NULL)
		return a->personal_name == b->personal_name && a->meeting_id == b->meeting_id;
	return strcmp(a->personal_name, b->personal_name) == 0;
}

static void add_meeting(struct scan *scan, const struct found *found)
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

static void add_link(struct scan *scan, const struct link *link)
{
	struct found found;
	struct error refusal;
	const enum verdict verdict = read_link(scan->arena, link, &found, &refusal);

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
		struct link link;

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
	char digits[ID_DIGITS_MAX + 2];
	size_t count = 0;

	while (isdigit((unsigned char)*text)) {
		if (count < sizeof(digits) - 1)
			digits[count++] = *text;
		*end = ++text;
		text += strspn(text, " -");
	}
	digits[count] = '\0';
	return read_id(digits, id);
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
	const struct found found = {.url = {.meeting_id = id, .host = "zoom.us"}};

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

static const char *with_parameter(struct arena *arena, const char *url, const char *name,
				  const char *value)
{
	if (value == NULL)
		return url;
	return arena_printf(arena, "%s%c%s=%s", url, strchr(url, '?') == NULL ? '?' : '&', name,
			    value);
}

static const char *canonical_url(struct arena *arena, const struct found *found)
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
