/* SPDX-License-Identifier: MIT */
/*
 * test_regress.c - what was broken once
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <tract/tract.h>
#include <unistd.h>

#include "rig.h"
#include "test.h"

#define SIZE 65536u
#define STRANGER 1001

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- whom the library believes ----------------------------------------------------------- */

TEST(a_strangers_broker_in_a_default_directory_is_not_believed)
{
	static const char *const options[] = { "--host", NULL };
	struct tract *ctx;
	char dir[128];
	uint32_t node;
	pid_t broker;

	if (geteuid() != 0)
		SKIP("only root can be another user");
	(void)snprintf(dir, sizeof(dir), "%s/tract", test_directory());
	EXPECT_EQ(chmod(test_directory(), 0755), 0);
	EXPECT_EQ(mkdir(dir, 0755), 0);
	EXPECT_EQ(chown(dir, STRANGER, STRANGER), 0);
	broker = rig_broker_start(dir, STRANGER, options);
	(void)unsetenv("TRACT_DIR");
	(void)setenv("XDG_RUNTIME_DIR", test_directory(), 1);
	EXPECT_EQ(tract_open(NULL, &ctx), 0);
	EXPECT_STR(tract_directory(ctx), dir);
	EXPECT_EQ(tract_node_id(ctx, &node), -EACCES);
	EXPECT(strstr(tract_reason(), "TRACT_DIR"));
	tract_close(ctx);
	rig_broker_stop(broker);
}

TEST(who_finds_no_more_room_at_the_broker_is_told_why)
{
	/* For a broker: half of 100 for processes, five for each, half of them for one user. */
	const struct rlimit few = { 100, 100 };
	struct rig_client crowd[5];
	struct tract *ctx;
	uint32_t node;
	pid_t broker;

	EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
	broker = rig_broker_start(test_directory(), geteuid(), rig_stays);
	for (unsigned i = 0; i < 5; i++)
		rig_client_up(test_directory(), &crowd[i]);
	EXPECT_EQ(tract_open(NULL, &ctx), 0);
	EXPECT_EQ(tract_node_id(ctx, &node), -EUSERS);
	EXPECT(strstr(tract_reason(), "open files"));
	rig_client_down(&crowd[0]);
	while (tract_node_id(ctx, &node) == -EUSERS)
		(void)sched_yield();
	EXPECT_EQ(tract_node_id(ctx, &node), 0);
	tract_close(ctx);
	for (unsigned i = 1; i < 5; i++)
		rig_client_down(&crowd[i]);
	rig_broker_stop(broker);
}

/* ---- a broker that is not well ----------------------------------------------------------- */

TEST(a_stopped_broker_is_given_up_within_seconds)
{
	int64_t start = now_ms();
	struct tract *ctx;
	uint32_t node;
	pid_t broker;

	broker = rig_broker_start(test_directory(), geteuid(), NULL);
	EXPECT_EQ(kill(broker, SIGSTOP), 0);
	EXPECT_EQ(tract_open(NULL, &ctx), 0);
	EXPECT_EQ(tract_node_id(ctx, &node), -ETIMEDOUT);
	EXPECT(strstr(tract_reason(), "stopped"));
	EXPECT(now_ms() - start < 9000);
	tract_close(ctx);
	EXPECT_EQ(kill(broker, SIGCONT), 0);
	rig_broker_stop(broker);
}

/* ---- names ------------------------------------------------------------------------------- */

TEST(a_relative_directory_is_the_one_that_was_meant)
{
	struct tract *first, *second;
	uint32_t node;

	EXPECT_EQ(chdir(test_directory()), 0);
	EXPECT_EQ(mkdir("node", 0700), 0);
	(void)setenv("TRACT_DIR", "node", 1);
	EXPECT_EQ(tract_open(NULL, &first), 0);
	EXPECT_EQ(tract_open("node", &second), 0);
	EXPECT_EQ(tract_node_id(first, &node), 0);
	EXPECT_EQ(access("node/broker", F_OK), 0);
	EXPECT_EQ(chdir("/"), 0);
	EXPECT_EQ(tract_node_id(second, &node), 0);
	EXPECT_STR(tract_directory(first), tract_directory(second));
	tract_close(first);
	tract_close(second);
}

/* ---- the library itself ------------------------------------------------------------------ */

