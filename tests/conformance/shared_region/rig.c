/* SPDX-License-Identifier: MIT */
/*
 * rig.c - this process's regions, memory, brokers, children and threads
 */
#include "rig.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
#include <sys/stat.h>

size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* ---- this process ----------------------------------------------------------------------- */

void serve_others(void)
{
	if (geteuid() != 0)
		SKIP("only root can become another user");
	EXPECT_EQ(chmod(test_directory(), 0755), 0);
}

void own_attach(struct own *o)
{
	*o = (struct own){ 0 };
	EXPECT_OK(shared_region_attach(NULL, 0, &o->client));
	EXPECT(o->client != NULL);
	o->self = shared_region_self(o->client);
	EXPECT(o->self > 0);
}

void own_make(struct own *o, unsigned pages, uint32_t ceiling)
{
	own_attach(o);
	o->size = pages * PAGE;
	EXPECT_OK(shared_region_new(o->client, o->self, o->size, ceiling, &o->region));
	EXPECT(o->region != NULL);
}

void own_up(struct own *o, unsigned pages)
{
	own_make(o, pages, SHARED_REGION_WRITE);
	own_map(o, SHARED_REGION_WRITE);
}

void own_up_with(struct own *o, unsigned pages, uint32_t flags)
{
	own_attach(o);
	o->size = pages * PAGE;
	EXPECT_OK(shared_region_new_with_policy(o->client, o->self, o->size,
						SHARED_REGION_WRITE_BACK,
						SHARED_REGION_NUMA_ANY, flags, &o->region));
	own_map(o, SHARED_REGION_WRITE);
}

void own_down(struct own *o)
{
	shared_region_release(o->region);
	shared_region_detach(o->client);
	*o = (struct own){ 0 };
}

void own_map(struct own *o, uint32_t perm)
{
	void *at = NULL;

	EXPECT_OK(shared_region_map(o->region, o->self, NULL, perm, &at));
	EXPECT(at != NULL);
	o->at = at;
}

shared_region_cap own_root(struct own *o)
{
	shared_region_cap root = 0;

	EXPECT_OK(shared_region_root_capability(o->region, &root));
	EXPECT(root != 0);
	return root;
}

shared_region_cap own_derive(struct own *o, shared_region_rights rights,
			     shared_region_pid target)
{
	shared_region_cap child = 0;

	EXPECT_OK(shared_region_cap_derive(o->client, own_root(o), rights, target, &child));
	EXPECT(child != 0);
	return child;
}

shared_region_rights rights_of(shared_region_client *client, shared_region_cap cap)
{
	struct shared_region_cap_info info = { 0 };

	EXPECT_OK(shared_region_cap_info(client, cap, &info));
	return info.rights;
}

void *mapping_of(const struct own *o, shared_region_pid process)
{
	void *at = NULL;

	if (!shared_region_get_mapping(o->region, process, &at))
		return NULL;
	EXPECT(at != NULL);
	return at;
}

/* ---- memory ----------------------------------------------------------------------------- */

void *find_room(unsigned pages)
{
	/* In the middle of much room: threads and sanitizers take what is near its ends. */
	const size_t around = (size_t)64 << 20, size = 2 * around + pages * PAGE;
	char *at =
		mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED || munmap(at, size) < 0)
		return NULL;
	return at + around;
}

void *free_address(unsigned pages)
{
	void *at = find_room(pages);

	EXPECT(at != NULL);
	return at;
}

void occupy(void *at, unsigned pages, int fill)
{
	void *mapped = mmap(at, pages * PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	EXPECT(mapped == at);
	(void)memset(at, fill, pages * PAGE);
}

static _Thread_local sigjmp_buf back;

static void on_fault(int number)
{
	siglongjmp(back, number);
}

static int touch(void *at, bool writes)
{
	struct sigaction ours = { .sa_handler = on_fault, .sa_flags = SA_NODEFER };
	struct sigaction segv, bus;
	volatile unsigned char *byte = at;
	int number;

	EXPECT_EQ(sigaction(SIGSEGV, &ours, &segv), 0);
	EXPECT_EQ(sigaction(SIGBUS, &ours, &bus), 0);
	number = sigsetjmp(back, 1);
	if (number == 0) {
		unsigned char value = *byte;

		if (writes)
			*byte = value;
	}
	EXPECT_EQ(sigaction(SIGSEGV, &segv, NULL), 0);
	EXPECT_EQ(sigaction(SIGBUS, &bus, NULL), 0);
	return number;
}

int load_fault(const void *at)
{
	return touch((void *)(uintptr_t)at, false);
}

int store_fault(void *at)
{
	return touch(at, true);
}

bool is_filled(const volatile void *at, size_t size, int with)
{
	const volatile unsigned char *bytes = at;

	for (size_t i = 0; i < size; i++)
		if (bytes[i] != with)
			return false;
	return true;
}

/* The kernel's line about an address; "" if there is none. */
static void line_about(const void *at, char *line, size_t capacity)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	uintptr_t start, end;

	EXPECT(maps != NULL);
	while (fgets(line, (int)capacity, maps))
		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR, &start, &end) == 2 &&
		    start <= (uintptr_t)at && (uintptr_t)at < end) {
			(void)fclose(maps);
			return;
		}
	(void)fclose(maps);
	line[0] = '\0';
}

