/* SPDX-License-Identifier: MIT */
/*
 * test_adopt_room.c - how much memory a move needs
 *
 * A child moves memory and stops wherever a piece is there twice; the kernel tells its parent
 * what it holds by then.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "kin.h"

#define MB ((uint64_t)1 << 20)
#define SIZE (16 * MB)
/* What moves at once. */
#define PIECE (2 * MB)
/* The reserve for the way back, and what a C library needs, or a sanitizer; much less than
 * SIZE. */
#define SMALL (TEST_SANITIZED ? 4 * MB : MB / 2)

/* ---- what a process holds --------------------------------------------------------------- */

/* Bytes that the kernel counts under a name of /proc/PID/smaps_rollup. */
static uint64_t mapped_bytes(pid_t pid, const char *name)
{
	char path[64], line[256];
	uint64_t kilobytes = 0;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	file = fopen(path, "re");
	EXPECT(file != NULL);
	while (fgets(line, sizeof(line), file))
		if (strncmp(line, name, strlen(name)) == 0)
			kilobytes = strtoull(line + strlen(name), NULL, 10);
	(void)fclose(file);
	return kilobytes * 1024;
}

/* Bytes in the objects that it has open. */
static uint64_t object_bytes_of(pid_t pid)
{
	char path[64], target[128], link[384];
	const struct dirent *entry;
	uint64_t bytes = 0;
	struct stat st;
	DIR *fds;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	fds = opendir(path);
	EXPECT(fds != NULL);
	while ((entry = readdir(fds))) {
		ssize_t length;

		(void)snprintf(link, sizeof(link), "%s/%s", path, entry->d_name);
		length = readlink(link, target, sizeof(target) - 1);
		target[length > 0 ? length : 0] = '\0';
		if (strncmp(target, "/memfd:tract", 12) == 0 && stat(link, &st) == 0)
			bytes += (uint64_t)st.st_blocks * 512;
	}
	(void)closedir(fds);
	return bytes;
}

static uint64_t held_bytes(pid_t pid)
{
	return mapped_bytes(pid, "Anonymous:") + object_bytes_of(pid);
}

/* ---- a move that stops at each piece ---------------------------------------------------- */

struct mover {
	void *(*make)(void);
	const char *always; /* armed as well; "" or ends with a comma */
	size_t exported;    /* bytes from the start that are exported before; 0: none */
};

static void *make_private(void)
{
	void *memory = pages_private(SIZE / PAGE);

	(void)memset(memory, 5, SIZE);
	return memory;
}

static void *make_file(void)
{
	char path[128];
	void *memory;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/file", test_directory());
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	EXPECT(fd >= 0);
	EXPECT_EQ(ftruncate(fd, (off_t)SIZE), 0);
	memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	EXPECT(memory != MAP_FAILED);
	(void)close(fd);
	(void)memset(memory, 5, SIZE);
	return memory;
}

static void stop_at_each_piece(const char *always)
{
	char spec[128];

	for (unsigned nth = 1; nth <= SIZE / PIECE; nth++) {
		(void)snprintf(spec, sizeof(spec), "%sexchange.piece.copied=stop@%u", always,
			       nth);
		EXPECT_EQ(fault_arm(spec), 0);
	}
}

static void move(struct kin *parent, void *arg)
{
	const struct mover *m = arg;
	struct tract_export *before = NULL, *export = NULL;
	struct tract *ctx = node_open();
	char *memory = m->make();

	if (m->exported)
		EXPECT_EQ(tract_export_create(ctx, memory, m->exported, 0, &before), 0);
	kin_tell(parent, 0);
	(void)kin_hear(parent);
	stop_at_each_piece(m->always);
	EXPECT_EQ(tract_export_create(ctx, memory + m->exported / 2, SIZE - m->exported / 2, 0,
				      &export),
		  0);
	(void)fault_arm(NULL);
	for (size_t i = 0; i < SIZE; i += PAGE)
		EXPECT_EQ(memory[i], 5);
	EXPECT_EQ(tract_export_destroy(export), 0);
	if (before)
		EXPECT_EQ(tract_export_destroy(before), 0);
	EXPECT_EQ(munmap(memory, SIZE), 0);
	tract_close(ctx);
}

/* The most that the child held more than before, of all the times it stopped. */
static uint64_t most_more(const struct mover *m)
{
	uint64_t before, most = 0;
	unsigned stops = 0;
	struct kin mover;
	int status;

	kin_start(&mover, move, (void *)(uintptr_t)m);
	(void)kin_hear(&mover);
	before = held_bytes(mover.pid);
	EXPECT(before >= SIZE);
	kin_tell(&mover, 0);
	while (stops < SIZE / PIECE) {
		uint64_t now;

		EXPECT_EQ(waitpid(mover.pid, &status, WUNTRACED), mover.pid);
		EXPECT(WIFSTOPPED(status));
		stops++;
		now = held_bytes(mover.pid);
		if (now > before + most)
			most = now - before;
		EXPECT_EQ(kill(mover.pid, SIGCONT), 0);
	}
	kin_finish(&mover);
	return most;
}