TEST(closing_the_library_leaves_its_code_where_threads_find_it)
{
	struct link_map *object;
	uint64_t flags = 0;
	Dl_info info;

	EXPECT(dladdr1((void *)(uintptr_t)tract_open, &info, (void **)&object,
		       RTLD_DL_LINKMAP));
	for (const ElfW(Dyn) *d = object->l_ld; d->d_tag != DT_NULL; d++)
		if (d->d_tag == DT_FLAGS_1)
			flags = d->d_un.d_val;
	EXPECT(flags & DF_1_NODELETE);
}

/* ---- running out ------------------------------------------------------------------------- */

static struct tract *context(void)
{
	struct tract *ctx;

	EXPECT_EQ(tract_open(NULL, &ctx), 0);
	return ctx;
}

static uint32_t publish(struct tract_export *export)
{
	uint32_t id = 0;

	EXPECT_EQ(tract_export_publish(export, &id, NULL, 0), 0);
	return id;
}

static struct tract_import *import_of(struct tract *ctx, uint32_t id)
{
	struct tract_import *import;

	EXPECT_EQ(tract_import_connect(ctx, 0, id, TRACT_RIGHT_READ_WRITE, &import), 0);
	return import;
}

static bool is_all(const char *at, size_t size, char with)
{
	for (size_t i = 0; i < size; i++)
		if (at[i] != with)
			return false;
	return true;
}

static uint64_t address_space(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	unsigned long long pages = 0;

	EXPECT(file);
	EXPECT_EQ(fscanf(file, "%llu", &pages), 1);
	(void)fclose(file);
	return pages * tract_page_size();
}

static void limit(int what, uint64_t to, struct rlimit *ret_before)
{
	struct rlimit now;

	EXPECT_EQ(getrlimit(what, ret_before), 0);
	now = *ret_before;
	now.rlim_cur = to;
	EXPECT_EQ(setrlimit(what, &now), 0);
}

TEST(destroying_without_address_space_to_spare_loses_nothing)
{
	size_t size = 8u << 20;
	char *memory =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct tract *ctx = context();
	struct tract_export *export;
	struct tract_import *import;
	struct rlimit before;

	EXPECT(memory != MAP_FAILED);
	memset(memory, 'm', size);
	EXPECT_EQ(tract_export_create(ctx, memory, size, 0, &export), 0);
	import = import_of(ctx, publish(export));
	limit(RLIMIT_AS, address_space() + (1u << 20), &before);
	EXPECT_EQ(tract_export_destroy(export), 0);
	EXPECT_EQ(setrlimit(RLIMIT_AS, &before), 0);
	/* When the broker has answered this, it has done what it was told before. */
	EXPECT_EQ(tract_reconnect(ctx), 0);
	EXPECT_EQ(tract_export_create(ctx, memory, size, 0, &export), 0);
	EXPECT_EQ(tract_export_destroy(export), 0);
	EXPECT(is_all(memory, size, 'm'));
	EXPECT_EQ(tract_import_close(import), 0);
	tract_close(ctx);
	EXPECT_EQ(munmap(memory, size), 0);
}

/* Makes mappings until the kernel refuses another, then gives @spare of them up. */
static char *use_up_mappings(size_t size, unsigned spare)
{
	size_t page = tract_page_size(), at = page;
	char *many =
		mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	EXPECT(many != MAP_FAILED);
	while (at < size && mprotect(many + at, page, PROT_READ) == 0)
		at += 2 * page;
	if (at >= size)
		SKIP("vm.max_map_count is raised: it would take too long to reach it");
	for (unsigned i = 0; i < spare; i++)
		EXPECT_EQ(mprotect(many + at - (2 * i + 2) * page, page, PROT_NONE), 0);
	return many;
}

TEST(destroying_with_hardly_a_mapping_to_spare_loses_nothing)
{
	size_t many = 70000 * tract_page_size();
	char *memory =
		mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct tract *ctx = context();
	struct tract_export *export;
	struct tract_import *import;
	char *mappings;

	if (TEST_TSAN)
		SKIP("TSan needs mappings of its own, and dies when there are none");
	EXPECT(memory != MAP_FAILED);
	memset(memory, 'm', SIZE);
	for (unsigned spare = 0; spare < 8; spare++) {
		EXPECT_EQ(tract_export_create(ctx, memory, SIZE, 0, &export), 0);
		import = import_of(ctx, publish(export));
		mappings = use_up_mappings(many, spare);
		EXPECT_EQ(tract_export_destroy(export), 0);
		EXPECT_EQ(munmap(mappings, many), 0);
		EXPECT(is_all(memory, SIZE, 'm'));
		EXPECT_EQ(tract_import_close(import), 0);
	}
	tract_close(ctx);
	EXPECT_EQ(munmap(memory, SIZE), 0);
}

