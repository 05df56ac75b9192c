/* SPDX-License-Identifier: MIT */
/*
 * mover_shm.c - a POSIX shared memory object and memcpy
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness.h"
#include "mover.h"

static char *memory;

static int make(const char *name)
{
	int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);

	if (fd >= 0 && ftruncate(fd, (off_t)MOVER_BYTES) < 0) {
		(void)close(fd);
		fd = -1;
	}
	return fd;
}

static int shm_start(const struct pair *pair)
{
	char name[64];
	int fd = -1;
	int pid = (int)getpid();
	void *p = MAP_FAILED;

	if (pair->role == PAIR_MEASURER)
		pair_recv(pair, &pid, sizeof(pid));
	(void)snprintf(name, sizeof(name), "/tract-bench-%d", pid);
	if (pair->role == PAIR_OWNER) {
		fd = make(name);
		pair_send(pair, &pid, sizeof(pid));
	} else {
		pair_meet(pair);
		fd = shm_open(name, O_RDWR, 0);
	}
	if (fd >= 0) {
		p = mmap(NULL, MOVER_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		(void)close(fd);
	}
	if (pair->role == PAIR_OWNER) {
		if (p != MAP_FAILED)
			memset(p, 1, MOVER_BYTES);
		pair_meet(pair);
	}
	fd = pair_agree(pair, p == MAP_FAILED ? -1 : 0);
	if (pair->role == PAIR_OWNER)
		(void)shm_unlink(name);
	memory = p;
	return fd;
}

static double shm_put(void *data, size_t length, size_t times)
{
	double start = clock_ns();

	for (size_t n = 0; n < times; n++) {
		memcpy(memory, data, length);
		__asm__ volatile("" : : "r"(memory) : "memory");
	}
	return clock_ns() - start;
}

static double shm_get(void *data, size_t length, size_t times)
{
	double start = clock_ns();

	for (size_t n = 0; n < times; n++) {
		memcpy(data, memory, length);
		__asm__ volatile("" : : "r"(data) : "memory");
	}
	return clock_ns() - start;
}

static void shm_stop(const struct pair *pair)
{
	(void)pair;
	(void)munmap(memory, MOVER_BYTES);
}

const struct mover mover_shm = {
	.name = "POSIX shm",
	.open = shm_start,
	.put = shm_put,
	.get = shm_get,
	.close = shm_stop,
};