static void expect_a_piece_is_there_twice_at_most(const struct mover *m)
{
	uint64_t most = most_more(m);

	/* Or else nothing was seen. */
	EXPECT(most >= PIECE);
	ck_assert_msg(most <= PIECE + SMALL, "%llu kB more than before",
		      (unsigned long long)(most / 1024));
}

TEST(private_memory_is_exported_with_a_piece_more_than_it_has)
{
	expect_a_piece_is_there_twice_at_most(
		&(struct mover){ .make = make_private, .always = "" });
}

TEST(guarded_memory_is_exported_with_a_piece_more_than_it_has)
{
	expect_a_piece_is_there_twice_at_most(
		&(struct mover){ .make = make_private, .always = "uffd.open=e1@*," });
}

TEST(what_was_stored_to_a_private_file_is_exported_with_a_piece_more_than_it_has)
{
	expect_a_piece_is_there_twice_at_most(
		&(struct mover){ .make = make_file, .always = "" });
}

TEST(exports_come_to_overlap_with_a_piece_more_than_they_have)
{
	expect_a_piece_is_there_twice_at_most(
		&(struct mover){ .make = make_private, .always = "", .exported = SIZE / 2 });
}

/* ---- in a control group ----------------------------------------------------------------- */

/* Of which more than half is exported. */
#define GROUP_SIZE (160 * MB)
#define EXPORTED (112 * MB)

static bool write_file(const char *directory, const char *name, const char *text)
{
	char path[512];
	ssize_t written;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	written = write(fd, text, strlen(text));
	(void)close(fd);
	return written == (ssize_t)strlen(text);
}

/* A group in our own, of either version of control groups, that may have GROUP_SIZE. */
static bool group_up(char *path, size_t capacity)
{
	FILE *file = fopen("/proc/self/cgroup", "re");
	char line[256], limit[32];
	bool made = false;

	(void)snprintf(limit, sizeof(limit), "%llu", (unsigned long long)GROUP_SIZE);
	while (file && !made && fgets(line, sizeof(line), file)) {
		bool newer = strncmp(line, "0::", 3) == 0;
		const char *own = strchr(line, '/');

		if (!own || (!newer && !strstr(line, ":memory:")))
			continue;
		line[strcspn(line, "\n")] = '\0';
		(void)snprintf(path, capacity, "/sys/fs/cgroup%s%s/tract-test-%d",
			       newer ? "" : "/memory", own, (int)getpid());
		if (mkdir(path, 0755) < 0)
			continue;
		made = write_file(path, newer ? "memory.max" : "memory.limit_in_bytes", limit);
		if (!made)
			(void)rmdir(path);
	}
	if (file)
		(void)fclose(file);
	return made;
}

static void export_most_of_a_group(struct kin *parent, void *arg)
{
	struct tract_export *export = NULL;
	struct tract *ctx = node_open();
	bool inside = write_file(arg, "cgroup.procs", "0");
	char *memory;

	kin_tell(parent, inside);
	if (!inside)
		return;
	memory = pages_private(EXPORTED / PAGE);
	(void)memset(memory, 5, EXPORTED);
	EXPECT_EQ(fault_arm("exchange.adopt.copied=e12"), 0);
	EXPECT_EQ(tract_export_create(ctx, memory, EXPORTED, 0, &export), -ENOMEM);
	(void)fault_arm(NULL);
	EXPECT_EQ(tract_export_create(ctx, memory, EXPORTED, 0, &export), 0);
	for (size_t i = 0; i < EXPORTED; i += PAGE)
		EXPECT_EQ(memory[i], 5);
	EXPECT_EQ(tract_export_destroy(export), 0);
	EXPECT_EQ(munmap(memory, EXPORTED), 0);
	tract_close(ctx);
}

TEST_SLOW(more_than_half_of_the_memory_there_is_can_be_exported, 60)
{
	char group[384];
	struct kin child;
	bool inside;

	if (TEST_TSAN)
		SKIP("TSan keeps books that are larger than the group");
	if (!group_up(group, sizeof(group)))
		SKIP("no control group with a limit for memory can be made here");
	test_configure("[limits]\nmax-user-memory = 100\nmax-exported-memory = 100\n");
	kin_start(&child, export_most_of_a_group, group);
	inside = kin_hear(&child);
	kin_finish(&child);
	/* The broker that the child started leaves soon. */
	EXPECT_WITHIN(10000, rmdir(group) == 0);
	if (!inside)
		SKIP("nothing can enter a control group of its own here");
}