/* Fills every number below the limit, which becomes low; the first one, to close_from(). */
static int use_up_descriptors(struct rlimit *ret_before)
{
	int first = open("/dev/null", O_RDONLY | O_CLOEXEC);

	EXPECT(first >= 0);
	limit(RLIMIT_NOFILE, (uint64_t)first + 40, ret_before);
	while (fcntl(first, F_DUPFD_CLOEXEC, 0) >= 0)
		continue;
	EXPECT_EQ(errno, EMFILE);
	return first;
}

static void free_descriptors(int first, const struct rlimit *before)
{
	struct stat null, st;

	EXPECT_EQ(fstat(first, &null), 0);
	for (int fd = first; fd < first + 40; fd++)
		if (fstat(fd, &st) == 0 && st.st_rdev == null.st_rdev &&
		    st.st_ino == null.st_ino)
			(void)close(fd);
	EXPECT_EQ(setrlimit(RLIMIT_NOFILE, before), 0);
}

TEST(who_is_out_of_descriptors_is_told_and_loses_nothing)
{
	char *memory = aligned_alloc(tract_page_size(), SIZE);
	char *more = aligned_alloc(tract_page_size(), SIZE);
	struct tract *ctx = context();
	struct tract_export *export, *other;
	struct tract_import *import, *second;
	struct rlimit before;
	uint32_t id;
	int first;

	EXPECT_EQ(tract_export_create(ctx, memory, SIZE, 0, &export), 0);
	id = publish(export);
	import = import_of(ctx, id);
	first = use_up_descriptors(&before);
	EXPECT_EQ(tract_import_connect(ctx, 0, id, TRACT_RIGHT_READ_WRITE, &second), -EMFILE);
	EXPECT(strstr(tract_reason(), "descriptors"));
	EXPECT_EQ(tract_export_create(ctx, more, SIZE, 0, &other), -EMFILE);
	EXPECT_EQ(tract_export_post(export, 0), -EMFILE);
	EXPECT_EQ(tract_import_check(import), 0);
	free_descriptors(first, &before);
	EXPECT_EQ(tract_import_connect(ctx, 0, id, TRACT_RIGHT_READ_WRITE, &second), 0);
	EXPECT_EQ(tract_export_post(export, 0), 0);
	EXPECT_EQ(tract_import_wait(second, 0), 0);
	EXPECT_EQ(tract_import_close(second), 0);
	EXPECT_EQ(tract_import_close(import), 0);
	EXPECT_EQ(tract_export_destroy(export), 0);
	tract_close(ctx);
	free(memory);
	free(more);
}

/* ---- the broker's death ------------------------------------------------------------------ */

TEST(a_broker_that_dies_while_importers_are_stalled_lets_them_go)
{
	struct message fence = { .number = MSG_region_fence };
	struct tract *ctx = context();
	struct tract_import *import;
	struct rig_segment segment;
	struct rig_client exporter;
	void *at = NULL;
	pid_t broker;
	int fresh;

	broker = rig_broker_start(test_directory(), geteuid(), NULL);
	rig_client_up(test_directory(), &exporter);
	segment = rig_publish(&exporter, SIZE);
	import = import_of(ctx, segment.id);
	EXPECT_EQ(tract_import_map(import, &at, 0, TRACT_RIGHT_READ_WRITE, 0, SIZE), 0);
	*(volatile char *)at = 'i';
	fence.region_fence.region = segment.region;
	EXPECT_EQ(rig_ask(&exporter, fence, &fresh).number, MSG_region_fresh);
	EXPECT_EQ(kill(broker, SIGKILL), 0);
	EXPECT_EQ(rig_broker_wait(broker), 256 + SIGKILL);
	/* The memory is where it was: nobody has moved it. */
	EXPECT_EQ(*(volatile char *)at, 'i');
	EXPECT_EQ(tract_import_unmap(import), 0);
	EXPECT_EQ(tract_import_close(import), 0);
	(void)close(fresh);
	(void)close(segment.fd);
	rig_client_down(&exporter);
	tract_close(ctx);
}

/* ---- a program that closes what is not its own ------------------------------------------- */

#define NUMBERS 40

