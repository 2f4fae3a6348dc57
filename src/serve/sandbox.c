#include "serve/sandbox.h"

#include "base/failpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What came after version 2, which is the one that Debian 12's headers know. */
enum {
	FILES_TRUNCATE = 1 << 14,  /* version 3 */
	FILES_IOCTL_DEV = 1 << 15, /* version 5 */
	NETWORK_BIND_TCP = 1 << 0, /* version 4 */
	NETWORK_CONNECT_TCP = 1 << 1,
	SCOPE_ABSTRACT_UNIX_SOCKET = 1 << 0, /* version 6 */
	SCOPE_SIGNAL = 1 << 1,
};

/* struct landlock_ruleset_attr of version 6. An older kernel takes it where what it does not know is zero. */
struct handled {
	uint64_t files, network, scopes;
};

enum {
	READS = LANDLOCK_ACCESS_FS_READ_FILE,
	/* What SQLite, the files beside the database and their replacement take. */
	KEEPS = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |
		LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE |
		LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_FIFO | FILES_TRUNCATE,
};

enum who { EVERYBODY, WHO_CALLS_NOBODY, WHO_CALLS_OUT };

/* Read where they are there. */
static const struct {
	const char *path;
	enum who who;
} places[] = {
	{"/dev/urandom", EVERYBODY}, /* SQLite and, where nothing seeds them, jansson's tables */
	{"/usr", EVERYBODY},         /* libraries that are loaded late, certificates */
	{"/lib", EVERYBODY},         /* libraries where that is not /usr/lib, as on Alpine */
	{"/lib64", EVERYBODY},
	{"/etc/ld.so.cache", WHO_CALLS_NOBODY}, /* where those libraries are */
	{"/etc/ssl/openssl.cnf", WHO_CALLS_NOBODY},
	{"/etc", WHO_CALLS_OUT}, /* hosts, resolv.conf, nsswitch.conf, ssl/certs … */
	{"/run/systemd/resolve", WHO_CALLS_OUT}, /* where /etc/resolv.conf may point */
	{"/run/resolvconf", WHO_CALLS_OUT},
	{"/run/NetworkManager", WHO_CALLS_OUT},
};

int sandbox_version(void)
{
	const long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return version < 0 ? -errno : (int)version;
}

static struct handled handled_by(int version, const struct sandbox_role *role)
{
	struct handled handled = {.files = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1};

	if (version >= 2)
		handled.files |= LANDLOCK_ACCESS_FS_REFER;
	if (version >= 3)
		handled.files |= FILES_TRUNCATE;
	if (version >= 4)
		handled.network = NETWORK_BIND_TCP | (role->calls_out ? 0 : NETWORK_CONNECT_TCP);
	if (version >= 5)
		handled.files |= FILES_IOCTL_DEV;
	if (version >= 6)
		handled.scopes = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL;
	return handled;
}

struct ruleset {
	int descriptor; /* -1: there is none */
	uint64_t files; /* that it handles */
};

static void close_ruleset(struct ruleset *ruleset)
{
	if (ruleset->descriptor >= 0)
		close(ruleset->descriptor);
}

static bool fail(const char *what, struct error *err)
{
	return error_set(err, ERROR_INTERNAL, "%s: %s", what, strerror(errno));
}

/* With all that is beneath it, where it is a folder. ERROR_STORAGE where it cannot be had. */
static bool let(const struct ruleset *ruleset, const char *path, uint64_t access, struct error *err)
{
	struct landlock_path_beneath_attr rule = {.allowed_access = access & ruleset->files,
						  .parent_fd = open(path, O_PATH | O_CLOEXEC)};
	bool is_let;

	if (rule.parent_fd < 0)
		return error_set(err, ERROR_STORAGE, "%s: %s", path, strerror(errno));
	is_let = syscall(SYS_landlock_add_rule, ruleset->descriptor, LANDLOCK_RULE_PATH_BENEATH,
			 &rule, 0) == 0 ||
		 fail(path, err);
	close(rule.parent_fd);
	return is_let;
}

static bool let_folder_of(const struct ruleset *ruleset, const char *file, uint64_t access,
			  struct error *err)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s", file);
	return let(ruleset, dirname(path), access, err);
}

/* Of a link, SQLite keeps what belongs to it beside the file that it leads to, and we beside the link. */
static bool let_folders_of(const struct ruleset *ruleset, const char *file, uint64_t access,
			   struct error *err)
{
	char target[PATH_MAX];

	if (!let_folder_of(ruleset, file, access, err))
		return false;
	if (readlink(file, target, sizeof(target)) < 0)
		return true;
	if (realpath(file, target) == NULL)
		return error_set(err, ERROR_STORAGE, "%s: %s", file, strerror(errno));
	return let_folder_of(ruleset, target, access, err);
}

static bool let_own_folders(const struct ruleset *ruleset, const struct config *config,
			    const struct sandbox_role *role, struct error *err)
{
	return let_folders_of(ruleset, config->database, KEEPS, err) &&
	       let_folders_of(ruleset, config->encryption_key_file,
			      role->replaces_keys ? KEEPS : READS, err) &&
	       (role->reads == NULL || let(ruleset, role->reads, READS, err)) &&
	       (role->writes == NULL || let_folder_of(ruleset, role->writes, KEEPS, err)) &&
	       (failpoint_folder() == NULL || let(ruleset, failpoint_folder(), KEEPS, err));
}

static bool let_places(const struct ruleset *ruleset, const struct sandbox_role *role,
		       struct error *err)
{
	const enum who who = role->calls_out ? WHO_CALLS_OUT : WHO_CALLS_NOBODY;

	for (size_t i = 0; i < COUNT_OF(places); i++) {
		struct error why = {0};

		if (places[i].who != EVERYBODY && places[i].who != who)
			continue;
		if (!let(ruleset, places[i].path, READS, &why) && why.kind != ERROR_STORAGE) {
			*err = why;
			return false;
		}
	}
	return true;
}

static bool check_version(int version, struct error *err)
{
	if (version >= 1)
		return true;
	if (version == -ENOSYS)
		return error_set(err, ERROR_INTERNAL, "this kernel has no Landlock");
	if (version == -EOPNOTSUPP)
		return error_set(err, ERROR_INTERNAL,
				 "this kernel's Landlock was not switched on at its start");
	return error_set(err, ERROR_INTERNAL, "this system does not let programs use Landlock: %s",
			 strerror(-version));
}

bool sandbox_enter(const struct config *config, const struct sandbox_role *role, int version,
		   struct error *err)
{
	const struct handled handled = handled_by(version, role);
	SCOPED(close_ruleset) struct ruleset ruleset = {-1, handled.files};

	/* Landlock asks for it, and it is worth having without. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return fail("cannot give up new privileges", err);
	if (!check_version(version, err))
		return false;
	ruleset.descriptor =
		(int)syscall(SYS_landlock_create_ruleset, &handled, sizeof(handled), 0);
	if (ruleset.descriptor < 0)
		return fail("cannot make a Landlock ruleset", err);
	if (!let_own_folders(&ruleset, config, role, err) || !let_places(&ruleset, role, err))
		return false;
	return syscall(SYS_landlock_restrict_self, ruleset.descriptor, 0) == 0 ||
	       fail("cannot enter the Landlock ruleset", err);
}
