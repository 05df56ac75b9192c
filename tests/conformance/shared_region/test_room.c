/* SPDX-License-Identifier: MIT */
/*
 * test_room.c - a region that is too large is refused before a page of it is asked for
 *
 * In a control group that has little memory, so that a broker which asked all the same would
 * take nothing from anybody else.
 */
#include "rig.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>

#define MB ((size_t)1 << 20)
#define GROUP_SIZE (96 * MB)
/* What brokers, pages of programs and sizes of files come to. */
#define LITTLE (8 * MB)

struct group {
	char path[384];
	bool newer; /* the second version of control groups */
};

static bool write_file(const struct group *g, const char *name, const char *text)
{
	char path[512];
	ssize_t written;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", g->path, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	written = write(fd, text, strlen(text));
	(void)close(fd);
	return written == (ssize_t)strlen(text);
}

/* What the group uses now. */
static size_t used(const struct group *g)
{
	unsigned long long bytes = 0;
	char path[512];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", g->path,
		       g->newer ? "memory.current" : "memory.usage_in_bytes");
	file = fopen(path, "re");
	EXPECT(file != NULL);
	EXPECT_EQ(fscanf(file, "%llu", &bytes), 1);
	(void)fclose(file);
	return bytes;
}

/* A group in our own that may have GROUP_SIZE. */
static bool group_up(struct group *g)
{
	FILE *file = fopen("/proc/self/cgroup", "re");
	char line[256], limit[32];
	bool made = false;

	(void)snprintf(limit, sizeof(limit), "%zu", GROUP_SIZE);
	while (file && !made && fgets(line, sizeof(line), file)) {
		const char *own = strchr(line, '/');

		g->newer = strncmp(line, "0::", 3) == 0;
		if (!own || (!g->newer && !strstr(line, ":memory:")))
			continue;
		line[strcspn(line, "\n")] = '\0';
		(void)snprintf(g->path, sizeof(g->path), "/sys/fs/cgroup%s%s/tract-test-%d",
			       g->newer ? "" : "/memory", own, (int)getpid());
		if (mkdir(g->path, 0755) < 0)
			continue;
		made = write_file(g, g->newer ? "memory.max" : "memory.limit_in_bytes", limit);
		if (!made)
			(void)rmdir(g->path);
	}
	if (file)
		(void)fclose(file);
	return made;
}

enum { NOT_INSIDE = 77 };

struct part {
	const struct group *group;
	void (*play)(const struct group *g, struct own *a);
};

/* The broker that this starts is in the group, too. */
static void be_inside(void *arg)
{
	const struct part *part = arg;
	struct own a;

	if (!write_file(part->group, "cgroup.procs", "0"))
		_exit(NOT_INSIDE);
	own_attach(&a);
	part->play(part->group, &a);
	own_down(&a);
}

static void in_group(void (*play)(const struct group *g, struct own *a))
{
	struct group g;
	struct part part = { .group = &g, .play = play };
	int status;

	if (TEST_SANITIZED)
		SKIP("sanitizers keep books that are larger than the group");
	if (!group_up(&g))
		SKIP("no control group with a limit for memory can be made here");
	status = status_of(be_inside, &part);
	/* The broker leaves soon. */
	EXPECT_WITHIN(10000, rmdir(g.path) == 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_INSIDE)
		SKIP("nothing can enter a control group of its own here");
	EXPECT_EQ(status, 0);
}

static void expect_refused(const struct group *g, struct own *a, size_t size)
{
	shared_region *region = NULL;
	size_t before = used(g), after;

	EXPECT_FAILS(shared_region_new(a->client, a->self, size, SHARED_REGION_WRITE, &region),
		     OUT_OF_MEMORY);
	EXPECT(region == NULL);
	after = used(g);
	EXPECT(after < before + LITTLE);
	/* The broker is there, and has room. */
	EXPECT_OK(shared_region_new(a->client, a->self, PAGE, SHARED_REGION_WRITE, &region));
	EXPECT_OK(shared_region_destroy(region));
	shared_region_release(region);
}

static size_t host_memory(void)
{
	struct sysinfo info;

	EXPECT_EQ(sysinfo(&info), 0);
	return info.totalram * info.mem_unit;
}

static void ask_for_more_than_the_host_has(const struct group *g, struct own *a)
{
	expect_refused(g, a, host_memory() + PAGE);
	expect_refused(g, a, 4 * host_memory());
	expect_refused(g, a, (size_t)1 << 45);
}

/* D-2, 3.1, 18.1 */
TEST_SLOW(more_than_the_hosts_memory_is_refused_and_nothing_is_allocated, 60)
{
	in_group(ask_for_more_than_the_host_has);
}

static void ask_for_more_than_the_group_has(const struct group *g, struct own *a)
{
	expect_refused(g, a, GROUP_SIZE + PAGE);
	expect_refused(g, a, 2 * GROUP_SIZE);
}

/* 3.1, 18.1 */
TEST_SLOW(more_than_the_control_group_has_is_refused_and_nothing_is_allocated, 60)
{
	test_configure("[limits]\nmax-user-memory = 100\nmax-exported-memory = 100\n");
	in_group(ask_for_more_than_the_group_has);
}

static void ask_for_a_little_often(const struct group *g, struct own *a)
{
	enum { MOST = 64 };
	shared_region *regions[MOST] = { NULL };
	unsigned count = 0;
	int code = 0;

	while (count < MOST && code == 0) {
		code = shared_region_new(a->client, a->self, 4 * MB, SHARED_REGION_WRITE,
					 &regions[count]);
		count += code == 0;
	}
	/* None of 256 MB was too large by itself, and the group has less than half of them. */
	EXPECT_FAILS(code, OUT_OF_MEMORY);
	EXPECT(count > 0);
	expect_refused(g, a, 64 * MB);
	for (unsigned i = 0; i < count; i++) {
		EXPECT_OK(shared_region_destroy(regions[i]));
		shared_region_release(regions[i]);
	}
}

/* 3.1: the sum counts. */
TEST_SLOW(regions_that_are_too_much_together_are_refused, 60)
{
	in_group(ask_for_a_little_often);
}

/* D-2, G-17, 18.1 */
TEST(more_than_the_owners_quota_is_refused)
{
	const size_t beyond = host_memory() / 100 + 8 * MB;
	shared_region *region = NULL;
	struct own a;

	if (beyond > 400 * MB)
		SKIP("a hundredth of this host's memory is too much to risk");
	test_configure("[limits]\nmax-user-memory = 1\n");
	own_attach(&a);
	EXPECT_FAILS(shared_region_new(a.client, a.self, beyond, SHARED_REGION_WRITE, &region),
		     OUT_OF_MEMORY);
	EXPECT_OK(shared_region_new(a.client, a.self, PAGE, SHARED_REGION_WRITE, &region));
	shared_region_release(region);
	own_down(&a);
}
