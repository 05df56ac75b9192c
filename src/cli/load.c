/* SPDX-License-Identifier: MIT */
#include "load.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "out.h"

#define PIECE ((size_t)1 << 20)

/* Copies standard input to a file without a name, so that its length becomes known. */
static int spool(int from)
{
	static char piece[1 << 16];
	int to = memfd_create("tract-export", MFD_CLOEXEC);
	ssize_t n = -1;

	while (to >= 0 && (n = read(from, piece, sizeof(piece))) > 0) {
		if (write(to, piece, (size_t)n) == n)
			continue;
		n = -1;
		break;
	}
	if (n == 0)
		return to;
	if (to >= 0)
		(void)close(to);
	return -1;
}

/* A descriptor with a length, or -1. */
static int open_input(const char *path, uint64_t *ret_bytes)
{
	struct stat stat;
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : dup(STDIN_FILENO);

	if (fd < 0 || fstat(fd, &stat) < 0)
		goto fail;
	if (!S_ISREG(stat.st_mode)) {
		int spooled = spool(fd);

		(void)close(fd);
		fd = spooled;
		if (fd < 0 || fstat(fd, &stat) < 0)
			goto fail;
	}
	*ret_bytes = (uint64_t)stat.st_size;
	return fd;
fail:
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

/* False if the file has become shorter, or cannot be read. */
static bool read_bytes(int fd, char *to, uint64_t bytes)
{
	uint64_t done = 0;

	while (done < bytes) {
		size_t want = bytes - done < PIECE ? (size_t)(bytes - done) : PIECE;
		ssize_t n = pread(fd, to + done, want, (off_t)done);

		if (n <= 0)
			return false;
		done += (uint64_t)n;
	}
	return true;
}

int load_room(const struct cli *cli, uint64_t bytes, const char *name, struct loaded *ret)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	struct tract_region_spec spec = { .size = (bytes + page - 1) / page * page };
	struct loaded loaded = { .size = spec.size, .bytes = bytes };
	struct tract_region *region;
	int r;

	r = tract_region_create(cli->ctx, &spec, &region);
	if (r == 0) {
		r = tract_attach(region, &loaded.address, 0, 0, TRACT_RIGHT_READ_WRITE, 0);
		/* The attachment keeps the memory. */
		tract_region_close(region);
	}
	if (r < 0) {
		out_failed(r, "no memory for the %llu bytes of %s", (unsigned long long)bytes,
			   name);
		return out_exit_of(r);
	}
	*ret = loaded;
	return CLI_OK;
}

static int load(const struct cli *cli, int fd, uint64_t bytes, const char *name,
		struct loaded *ret)
{
	int end;

	if (bytes == 0) {
		out_error("%s is empty: there is nothing to export", name);
		return CLI_REFUSED;
	}
	end = load_room(cli, bytes, name, ret);
	if (end != CLI_OK)
		return end;
	if (read_bytes(fd, ret->address, bytes))
		return CLI_OK;
	out_error("cannot read all of %s: %m", name);
	(void)tract_detach(ret->address);
	return CLI_REFUSED;
}

int load_file(const struct cli *cli, const char *path, struct loaded *ret)
{
	const char *name = path ? path : "standard input";
	uint64_t bytes = 0;
	int fd, end;

	fd = open_input(path, &bytes);
	if (fd < 0) {
		out_error("cannot read %s: %m", name);
		return CLI_REFUSED;
	}
	end = load(cli, fd, bytes, name, ret);
	(void)close(fd);
	return end;
}
