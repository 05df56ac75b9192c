/* SPDX-License-Identifier: MIT */
#include "client/locate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/scope.h"
#include "sys/dir.h"
#include "sys/sock.h"
#include "sys/spawn.h"

#ifndef TRACT_LIBEXECDIR
#define TRACT_LIBEXECDIR "/usr/local/libexec"
#endif
#define HOST_DIRECTORY "/run/tract"

static int copy(char *ret_dir, unsigned capacity, const char *dir, const char *name)
{
	int length = snprintf(ret_dir, capacity, "%s%s", dir, name);

	return length < 0 || (unsigned)length >= capacity ? -ENAMETOOLONG : 0;
}

static int runtime_directory(char *ret_dir, unsigned capacity)
{
	const char *runtime = secure_getenv("XDG_RUNTIME_DIR");

	if (!runtime || !*runtime || access(runtime, W_OK) < 0)
		return -ENOENT;
	return copy(ret_dir, capacity, runtime, "/tract");
}

static int user_directory(char *ret_dir, unsigned capacity)
{
	char user[16];

	(void)snprintf(user, sizeof(user), "%u", (unsigned)geteuid());
	return copy(ret_dir, capacity, "/tmp/tract-", user);
}

/* Whoever runs a program with raised privileges does not choose whom it shares memory with. */
int locate_directory(char *ret_dir, unsigned capacity)
{
	const char *dir = secure_getenv("TRACT_DIR");
	int r;

	if (dir && *dir)
		return copy(ret_dir, capacity, dir, "");
	r = runtime_directory(ret_dir, capacity);
	if (r != -ENOENT)
		return r;
	if (access(HOST_DIRECTORY "/broker", W_OK) == 0)
		return copy(ret_dir, capacity, HOST_DIRECTORY, "");
	return user_directory(ret_dir, capacity);
}

bool locate_is_own(const char *dir)
{
	char own[256];

	return (runtime_directory(own, sizeof(own)) == 0 && strcmp(own, dir) == 0) ||
	       (user_directory(own, sizeof(own)) == 0 && strcmp(own, dir) == 0);
}

/* Beside this library, as it is built or installed, before where it was configured to be. */
static int find_program(char *path, unsigned capacity)
{
	static const char *const beside[] = {
		"broker/tractd",
		"src/broker/tractd",
		"../libexec/tractd",
		"../../libexec/tractd",
	};
	const char *given = secure_getenv("TRACT_BROKER_PROGRAM");
	char code[4096], *slash;

	if (given)
		return access(given, X_OK) == 0 ? copy(path, capacity, given, "") : -ENOENT;
	if (dir_of_code((const void *)(uintptr_t)locate_start, code, sizeof(code)) == 0 &&
	    (slash = strrchr(code, '/')))
		for (size_t i = 0; i < ARRAY_LEN(beside); i++) {
			(void)snprintf(slash, sizeof(code) - (size_t)(slash - code), "/%s",
				       beside[i]);
			if (access(code, X_OK) == 0)
				return copy(path, capacity, code, "");
		}
	if (access(TRACT_LIBEXECDIR "/tractd", X_OK) == 0)
		return copy(path, capacity, TRACT_LIBEXECDIR, "/tractd");
	return -ENOENT;
}

int locate_program(char *ret_path, unsigned capacity)
{
	int r = find_program(ret_path, capacity);

	if (r != -ENOENT)
		return r;
	return fail(r,
		    "the broker's program, tractd, is not installed in %s nor beside this "
		    "library; TRACT_BROKER_PROGRAM can name it",
		    TRACT_LIBEXECDIR);
}

int locate_start(const char *dir, uint64_t deadline)
{
	char program[4096], option[] = "--dir";
	char *argv[] = { program, option, NULL, NULL };
	scoped(mem) char *name = strdup(dir);
	scoped(fd) int ready = -1, fd = -1;
	int r;

	if (!name)
		return -ENOMEM;
	r = locate_program(program, sizeof(program));
	if (r < 0)
		return r;
	r = dir_prepare(dir, &fd);
	if (r < 0)
		return fail(
			r,
			"the directory %s cannot be used for a node: it must be this user's "
			"and writable by nobody else, or have a broker in it already",
			dir);
	argv[2] = name;
	r = spawn_detached(program, argv, &ready);
	if (r < 0)
		return r;
	r = sock_wait_readable(ready, clock_poll_ms(deadline));
	return r == -ETIMEDOUT ? 0 : r;
}
