/* SPDX-License-Identifier: MIT */
#include "target.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "out.h"

/* mkstemp() makes files for the owner only; this one is to look as if open() had made it. */
static int open_partial(char *name)
{
	int fd = mkostemp(name, O_CLOEXEC);
	mode_t mask;

	if (fd < 0)
		return -1;
	mask = umask(0);
	(void)umask(mask);
	(void)fchmod(fd, 0666 & ~mask);
	return fd;
}

bool target_open(struct target *target, const char *path)
{
	struct stat stat_;

	*target = (struct target){ .fd = STDOUT_FILENO, .path = path };
	if (!path)
		return true;
	if (stat(path, &stat_) == 0 && !S_ISREG(stat_.st_mode)) {
		target->fd = open(path, O_WRONLY | O_CLOEXEC);
	} else {
		if (asprintf(&target->partial, "%s.XXXXXX", path) < 0)
			target->partial = NULL;
		target->fd = target->partial ? open_partial(target->partial) : -1;
	}
	if (target->fd >= 0)
		return true;
	out_error("cannot write %s: %m", path);
	free(target->partial);
	return false;
}

bool target_write(struct target *target, const char *bytes, size_t count)
{
	while (count > 0) {
		ssize_t n = write(target->fd, bytes, count);

		if (n < 0) {
			if (target->path || !out_reader_gone())
				out_error("cannot write %s: %m",
					  target->path ? target->path : "standard output");
			return false;
		}
		bytes += n;
		count -= (size_t)n;
	}
	return true;
}

bool target_finish(struct target *target)
{
	if (!target->partial)
		return true;
	if (rename(target->partial, target->path) != 0) {
		out_error("cannot write %s: %m", target->path);
		return false;
	}
	free(target->partial);
	target->partial = NULL;
	return true;
}

void target_close(struct target *target)
{
	if (target->partial)
		(void)unlink(target->partial);
	free(target->partial);
	if (target->path)
		(void)close(target->fd);
}
