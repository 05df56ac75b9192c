/* SPDX-License-Identifier: MIT */
#include "attacks.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/scope.h"
#include "kin.h"
#include "sys/uffd.h"

static unsigned untried;

unsigned attacks_untried(void)
{
	return untried;
}

/* 0 or -errno, of a system call. */
static int outcome(long r)
{
	return r < 0 ? -errno : 0;
}

static int open_in_proc(pid_t pid, const char *name, int flags)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return open(path, flags | O_CLOEXEC);
}

/* Opens and closes it. */
static int try_in_proc(pid_t pid, const char *name, int flags)
{
	scoped(fd) int fd = open_in_proc(pid, name, flags);

	return outcome(fd);
}

/* ---- memory ----------------------------------------------------------------------------- */

struct memory {
	int fd;
	char *map;
	size_t size;
};

static int try_write(const struct memory *m)
{
	return outcome(pwrite(m->fd, "x", 1, 0));
}

static int try_map(const struct memory *m)
{
	void *map = mmap(NULL, m->size, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd, 0);

	if (map == MAP_FAILED)
		return -errno;
	return outcome(munmap(map, m->size));
}

static int try_map_over(const struct memory *m)
{
	return outcome((intptr_t)mmap(m->map, m->size, PROT_READ | PROT_WRITE,
				      MAP_SHARED | MAP_FIXED, m->fd, 0));
}

static int try_protect(const struct memory *m)
{
	return outcome(mprotect(m->map, m->size, PROT_READ | PROT_WRITE));
}

static int try_reopen(const struct memory *m)
{
	char name[32];

	(void)snprintf(name, sizeof(name), "fd/%d", m->fd);
	return try_in_proc(getpid(), name, O_RDWR);
}

static int try_punch(const struct memory *m)
{
	return outcome(fallocate(m->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
				 (off_t)m->size));
}

static int try_remove(const struct memory *m)
{
	return outcome(madvise(m->map, m->size, MADV_REMOVE));
}

static int try_splice(const struct memory *m)
{
	scoped(fd) int from = -1, to = -1;
	loff_t at = 0;
	int ends[2];

	EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
	from = ends[0];
	to = ends[1];
	EXPECT_EQ(write(to, "x", 1), 1);
	return outcome(splice(from, NULL, m->fd, &at, 1, 0));
}

/* The kernel stores on our behalf. */
static int try_read_into(const struct memory *m)
{
	scoped(fd) int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);

	return outcome(read(fd, m->map, 1));
}

/* As a debugger, which writes to what its program cannot. */
static int try_debugger(const struct memory *m)
{
	scoped(fd) int fd = open_in_proc(getpid(), "mem", O_RDWR);

	return fd < 0 ? -errno : outcome(pwrite(fd, "x", 1, (off_t)(uintptr_t)m->map));
}

static int try_process_write(const struct memory *m)
{
	struct iovec from = { &(char){ 'x' }, 1 }, to = { m->map, 1 };

	return outcome(process_vm_writev(getpid(), &from, 1, &to, 1, 0));
}

/* Pages that are not there yet could be filled by who pages. */
static int try_paging(const struct memory *m)
{
	struct uffd u;
	int r;

	r = uffd_open_paging(&u);
	if (r < 0)
		return r;
	r = uffd_page(&u, m->map, m->size);
	uffd_close(&u);
	return r;
}

static int try_mode(const struct memory *m)
{
	return outcome(fchmod(m->fd, 0666));
}

static int try_owner(const struct memory *m)
{
	return outcome(fchown(m->fd, geteuid(), getegid()));
}

static int try_grow(const struct memory *m)
{
	return outcome(ftruncate(m->fd, (off_t)(m->size + PAGE)));
}

static int try_allocate(const struct memory *m)
{
	return outcome(fallocate(m->fd, 0, (off_t)(m->size + PAGE), (off_t)PAGE));
}

static int try_shrink(const struct memory *m)
{
	return outcome(ftruncate(m->fd, (off_t)(m->size - PAGE)));
}

