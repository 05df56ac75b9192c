/* SPDX-License-Identifier: MIT */
#include "broker/offer.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/memfd.h"

static int access_mode(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 ? -1 : flags & (O_ACCMODE | O_PATH);
}

/*
 * The kernel's own mount of shared memory has three kinds of file: memfds, System V segments
 * and shared anonymous memory, each named so that no program can choose another's.  A file
 * with such a name on a mounted file system is told by its device.
 */
static bool is_kernel_memory(int fd, const struct stat *st)
{
	char path[32], name[64];
	struct stat own;
	int probe = memfd_create("tract-probe", MFD_CLOEXEC);
	bool same_mount = probe >= 0 && fstat(probe, &own) == 0 && own.st_dev == st->st_dev;
	ssize_t length;

	if (probe >= 0)
		(void)close(probe);
	if (!same_mount)
		return false;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	length = readlink(path, name, sizeof(name) - 1);
	if (length < 0)
		return false;
	name[length] = '\0';
	return strncmp(name, "/SYSV", 5) == 0 || strncmp(name, "/dev/zero", 9) == 0;
}

bool offer_is_sound(int writer, int reader, uint64_t size)
{
	struct stat w, r;
	uint64_t sealed;

	if (access_mode(writer) != O_RDWR || access_mode(reader) != O_RDONLY)
		return false;
	if (fstat(writer, &w) < 0 || fstat(reader, &r) < 0)
		return false;
	if (!S_ISREG(w.st_mode) || w.st_dev != r.st_dev || w.st_ino != r.st_ino)
		return false;
	if (w.st_size < 0 || (uint64_t)w.st_size < size)
		return false;
	return memfd_verify(writer, &sealed) == 0 || is_kernel_memory(writer, &w);
}

bool offer_is_pipe(int fd)
{
	struct stat st;
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || (flags & O_PATH) || !(flags & O_NONBLOCK))
		return false;
	if ((flags & O_ACCMODE) != O_WRONLY && (flags & O_ACCMODE) != O_RDWR)
		return false;
	return fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
}

static int socket_option(int fd, int option)
{
	int value = -1;
	socklen_t size = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &size) < 0 ? -1 : value;
}

bool offer_is_channel(int fd)
{
	struct sockaddr_storage peer;
	socklen_t size = sizeof(peer);

	return socket_option(fd, SO_DOMAIN) == AF_UNIX &&
	       socket_option(fd, SO_TYPE) == SOCK_SEQPACKET &&
	       getpeername(fd, (struct sockaddr *)&peer, &size) == 0;
}
