/* SPDX-License-Identifier: MIT */
/*
 * map_fault.c - a page that is not there is touched, and comes
 *
 * The peer is what the kernel takes for it: one thread reads a userfaultfd, and copies a page.
 * Whoever touches, and whoever serves, has a processor of its own where there are two; so the
 * times are those of a clock.
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <tract/map.h>

#include "harness.h"
#include "map.h"

/* Touched one after the other; then all of them are taken away. */
#define PAGES 64u

static char content[PAGE] __attribute__((aligned(4096)));

static void pin(unsigned which)
{
	cpu_set_t allowed, one;
	unsigned cpu = 0, seen = 0;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		return;
	for (unsigned i = 0; i < CPU_SETSIZE && seen <= which; i++)
		if (CPU_ISSET(i, &allowed)) {
			cpu = i;
			seen++;
		}
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	(void)sched_setaffinity(0, sizeof(one), &one);
}

/* What is at @memory is there, and is nowhere once @forget was called. */
static double touch_all(char *memory, size_t pages)
{
	double begin = clock_ns();
	unsigned sum = 0;

	for (size_t i = 0; i < pages; i++)
		sum += *(volatile char *)(memory + i * PAGE);
	return sum == pages ? clock_ns() - begin : -1;
}

/* ---- ours ------------------------------------------------------------------------------- */

static int answer(void *context, const struct tract_fault *fault, struct tract_answer *answer)
{
	(void)context;
	(void)fault;
	answer->content = content;
	return 0;
}

/* What was paged once is there until it is detached. */
static double run_ours(void *arg, size_t times)
{
	struct tract_attachment what = { .pager = arg,
					 .size = PAGES * PAGE,
					 .rights = TRACT_RIGHT_READ_WRITE };
	double taken = 0;

	for (size_t done = 0; done < times; done += PAGES) {
		size_t pages = times - done < PAGES ? times - done : PAGES;
		void *at = NULL;
		double now;

		if (tract_map_attach(tract_map_own(), &what, &at) < 0)
			return -1;
		now = touch_all(at, pages);
		if (tract_detach(at) < 0 || now < 0)
			return -1;
		taken += now;
	}
	return taken;
}

/* ---- the kernel's ----------------------------------------------------------------------- */

struct bare {
	int uffd;
	int fd;
};

static void *serve(void *arg)
{
	const struct bare *bare = arg;
	struct uffd_msg msg;

	while (read(bare->uffd, &msg, sizeof(msg)) == sizeof(msg)) {
		struct uffdio_copy copy = { .dst = msg.arg.pagefault.address & ~(PAGE - 1),
					    .src = (uintptr_t)content,
					    .len = PAGE };

		if (ioctl(bare->uffd, UFFDIO_COPY, &copy) < 0)
			die("a page could not be copied");
	}
	return NULL;
}

static int bare_open(struct bare *bare)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_MISSING_SHMEM };

	bare->uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	if (bare->uffd < 0)
		bare->uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
	bare->fd = memfd_create("bench-fault", MFD_CLOEXEC);
	if (bare->uffd < 0 || bare->fd < 0 || ioctl(bare->uffd, UFFDIO_API, &api) < 0 ||
	    ftruncate(bare->fd, (off_t)(PAGES * PAGE)) < 0)
		return -1;
	return 0;
}

static double run_bare(void *arg, size_t times)
{
	const struct bare *bare = arg;
	double taken = 0;

	for (size_t done = 0; done < times; done += PAGES) {
		size_t pages = times - done < PAGES ? times - done : PAGES;
		char *at = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
				bare->fd, 0);
		struct uffdio_register range = {
			.range = { .start = (uintptr_t)at, .len = PAGES * PAGE },
			.mode = UFFDIO_REGISTER_MODE_MISSING,
		};
		double now;

		if (at == MAP_FAILED || ioctl(bare->uffd, UFFDIO_REGISTER, &range) < 0)
			return -1;
		now = touch_all(at, pages);
		(void)munmap(at, PAGES * PAGE);
		if (now < 0 || ftruncate(bare->fd, 0) < 0 ||
		    ftruncate(bare->fd, (off_t)(PAGES * PAGE)) < 0)
			return -1;
		taken += now;
	}
	return taken;
}

/* ---- the row ---------------------------------------------------------------------------- */

/* The first attachment starts the thread that serves, which inherits the processor. */
static struct tract_pager *start_ours(void)
{
	struct tract_pager *pager;

	if (tract_pager_create(answer, NULL, NULL, &pager) < 0 || run_ours(pager, 1) < 0)
		return NULL;
	return pager;
}

void row_fault(void)
{
	const struct race race = { .rounds = 100, .batch = PAGES };
	struct bare bare;
	pthread_t thread;
	struct contender contenders[] = { { "tract", run_ours, NULL },
					  { "bare userfaultfd", run_bare, &bare } };

	for (size_t i = 0; i < PAGE; i++)
		content[i] = 1;
	pin(1);
	contenders[0].arg = start_ours();
	if (!contenders[0].arg || bare_open(&bare) < 0 ||
	    pthread_create(&thread, NULL, serve, &bare) != 0) {
		report_note("fault", "no userfaultfd for programs");
		return;
	}
	pin(0);
	race_report("fault", contenders, 2, &race);
	tract_pager_close(contenders[0].arg);
}
