/* SPDX-License-Identifier: MIT */
/*
 * mapped [COUNT] - a process with one of each thing that can be attached
 *
 * And COUNT small attachments more.  Prints a line "NAME ADDRESS" for each, then "ready", and
 * stays until its standard input ends.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/shm.h>
#include <unistd.h>

#include <tract/tract.h>

#define KIB ((size_t)1024)

static void must(int r, const char *what)
{
	if (r == 0)
		return;
	(void)fprintf(stderr, "mapped: %s: %s\n", what, tract_reason());
	exit(1);
}

static void tell(const char *name, const void *addr)
{
	printf("%s %llu\n", name, (unsigned long long)(uintptr_t)addr);
}

static char *reserve(const char *name, size_t size, uint32_t flags)
{
	void *at = NULL;

	must(tract_map_reserve(tract_map_own(), &at, size, flags, 0, 0), name);
	tell(name, at);
	return at;
}

/* At @addr, in an area, or wherever there is room if it is NULL. */
static char *attach(const char *name, struct tract_attachment what, char *addr)
{
	void *at = addr;

	if (addr)
		what.flags |= TRACT_ATTACH_FIXED | TRACT_ATTACH_IN_AREA;
	must(tract_map_attach(tract_map_own(), &what, &at), name);
	tell(name, at);
	return at;
}

static struct tract_region *region_of(size_t size)
{
	const struct tract_region_spec spec = { .size = size };
	struct tract_region *region;

	must(tract_region_create_local(&spec, &region), "region");
	return region;
}

static int zeros(void *context, const struct tract_fault *fault, struct tract_answer *answer)
{
	(void)context;
	(void)fault;
	answer->kind = TRACT_ANSWER_ZERO;
	return 0;
}

static void attach_pager(void)
{
	struct tract_attachment what = { .size = 128 * KIB, .rights = TRACT_RIGHT_READ_WRITE };
	void *at = NULL;

	must(tract_pager_create(zeros, NULL, NULL, &what.pager), "pager");
	/* Not every host lets programs page. */
	if (tract_map_attach(tract_map_own(), &what, &at) == 0)
		tell("pager", at);
	tract_pager_close(what.pager);
}

static void attach_sysv(void)
{
	int id = shmget(IPC_PRIVATE, 64 * KIB, 0600);
	void *at = shmat(id, NULL, 0);

	/* It goes with the process. */
	(void)shmctl(id, IPC_RMID, NULL);
	tell("sysv", at);
}

static void fill_area(char *area, struct tract_region *region)
{
	(void)attach("reading",
		     (struct tract_attachment){ .region = region,
						.offset = 64 * KIB,
						.size = 64 * KIB,
						.rights = TRACT_RIGHT_READ },
		     area + 64 * KIB);
	(void)attach("private",
		     (struct tract_attachment){ .region = region,
						.size = 128 * KIB,
						.rights = TRACT_RIGHT_READ_WRITE,
						.flags = TRACT_ATTACH_PRIVATE },
		     area + 256 * KIB);
}

/* Of the same page each, so that the kernel does not take two neighbours for one. */
static void attach_small(struct tract_region *region, int count)
{
	const struct tract_attachment what = { .region = region,
					       .size = 4 * KIB,
					       .rights = TRACT_RIGHT_READ };

	for (int i = 0; i < count; i++) {
		void *at = NULL;

		must(tract_map_attach(tract_map_own(), &what, &at), "small");
	}
}

int main(int argc, char *argv[])
{
	struct tract_region *region = region_of(256 * KIB);
	char *whole;

	fill_area(reserve("area", 1024 * KIB, 0), region);
	(void)reserve("closed", 100 * KIB + 7, TRACT_AREA_BLOCK);
	whole = attach(
		"whole",
		(struct tract_attachment){ .region = region, .rights = TRACT_RIGHT_READ_WRITE },
		NULL);
	whole[0] = whole[100 * KIB] = 1;
	(void)attach("anonymous",
		     (struct tract_attachment){ .size = 64 * KIB,
						.rights = TRACT_RIGHT_READ_WRITE,
						.flags = TRACT_ATTACH_ANONYMOUS },
		     NULL);
	(void)attach("blocked",
		     (struct tract_attachment){ .size = 64 * KIB, .flags = TRACT_ATTACH_BLOCK },
		     NULL);
	attach_pager();
	attach_sysv();
	attach_small(region, argc > 1 ? atoi(argv[1]) : 0);
	tract_region_close(region);
	puts("ready");
	(void)fflush(stdout);
	while (getchar() != EOF)
		;
	return 0;
}
