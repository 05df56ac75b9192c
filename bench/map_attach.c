/* SPDX-License-Identifier: MIT */
/*
 * map_attach.c - a page attached and detached again
 *
 * The peer is what the kernel takes for it: mmap() where the kernel likes, and munmap().
 * Nobody touches the page.
 */
#include <sys/mman.h>
#include <unistd.h>

#include <tract/map.h>

#include "harness.h"
#include "map.h"

static double run_ours(void *arg, size_t times)
{
	const struct tract_attachment *what = arg;
	struct tract_map *map = tract_map_own();
	double begin = cpu_ns();

	for (size_t i = 0; i < times; i++) {
		void *at = NULL;

		if (tract_map_attach(map, what, &at) < 0 ||
		    tract_map_detach(map, at, PAGE, TRACT_DETACH_EXACT, NULL) < 0)
			return -1;
	}
	return cpu_ns() - begin;
}

/* @arg: the object's descriptor; NULL: anonymous memory. */
static double run_bare(void *arg, size_t times)
{
	const int fd = arg ? *(const int *)arg : -1;
	const int flags = arg ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS;
	double begin = cpu_ns();

	for (size_t i = 0; i < times; i++) {
		void *at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, flags, fd, 0);

		if (at == MAP_FAILED || munmap(at, PAGE) < 0)
			return -1;
	}
	return cpu_ns() - begin;
}

void row_attach(struct tract_region *region)
{
	const struct race race = { .rounds = 200, .batch_ns = 5e5 };
	struct tract_attachment object = { .region = region,
					   .size = PAGE,
					   .rights = TRACT_RIGHT_READ_WRITE };
	struct tract_attachment memory = { .flags = TRACT_ATTACH_ANONYMOUS,
					   .size = PAGE,
					   .rights = TRACT_RIGHT_READ_WRITE };
	int fd = memfd_create("bench-map", MFD_CLOEXEC);
	struct contender of_object[] = { { "tract", run_ours, &object },
					 { "mmap, munmap", run_bare, &fd } };
	struct contender of_memory[] = { { "tract", run_ours, &memory },
					 { "mmap, munmap", run_bare, NULL } };

	if (fd < 0 || ftruncate(fd, (off_t)PAGE) < 0)
		die("cannot make a memory object");
	race_report("attach-region", of_object, 2, &race);
	race_report("attach-anonymous", of_memory, 2, &race);
	(void)close(fd);
}