static int try_seal(const struct memory *m)
{
	return outcome(fcntl(m->fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
}

/* Those that are forbidden to writers, too, change what they are tried on, and come last. */
static const struct {
	const char *what;
	int (*attempt)(const struct memory *m);
	bool to_writers;
} on_memory[] = {
	{ "write to it", try_write, false },
	{ "map it for writing", try_map, false },
	{ "write to it with splice()", try_splice, false },
	{ "have read() store there", try_read_into, false },
	{ "store there as a debugger", try_debugger, false },
	{ "store there with process_vm_writev()", try_process_write, false },
	{ "page it", try_paging, false },
	{ "punch a hole in it", try_punch, false },
	{ "remove its pages", try_remove, false },
	{ "open it again for writing", try_reopen, false },
	{ "make its mapping writable", try_protect, false },
	{ "map it over for writing", try_map_over, false },
	{ "change its mode", try_mode, true },
	{ "change its owner", try_owner, true },
	{ "make it larger", try_grow, true },
	{ "allocate beyond its end", try_allocate, true },
	{ "make it smaller", try_shrink, true },
	{ "seal it", try_seal, true },
};

static struct memory memory_of(int fd, size_t size, int prot)
{
	struct memory m = { .fd = fd, .size = size };

	m.map = mmap(NULL, size, prot, MAP_SHARED, fd, 0);
	EXPECT(m.map != MAP_FAILED);
	return m;
}

static void attack_memory(int fd, size_t size, bool as_writer)
{
	const int prot = as_writer ? PROT_READ | PROT_WRITE : PROT_READ;
	struct memory mine = memory_of(memfd_create("mine", MFD_CLOEXEC | MFD_ALLOW_SEALING),
				       PAGE, PROT_READ | PROT_WRITE);
	struct memory given = memory_of(fd, size, prot);

	EXPECT_EQ(ftruncate(mine.fd, (off_t)PAGE), 0);
	for (unsigned i = 0; i < ARRAY_LEN(on_memory); i++) {
		int own = on_memory[i].attempt(&mine);

		if (own < 0) {
			(void)fprintf(stderr, "# nobody can %s here: %d\n", on_memory[i].what,
				      own);
			untried++;
		}
		if (!as_writer || on_memory[i].to_writers)
			EXPECT_OR_SAY(on_memory[i].attempt(&given) < 0, "could %s",
				      on_memory[i].what);
	}
	EXPECT_EQ(munmap(mine.map, mine.size), 0);
	EXPECT_EQ(munmap(given.map, given.size), 0);
	(void)close(mine.fd);
}

void attack_as_reader(int fd, size_t size)
{
	attack_memory(fd, size, false);
}

void attack_as_writer(int fd, size_t size)
{
	attack_memory(fd, size, true);
}

/* ---- processes -------------------------------------------------------------------------- */

struct process {
	pid_t pid;
	void *word;
	int fd;
};

static int try_trace(const struct process *p)
{
	int r = outcome(ptrace(PTRACE_ATTACH, p->pid, NULL, NULL));

	if (r == 0) {
		(void)waitpid(p->pid, NULL, __WALL);
		(void)ptrace(PTRACE_DETACH, p->pid, NULL, NULL);
	}
	return r;
}

static int try_read_word(const struct process *p)
{
	uint64_t word;
	struct iovec to = { &word, sizeof(word) }, from = { p->word, sizeof(word) };

	return outcome(process_vm_readv(p->pid, &to, 1, &from, 1, 0));
}

static int try_write_word(const struct process *p)
{
	uint64_t word = 0;
	struct iovec from = { &word, sizeof(word) }, to = { p->word, sizeof(word) };

	return outcome(process_vm_writev(p->pid, &from, 1, &to, 1, 0));
}

static int try_mem(const struct process *p)
{
	return try_in_proc(p->pid, "mem", O_RDWR);
}

static int try_maps(const struct process *p)
{
	return try_in_proc(p->pid, "maps", O_RDONLY);
}

static int try_pagemap(const struct process *p)
{
	return try_in_proc(p->pid, "pagemap", O_RDONLY);
}

static int try_environ(const struct process *p)
{
	return try_in_proc(p->pid, "environ", O_RDONLY);
}

static int try_oom(const struct process *p)
{
	return try_in_proc(p->pid, "oom_score_adj", O_WRONLY);
}

static int try_list_fds(const struct process *p)
{
	return try_in_proc(p->pid, "fd", O_RDONLY | O_DIRECTORY);
}

static int try_open_fd(const struct process *p)
{
	char name[32];

	(void)snprintf(name, sizeof(name), "fd/%d", p->fd);
	return try_in_proc(p->pid, name, O_RDONLY);
}

static int try_take_fd(const struct process *p)
{
	scoped(fd) int pidfd = (int)syscall(SYS_pidfd_open, p->pid, 0);
	scoped(fd) int fd = -1;

	if (pidfd < 0)
		return -errno;
	fd = (int)syscall(SYS_pidfd_getfd, pidfd, p->fd, 0);
	return outcome(fd);
}

/* Whoever may send this one may send any. */
static int try_signal(const struct process *p)
{
	return outcome(kill(p->pid, SIGURG));
}

static int try_signal_by_pidfd(const struct process *p)
{
	scoped(fd) int pidfd = (int)syscall(SYS_pidfd_open, p->pid, 0);

	return pidfd < 0 ? -errno
			 : outcome(syscall(SYS_pidfd_send_signal, pidfd, SIGURG, NULL, 0));
}

static int try_limit(const struct process *p)
{
	const struct rlimit none = { 0, 0 };

	return outcome(prlimit(p->pid, RLIMIT_CORE, &none, NULL));
}

static int try_processors(const struct process *p)
{
	cpu_set_t set;

	EXPECT_EQ(sched_getaffinity(0, sizeof(set), &set), 0);
	return outcome(sched_setaffinity(p->pid, sizeof(set), &set));
}

static int try_priority(const struct process *p)
{
	return outcome(setpriority(PRIO_PROCESS, (id_t)p->pid, 19));
}

static const struct {
	const char *what;
	int (*attempt)(const struct process *p);
	bool needs_word;
} on_processes[] = {
	{ "trace it", try_trace, false },
	{ "read its memory", try_read_word, true },
	{ "write to its memory", try_write_word, true },
	{ "open its memory", try_mem, false },
	{ "see its mappings", try_maps, false },
	{ "see its pages", try_pagemap, false },
	{ "see its environment", try_environ, false },
	{ "have the kernel kill it", try_oom, false },
	{ "see its descriptors", try_list_fds, false },
	{ "open what it has open", try_open_fd, false },
	{ "take a descriptor of it", try_take_fd, false },
	{ "send it a signal", try_signal, false },
	{ "send it a signal by a pidfd", try_signal_by_pidfd, false },
	{ "change its limits", try_limit, false },
	{ "tie it to processors", try_processors, false },
	{ "lower its priority", try_priority, false },
};

static void linger(struct kin *parent, void *arg)
{
	(void)arg;
	kin_tell(parent, 0);
	kin_linger(parent);
}

void attack_process(pid_t pid, void *word, int fd)
{
	const struct process it = { .pid = pid, .word = word, .fd = fd };
	static uint64_t own_word;
	struct process mine = { .word = &own_word, .fd = 0 };
	struct kin child;

	kin_start(&child, linger, NULL);
	(void)kin_hear(&child);
	mine.pid = child.pid;
	for (unsigned i = 0; i < ARRAY_LEN(on_processes); i++) {
		int own = on_processes[i].attempt(&mine);

		if (own < 0) {
			(void)fprintf(stderr, "# nobody can %s here: %d\n",
				      on_processes[i].what, own);
			untried++;
		}
		if (!on_processes[i].needs_word || word)
			EXPECT_OR_SAY(on_processes[i].attempt(&it) < 0, "could %s",
				      on_processes[i].what);
	}
	kin_finish(&child);
}
