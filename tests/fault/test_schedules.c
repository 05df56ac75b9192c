/* SPDX-License-Identifier: MIT */
/*
 * test_schedules.c - everything is killed, in random order and at random times
 *
 * TRACT_SEED repeats a run; TRACT_DEEP=1 makes it a thousand schedules rather than forty.
 */
#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "crew.h"

#define PROCESSES 5u
#define SHMEM_NOISE_KIB 16384

static unsigned random_state;
static bool alone; /* in /dev/shm */

static unsigned below(unsigned limit)
{
	return (unsigned)rand_r(&random_state) % limit;
}

/* ---- what is left ------------------------------------------------------------------------ */

static long shmem_kib(void)
{
	FILE *file = fopen("/proc/meminfo", "re");
	char line[128];
	long kib = -1;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "Shmem: %ld", &kib) == 1)
			break;
	if (file)
		(void)fclose(file);
	return kib;
}

/* Names in @path that begin with @prefix, but for the one called @but. */
static unsigned count_names(const char *path, const char *prefix, const char *but)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	unsigned count = 0;

	while (dir && (entry = readdir(dir)))
		count += entry->d_name[0] != '.' &&
			 strncmp(entry->d_name, prefix, strlen(prefix)) == 0 &&
			 strcmp(entry->d_name, but) != 0;
	if (dir)
		(void)closedir(dir);
	return count;
}

/* What only these processes can have put there, where that may be had. */
static bool be_alone(void)
{
	return unshare(CLONE_NEWNS | CLONE_NEWIPC) == 0 &&
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("none", "/dev/shm", "tmpfs", 0, "size=16m") == 0;
}

/* The directory below /tmp that the library would take if it were told of none. */
static bool has_own_directory(void)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/tmp/tract-%u", (unsigned)geteuid());
	return access(path, F_OK) == 0;
}

/* System V segments that one of these processes made. */
static unsigned count_sysv(const struct member *crew)
{
	FILE *file = fopen("/proc/sysvipc/shm", "re");
	char line[512];
	unsigned count = 0;
	int maker;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%*d %*d %*o %*u %d", &maker) == 1)
			for (unsigned i = 0; i < PROCESSES; i++)
				count += maker == (int)crew[i].pid;
	if (file)
		(void)fclose(file);
	return count;
}

/* A process of this directory's broker, also one that is only just starting; or 0. */
static pid_t find_broker(void)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	char path[300], line[512];
	pid_t found = 0;

	while (proc && !found && (entry = readdir(proc))) {
		FILE *file;
		size_t size;

		(void)snprintf(path, sizeof(path), "/proc/%s/cmdline", entry->d_name);
		if (atoi(entry->d_name) <= 0 || !(file = fopen(path, "re")))
			continue;
		size = fread(line, 1, sizeof(line) - 1, file);
		(void)fclose(file);
		if (memmem(line, size, test_directory(), strlen(test_directory())) &&
		    memmem(line, size, "tractd", 6))
			found = atoi(entry->d_name);
	}
	if (proc)
		(void)closedir(proc);
	return found;
}

static void kill_brokers(void)
{
	pid_t pid;

	for (unsigned tries = 0; (pid = find_broker()) && tries < 5000; tries++) {
		(void)kill(pid, SIGKILL);
		test_pause_us(1000);
	}
	EXPECT_EQ(pid, 0);
}

static void expect_nothing_left(const struct member *crew)
{
	/* A broker that was killed leaves its socket and its lock file. */
	EXPECT_EQ(count_names(test_directory(), "", "broker"),
		  count_names(test_directory(), "lock", ""));
	EXPECT(count_names(test_directory(), "lock", "") <= 1);
	EXPECT_EQ(count_names("/dev/shm", alone ? "" : "tract", ""), 0);
	EXPECT_EQ(count_sysv(crew), 0);
}

/* ---- one schedule ------------------------------------------------------------------------ */

static void kill_one(struct member *crew, unsigned which)
{
	pid_t broker;

	if (which < PROCESSES) {
		if (below(4) == 0)
			member_signal(&crew[which], SIGSTOP);
		test_pause_us(below(2000));
		member_signal(&crew[which], SIGKILL);
		return;
	}
	broker = crew_broker_pid();
	if (broker > 0)
		(void)kill(broker, SIGKILL);
}

static void run_schedule(void)
{
	struct member crew[PROCESSES];
	unsigned order[PROCESSES + 2];

	for (unsigned i = 0; i < PROCESSES; i++) {
		member_up(&crew[i], NULL, NULL);
		member_tell(&crew[i], ROAM, below(1u << 30));
	}
	test_pause_us(below(60000));
	/* The broker dies twice: whoever is alive then has started another. */
	for (unsigned i = 0; i < PROCESSES + 2; i++) {
		unsigned at = below(i + 1);

		order[i] = order[at];
		order[at] = i;
	}
	for (unsigned i = 0; i < PROCESSES + 2; i++) {
		test_pause_us(below(10000));
		kill_one(crew, order[i]);
	}
	kill_brokers();
	expect_nothing_left(crew);
	for (unsigned i = 0; i < PROCESSES; i++)
		(void)member_down(&crew[i]);
}

static unsigned choose_seed(void)
{
	const char *text = getenv("TRACT_SEED");

	return text ? (unsigned)strtoul(text, NULL, 0)
		    : (unsigned)time(NULL) ^ (unsigned)getpid();
}

TEST_SLOW(killing_everything_in_any_order_leaves_nothing, 120)
{
	unsigned schedules = test_is_deep() ? 1000 : 40;
	bool had_directory = has_own_directory();
	long before;

	alone = be_alone();
	before = shmem_kib();
	random_state = choose_seed();
	(void)fprintf(stderr, "# TRACT_SEED=%u, %u schedules\n", random_state, schedules);
	if (!getenv("TRACT_BROKER_PROGRAM"))
		SKIP("TRACT_BROKER_PROGRAM does not name tractd");
	for (unsigned i = 0; i < schedules; i++)
		run_schedule();
	EXPECT_EQ(has_own_directory(), had_directory);
	/* Others on this host use shared memory, too, for a while. */
	EXPECT_WITHIN(10000, shmem_kib() <= before + SHMEM_NOISE_KIB);
	(void)fprintf(stderr, "# Shmem: %ld KiB before, %ld KiB after\n", before, shmem_kib());
}