/* The library's thread may open something for itself between two of them. */
static bool taken[3 + NUMBERS];

/* A file with content, under every number that the library may believe to be its own. */
static int take_all_numbers(void)
{
	char content[SIZE], name[128];
	int first, fd;

	(void)snprintf(name, sizeof(name), "%s/file", test_directory());
	(void)close_range(3, ~0U, 0);
	first = open(name, O_RDWR | O_CREAT, 0600);
	memset(content, 'f', sizeof(content));
	if (first < 3 || write(first, content, sizeof(content)) != sizeof(content))
		return -1;
	for (fd = first; fd >= 0 && fd < 3 + NUMBERS; fd = dup(first))
		taken[fd] = true;
	return 0;
}

static bool numbers_are_untouched(void)
{
	char content[SIZE + 1];

	for (int fd = 3; fd < 3 + NUMBERS; fd++)
		if (taken[fd] && (pread(fd, content, sizeof(content), 0) != SIZE ||
				  !is_all(content, SIZE, 'f')))
			return false;
	return true;
}

/* As a daemon does, with or without a fork before. */
static int close_everything(bool fork_first)
{
	char *memory = aligned_alloc(tract_page_size(), SIZE);
	struct tract *ctx = context();
	struct tract_export *export, *again;
	struct tract_import *import, *mapped;
	void *at = NULL;
	uint32_t id;
	int fd, ready;

	memset(memory, 'm', SIZE);
	EXPECT_EQ(tract_export_create(ctx, memory, SIZE, 0, &export), 0);
	id = publish(export);
	import = import_of(ctx, id);
	mapped = import_of(ctx, id);
	EXPECT_EQ(tract_import_map(mapped, &at, 0, TRACT_RIGHT_READ_WRITE, 0, SIZE), 0);
	EXPECT_EQ(tract_export_pollfd(export, &fd), 0);
	EXPECT_EQ(tract_import_post(import, 0), 0);
	if (fork_first && fork() > 0) {
		(void)wait(&ready);
		return WEXITSTATUS(ready);
	}
	if (take_all_numbers() < 0)
		return 10;
	(void)tract_import_post(import, 0);
	(void)tract_export_wait(export, 0);
	if (tract_import_map(import, &at, 0, TRACT_RIGHT_READ_WRITE, 0, SIZE) == 0)
		(void)tract_import_unmap(import);
	(void)tract_export_unpublish(export);
	tract_export_pollfd_release(export);
	(void)tract_reconnect(ctx);
	if (tract_import_unmap(mapped) < 0 || tract_import_close(mapped) < 0 ||
	    tract_import_close(import) < 0 || tract_export_destroy(export) < 0)
		return 11;
	if (!is_all(memory, SIZE, 'm'))
		return 12;
	if (!fork_first && (tract_export_create(ctx, memory, SIZE, 0, &again) < 0 ||
			    tract_export_destroy(again) < 0))
		return 13;
	tract_close(ctx);
	return numbers_are_untouched() ? 0 : 14;
}

static int in_a_child(int (*body)(bool), bool arg)
{
	pid_t pid = fork();
	int status;

	EXPECT(pid >= 0);
	if (pid == 0)
		_exit(body(arg));
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

TEST(a_program_that_closes_every_descriptor_keeps_its_files_and_memory)
{
	if (TEST_TSAN)
		SKIP("TSan calls it a race to close what another thread reads, which is the "
		     "point");
	EXPECT_EQ(in_a_child(close_everything, false), 0);
}

TEST(a_daemon_that_closes_every_descriptor_keeps_its_files_and_memory)
{
	EXPECT_EQ(in_a_child(close_everything, true), 0);
}

/* A fork after that copies the memory, not whatever has its descriptor's number now. */
static int fork_after_closing(bool unused)
{
	char *memory = aligned_alloc(tract_page_size(), SIZE);
	struct tract_export *export;
	int status;

	(void)unused;
	memset(memory, 'm', SIZE);
	EXPECT_EQ(tract_export_create(context(), memory, SIZE, 0, &export), 0);
	if (take_all_numbers() < 0)
		return 10;
	if (fork() > 0) {
		(void)wait(&status);
		return WIFEXITED(status) ? WEXITSTATUS(status) : 20;
	}
	for (size_t i = 0; i < SIZE; i++)
		if (memory[i] != 'm')
			_exit(11);
	_exit(0);
}

TEST(a_fork_of_a_daemon_copies_its_memory_and_not_its_files)
{
	EXPECT_EQ(in_a_child(fork_after_closing, false), 0);
}

/* ---- addresses --------------------------------------------------------------------------- */

TEST(a_fixed_mapping_that_cannot_be_leaves_no_trace)
{
	void *const bad[] = { NULL, (void *)(UINTPTR_MAX - 0xfff),
			      (void *)(uintptr_t)0xffff800000000000 };
	char *memory = aligned_alloc(tract_page_size(), SIZE);
	struct tract *ctx = context();
	struct tract_export *export;
	struct tract_import *import;
	struct tract_span span;

	EXPECT_EQ(tract_export_create(ctx, memory, SIZE, 0, &export), 0);
	import = import_of(ctx, publish(export));
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		void *at = bad[i];

		EXPECT(tract_import_map(import, &at, TRACT_IMPORT_MAP_FIXED, TRACT_RIGHT_READ,
					0, SIZE) < 0);
		EXPECT_EQ(tract_import_unmap(import), -ENOENT);
		EXPECT_EQ(tract_find(bad[i], &span), -ENOENT);
	}
	EXPECT_EQ(tract_import_close(import), 0);
	EXPECT_EQ(tract_export_destroy(export), 0);
	tract_close(ctx);
	free(memory);
}

