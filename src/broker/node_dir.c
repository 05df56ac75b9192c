/* SPDX-License-Identifier: MIT */
#include "broker/node_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/scope.h"
#include "sys/dir.h"
#include "sys/sock.h"

#define SOCKET_NAME "broker"
#define RETRY_NS (2 * NS_PER_MS)
#define OPEN_TO_OTHERS 0055u

static int cannot_serve(const char *path, int error)
{
	switch (error) {
	case -EACCES:
		return fail(error, "%s: is another user's, or others may write there", path);
	case -ENOENT:
		return fail(error, "%s: what is above it does not exist", path);
	case -ENOTDIR:
		return fail(error, "%s: is no directory", path);
	default:
		return fail(error, "%s: cannot be used (%s)", path, error_name(error));
	}
}

int node_dir_open(struct node_dir *d, const char *path, bool host)
{
	struct stat st;
	int r;

	*d = (struct node_dir){ .path = path, .fd = -1, .lock = -1, .listener = -1 };
	r = dir_prepare(path, &d->fd);
	if (r < 0)
		return cannot_serve(path, r);
	if (!host || fstat(d->fd, &st) < 0)
		return 0;
	if (fchmod(d->fd, (st.st_mode & 07777) | 0755) < 0)
		return fail(-EACCES, "%s: cannot be opened to other users", path);
	return 0;
}

void node_dir_close(struct node_dir *d)
{
	fd_scope_end(&d->listener);
	dir_unlock(d->fd, &d->lock);
	fd_scope_end(&d->fd);
	d->listener = d->fd = -1;
}

/* Through the descriptor: whatever the path names by now, and however long it is. */
static void socket_path(const struct node_dir *d, char path[64])
{
	(void)snprintf(path, 64, "/proc/self/fd/%d/" SOCKET_NAME, d->fd);
}

static bool somebody_answers(const struct node_dir *d)
{
	scoped(fd) int fd = -1;
	char path[64];

	socket_path(d, path);
	return sock_connect(path, &fd) == 0;
}

int node_dir_lock(struct node_dir *d, unsigned timeout_ms)
{
	uint64_t deadline = clock_deadline_ms(timeout_ms);

	for (;;) {
		int r = dir_lock(d->fd, &d->lock);

		if (r == -ENOENT)
			return fail(r, "%s: removed meanwhile", d->path);
		if (r != -EWOULDBLOCK)
			return r;
		/* Its holder is starting, serving or leaving.  One that is leaving has taken
		 * its socket away already, so this cannot mistake it for one that serves. */
		if (somebody_answers(d))
			return -EALREADY;
		if (node_dir_look(d) == NODE_DIR_GONE)
			return fail(-ENOENT, "%s: removed meanwhile", d->path);
		if (clock_left(deadline) == 0)
			return fail(-ETIMEDOUT, "%s: locked by a process that does not answer",
				    d->path);
		clock_sleep(RETRY_NS);
	}
}

static int bind_socket(struct node_dir *d)
{
	char path[64];

	socket_path(d, path);
	(void)unlinkat(d->fd, SOCKET_NAME, 0);
	return sock_listen(path, d->socket_mode, &d->listener);
}

int node_dir_listen(struct node_dir *d, unsigned mode)
{
	struct stat st;

	if (mode == 0 && fstat(d->fd, &st) == 0)
		mode = (st.st_mode & OPEN_TO_OTHERS) ? 0666 : 0600;
	d->socket_mode = mode ? mode : 0600;
	return bind_socket(d);
}

void node_dir_adopt_listener(struct node_dir *d, int listener)
{
	d->listener = listener;
	d->activated = true;
}

void node_dir_hide(struct node_dir *d)
{
	if (d->lock >= 0 && !d->activated)
		(void)unlinkat(d->fd, SOCKET_NAME, 0);
}

int node_dir_show(struct node_dir *d, int *ret_listener)
{
	int r;

	if (!d->activated) {
		fd_scope_end(&d->listener);
		d->listener = -1;
		r = bind_socket(d);
		if (r < 0)
			return r;
	}
	*ret_listener = d->listener;
	return 0;
}

enum node_dir_state node_dir_look(const struct node_dir *d)
{
	struct stat st;

	if (fstat(d->fd, &st) < 0 || st.st_nlink == 0)
		return NODE_DIR_GONE;
	if (d->listener >= 0 && !d->activated &&
	    fstatat(d->fd, SOCKET_NAME, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return NODE_DIR_SOCKET_LOST;
	return NODE_DIR_FINE;
}