const char *mapped_as(const void *at)
{
	static char prot[8];
	char line[512];

	prot[0] = '\0';
	line_about(at, line, sizeof(line));
	(void)sscanf(line, "%*s %4s", prot);
	return prot;
}

uint64_t backing_of(const void *at)
{
	uint64_t inode = 0;
	char line[512];

	line_about(at, line, sizeof(line));
	EXPECT_EQ(sscanf(line, "%*s %*s %*s %*s %" SCNu64, &inode), 1);
	EXPECT(inode != 0);
	return inode;
}

unsigned objects_of(pid_t pid, uint64_t *ret_bytes)
{
	char path[64], target[128], link[384];
	const struct dirent *entry;
	unsigned count = 0;
	struct stat st;
	DIR *fds;

	*ret_bytes = 0;
	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	fds = opendir(path);
	while (fds && (entry = readdir(fds))) {
		ssize_t length;

		(void)snprintf(link, sizeof(link), "%s/%s", path, entry->d_name);
		length = readlink(link, target, sizeof(target) - 1);
		target[length > 0 ? length : 0] = '\0';
		if (strncmp(target, "/memfd:", 7) != 0 || stat(link, &st) < 0)
			continue;
		count++;
		*ret_bytes += (uint64_t)st.st_blocks * 512;
	}
	if (fds)
		(void)closedir(fds);
	return count;
}

/* ---- brokers ---------------------------------------------------------------------------- */

static void run_broker(const char *directory, uid_t uid, int ready)
{
	const char *program = getenv("TRACT_BROKER_PROGRAM");
	char *const argv[] = { strdup(program),
			       strdup("--dir"),
			       strdup(directory),
			       strdup("--idle-ms"),
			       strdup("-1"),
			       uid != geteuid() ? strdup("--host") : NULL,
			       NULL };

	/* It closes this one when it serves. */
	if (dup2(ready, 3) < 0 || (ready == 3 && fcntl(3, F_SETFD, 0) < 0))
		_exit(126);
	(void)close_range(4, ~0U, 0);
	if (uid != geteuid() && (setgid(uid) < 0 || setuid(uid) < 0))
		_exit(126);
	(void)execv(program, argv);
	_exit(127);
}

static pid_t broker_start_as(const char *directory, uid_t uid)
{
	int ready[2];
	pid_t pid;
	char byte;

	if (!getenv("TRACT_BROKER_PROGRAM"))
		SKIP("TRACT_BROKER_PROGRAM does not name tractd");
	EXPECT_EQ(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	EXPECT(pid >= 0);
	if (pid == 0)
		run_broker(directory, uid, ready[1]);
	(void)close(ready[1]);
	EXPECT_EQ(read(ready[0], &byte, 1), 0);
	(void)close(ready[0]);
	return pid;
}

pid_t broker_start(void)
{
	return broker_start_as(test_directory(), geteuid());
}

pid_t broker_start_strong(void)
{
	char directory[128];

	if (geteuid() != 0)
		SKIP("only root can start a broker as another user");
	(void)snprintf(directory, sizeof(directory), "%s/host", test_directory());
	EXPECT_EQ(chmod(test_directory(), 0755), 0);
	EXPECT_EQ(mkdir(directory, 0755), 0);
	EXPECT_EQ(chown(directory, BROKER_USER, BROKER_USER), 0);
	EXPECT_EQ(setenv("TRACT_DIR", directory, 1), 0);
	return broker_start_as(directory, BROKER_USER);
}

static int broker_wait(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0)
		EXPECT_EQ(errno, EINTR);
	return status;
}

void broker_stop(pid_t pid)
{
	EXPECT_EQ(kill(pid, SIGTERM), 0);
	EXPECT_EQ(broker_wait(pid), 0);
}

void broker_kill(pid_t pid)
{
	EXPECT_EQ(kill(pid, SIGKILL), 0);
	EXPECT_EQ(broker_wait(pid), SIGKILL);
}

/* ---- children and threads --------------------------------------------------------------- */

int status_of(void (*body)(void *arg), void *arg)
{
	int status = 0;
	pid_t pid = fork();

	EXPECT(pid >= 0);
	if (pid == 0) {
		body(arg);
		_exit(0);
	}
	while (waitpid(pid, &status, 0) < 0)
		EXPECT_EQ(errno, EINTR);
	return status;
}

struct runner {
	pthread_t thread;
	unsigned number;
	void (*body)(unsigned number, void *arg);
	void *arg;
};

static void *run(void *arg)
{
	const struct runner *runner = arg;

	runner->body(runner->number, runner->arg);
	return NULL;
}

void in_threads(unsigned count, void (*body)(unsigned number, void *arg), void *arg)
{
	struct runner *runners = calloc(count, sizeof(*runners));

	EXPECT(runners != NULL);
	for (unsigned n = 0; n < count; n++) {
		runners[n] = (struct runner){ .number = n, .body = body, .arg = arg };
		EXPECT_EQ(pthread_create(&runners[n].thread, NULL, run, &runners[n]), 0);
	}
	for (unsigned n = 0; n < count; n++)
		EXPECT_EQ(pthread_join(runners[n].thread, NULL), 0);
	free(runners);
}