#define FORK_PAGE ((size_t)4096)

/* ---- fork beside exports ---------------------------------------------------------------- */

TEST(a_child_keeps_its_copy_when_the_parent_takes_the_memory_back)
{
	unsigned char *memory = valloc(FORK_PAGE * 4);
	struct tract_export *export;
	struct tract *ctx;
	int go[2], copied[2], status;
	char byte;
	pid_t pid;

	EXPECT_EQ(tract_open(NULL, &ctx), 0);
	(void)memset(memory, 7, FORK_PAGE * 4);
	EXPECT_EQ(tract_export_create(ctx, memory, FORK_PAGE * 4, 0, &export), 0);
	EXPECT_EQ(pipe(go), 0);
	EXPECT_EQ(pipe(copied), 0);
	pid = fork();
	if (pid == 0) {
		if (write(copied[1], "", 1) != 1 || read(go[0], &byte, 1) != 1)
			_exit(2);
		for (size_t i = 0; i < FORK_PAGE * 4; i++)
			if (memory[i] != 7)
				_exit(1);
		memory[0] = 8;
		_exit(0);
	}
	EXPECT_EQ(read(copied[0], &byte, 1), 1);
	(void)memset(memory, 9, FORK_PAGE * 2);
	EXPECT_EQ(tract_export_destroy(export), 0);
	EXPECT_EQ(write(go[1], "", 1), 1);
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	EXPECT_EQ(memory[0], 9);
	EXPECT_EQ(memory[3 * FORK_PAGE], 7);
	(void)close(go[0]);
	(void)close(go[1]);
	(void)close(copied[0]);
	(void)close(copied[1]);
	free(memory);
	tract_close(ctx);
}

TEST(a_window_is_not_mapped_over_another_imports)
{
	unsigned char *memory = valloc(FORK_PAGE);
	struct tract_import *first, *second;
	struct tract_export *export;
	void *window = NULL;
	struct tract *ctx;
	uint32_t id = 0;

	EXPECT_EQ(tract_open(NULL, &ctx), 0);
	EXPECT_EQ(tract_export_create(ctx, memory, FORK_PAGE, 0, &export), 0);
	EXPECT_EQ(tract_export_publish(export, &id, NULL, 0), 0);
	EXPECT_EQ(tract_import_connect(ctx, 0, id, TRACT_RIGHT_READ, &first), 0);
	EXPECT_EQ(tract_import_connect(ctx, 0, id, TRACT_RIGHT_READ, &second), 0);
	EXPECT_EQ(tract_import_map(first, &window, 0, TRACT_RIGHT_READ, 0, FORK_PAGE), 0);
	EXPECT_EQ(tract_import_map(second, &window, TRACT_IMPORT_MAP_FIXED, TRACT_RIGHT_READ, 0,
				   FORK_PAGE),
		  -EBUSY);
	EXPECT_EQ(tract_import_unmap(first), 0);
	EXPECT_EQ(tract_import_close(second), 0);
	EXPECT_EQ(tract_import_close(first), 0);
	EXPECT_EQ(tract_export_destroy(export), 0);
	free(memory);
	tract_close(ctx);
}
