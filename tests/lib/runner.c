/* SPDX-License-Identifier: MIT */
/*
 * runner.c - main() of every test program
 *
 * Prints TAP.  Arguments are names of tests to run (all without); --list names them.
 */
#include "test.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* As tools/deep tells Meson. */
#define DEEP_TIMES 30

static struct test_case *tests;
static void (*surround_begin)(void), (*surround_end)(void);
static const struct test_case *current;
static char directory[64];

/* How far a test has come; it may end without a word. */
static _Atomic(const struct test_place *) *place;

void test_register(struct test_case *test)
{
	struct test_case **at = &tests;

	while (*at && strcmp((*at)->file, test->file) <= 0)
		at = &(*at)->next;
	test->next = *at;
	*at = test;
}

void test_surround(void (*begin)(void), void (*end)(void))
{
	surround_begin = begin;
	surround_end = end;
}

void test_pause_us(unsigned us)
{
	struct timespec pause = { .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000L };

	(void)nanosleep(&pause, NULL);
}

double test_patience(void)
{
	const char *text = getenv("TRACT_TEST_PATIENCE");

	return text ? strtod(text, NULL) : 1.0;
}

const char *test_provider(void)
{
	const char *text = getenv("TRACT_TEST_PROVIDER");

	return text && *text ? text : "tcp";
}

const char *test_provider_address(void)
{
	const char *text = getenv("TRACT_TEST_ADDRESS");

	return text && *text ? text : "127.0.0.1";
}

bool test_is_deep(void)
{
	const char *text = getenv("TRACT_DEEP");

	return text && *text && strcmp(text, "0") != 0;
}

/* What it leads to. */
static void read_fd(const char *fd, char *target, size_t size)
{
	char path[280];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%s", fd);
	n = readlink(path, target, size - 1);
	target[n > 0 ? n : 0] = '\0';
}

/* Devices that librdmacm has opened, it keeps for as long as the process lives. */
static bool is_of_rdma(const char *fd)
{
	char target[48];

	read_fd(fd, target, sizeof(target));
	return strncmp(target, "/dev/infiniband/", 16) == 0 ||
	       strcmp(target, "anon_inode:[infinibandevent]") == 0;
}

unsigned test_count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;
	unsigned count = 0;

	while (dir && (entry = readdir(dir)))
		count += !is_of_rdma(entry->d_name);
	if (dir)
		(void)closedir(dir);
	return count;
}

unsigned test_count_memfd_mappings(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512];
	unsigned count = 0;

	while (maps && fgets(line, sizeof(line), maps))
		/* The map's anchor stays for as long as the process. */
		count += strstr(line, "/memfd:tract") && !strstr(line, "/memfd:tract-anchor");
	if (maps)
		(void)fclose(maps);
	return count;
}

static unsigned count_children_of(const char *tid)
{
	char path[64];
	FILE *file;
	unsigned count = 0;
	int pid;

	(void)snprintf(path, sizeof(path), "/proc/self/task/%.20s/children", tid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	while (fscanf(file, "%d", &pid) == 1)
		count++;
	(void)fclose(file);
	return count;
}

unsigned test_count_children(void)
{
	/* A child belongs to the thread that made it. */
	DIR *dir = opendir("/proc/self/task");
	struct dirent *entry;
	unsigned count = 0;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			count += count_children_of(entry->d_name);
	if (dir)
		(void)closedir(dir);
	return count;
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	(void)remove(path);
	return 0;
}

static void remove_directory(void)
{
	if (directory[0])
		(void)nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

const char *test_directory(void)
{
	return directory;
}

void test_configure(const char *format, ...)
{
	char path[128];
	va_list list;
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/tract.conf", directory);
	file = fopen(path, "we");
	EXPECT(file != NULL);
	va_start(list, format);
	EXPECT(vfprintf(file, format, list) >= 0);
	va_end(list);
	EXPECT_EQ(fclose(file), 0);
}

void test_skip(const char *reason)
{
	/* libcheck has no third result: the line is what a reader and CI's summary look for. */
	(void)fprintf(stderr, "# SKIP %s: %s\n", current->name, reason);
	test_came_by(NULL);
	exit(0);
}

void test_came_by(const struct test_place *here)
{
	atomic_store_explicit(place, here, memory_order_relaxed);
}

bool test_same(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

static void run_one(int index)
{
	const struct test_case *test = tests;
	unsigned fds, mappings;

	while (index-- > 0)
		test = test->next;
	current = test;
	fds = test_count_fds();
	mappings = test_count_memfd_mappings();
	test->run();
	test_came_by(NULL);
	if (test->leaks_allowed)
		return;
	EXPECT_OR_SAY(test_count_fds() <= fds, "left %u descriptors behind",
		      test_count_fds() - fds);
	EXPECT_OR_SAY(test_count_memfd_mappings() <= mappings, "left a memfd mapping behind");
	EXPECT_OR_SAY(test_count_children() == 0, "left a child process behind");
	test_came_by(NULL);
}

static void make_directory(void)
{
	(void)strcpy(directory, "/tmp/tract-test-XXXXXX");
	if (!mkdtemp(directory))
		abort();
	(void)setenv("TRACT_DIR", directory, 1);
	/* A broker that a test started leaves soon after the test's processes have. */
	(void)setenv("TRACT_IDLE_MS", "200", 0);
}

/* Both are the runner's own, before and after the process that runs a test. */
static void before_test(void)
{
	make_directory();
	if (surround_begin)
		surround_begin();
	test_came_by(NULL);
}

static void after_test(void)
{
	const struct test_place *last = atomic_load(place);

	if (last)
		(void)fprintf(stderr, "# the last expectation: %s:%d\n", last->file,
			      last->line);
	if (surround_end)
		surround_end();
	remove_directory();
}

static bool wanted(const struct test_case *test, int argc, char **argv)
{
	if (argc < 2)
		return true;
	for (int i = 1; i < argc; i++)
		if (strstr(test->name, argv[i]))
			return true;
	return false;
}

static void list_tests(void)
{
	for (const struct test_case *t = tests; t; t = t->next)
		(void)puts(t->name);
}

/* Tells Check of the test; it keeps a pointer to the body. */
static void add_test(Suite *suite, struct test_case *t, int index)
{
	TCase *one = tcase_create(t->name);

	t->body = (TTest){ .name = t->name, .fn = run_one, .file = t->file, .line = 1 };
	tcase_set_timeout(one,
			  t->seconds * test_patience() * (test_is_deep() ? DEEP_TIMES : 1));
	tcase_add_unchecked_fixture(one, before_test, after_test);
	tcase_add_loop_test(one, &t->body, index, index + 1);
	suite_add_tcase(suite, one);
}

int main(int argc, char **argv)
{
	Suite *suite;
	SRunner *runner;
	int index = 0, failed;

	if (argc == 2 && strcmp(argv[1], "--list") == 0) {
		list_tests();
		return 0;
	}
	place = mmap(NULL, sizeof(*place), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		     -1, 0);
	if (place == MAP_FAILED)
		abort();
	suite = suite_create(argv[0]);
	for (struct test_case *t = tests; t; t = t->next, index++)
		if (wanted(t, argc, argv))
			add_test(suite, t, index);
	runner = srunner_create(suite);
	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
