#include "zoom/join_link.h"

#include "base/encode.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum {
	HOST_BYTES_MAX = 253,
	LABEL_BYTES_MAX = 63,
	PERSONAL_NAME_BYTES_MAX = 64,
	SEGMENTS_MAX = 3,
	SHOWN_BYTES_MAX = 80,
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
static const char *shown_link(struct arena *arena, const struct join_link *link)
{
	const char *at = strrchr(link->authority, '@');

	return shown_text(arena, arena_printf(arena, "%s%s", at != NULL ? at + 1 : link->authority,
					      link->path));
}

bool host_is_of_domain(const char *host, const char *domain)
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

	if (host_is_of_domain(host, "zoom.com"))
		host = arena_printf(arena, "%.*sus", (int)(length - strlen("com")), host);
	return strcmp(host, "app.zoom.us") == 0 ? "zoom.us" : host;
}

static bool is_zoom_host(const char *host)
{
	return host_is_of_domain(host, "zoom.us") || host_is_of_domain(host, "zoom.com") ||
	       host_is_of_domain(host, "zoomgov.com");
}

/* Why a host is refused that is not Zoom's. */
static enum link_verdict refuse_host(struct arena *arena, const char *host, struct error *err)
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
		if (host_is_of_domain(host, services[i].domain)) {
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
static enum link_verdict read_host(struct arena *arena, const struct join_link *link,
				   const char **host, struct error *err)
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

bool meeting_id_read(const char *digits, int64_t *id)
{
	const size_t length = strspn(digits, "0123456789");

	if (length < MEETING_ID_DIGITS_MIN || length > MEETING_ID_DIGITS_MAX ||
	    digits[length] != '\0' || digits[0] == '0')
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
	enum link_verdict verdict;
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

static enum link_verdict refuse_page(struct arena *arena, const struct join_link *link,
				     struct error *err)
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
			if (!meeting_id_read(segments[i], &url->meeting_id))
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

static bool is_scheme(const struct join_link *link, const char *one, const char *other)
{
	return strcasecmp(link->scheme, one) == 0 || strcasecmp(link->scheme, other) == 0;
}

static bool read_target(struct arena *arena, const struct join_link *link, struct meeting_url *url)
{
	const char *number;

	if (!is_scheme(link, "zoommtg", "zoomus"))
		return read_path(arena, link->path, url);
	return read_parameter(arena, link->query, "confno", &number) && number != NULL &&
	       meeting_id_read(number, &url->meeting_id);
}

enum link_verdict join_link_read(struct arena *arena, const struct join_link *link,
				 struct join_target *found, struct error *err)
{
	struct join_target read = {0};
	enum link_verdict verdict;

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
