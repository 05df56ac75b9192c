/* SPDX-License-Identifier: MIT */
#include "sys/proc.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/scope.h"
#include "sys/memfd.h"
#include "test.h"

#define MAP_LINE "7f0012340000-7f0012345000 r-xs 00003000 00:01 1037 "
#define NOBODY 65534

struct found {
	struct vm_area area;
	char name[PATH_MAX];
	uint64_t resident;
};

/* The mapping of a process that begins at an address. */
static bool find_mapping(int32_t pid, const void *addr, bool details, struct found *ret)
{
	scoped(proc_lines) struct proc_lines in = { .fd = -1 };
	char line[PATH_MAX + 256];
	const char *name;
	bool found = false;
	int r;

	EXPECT_EQ(proc_open_maps(&in, pid, details), 0);
	while ((r = proc_next_line(&in, line, sizeof(line))) > 0) {
		if (proc_line_is_mapping(line)) {
			if (found)
				return true;
			EXPECT(proc_parse_mapping(line, &ret->area, &name));
			found = ret->area.start == (uintptr_t)addr;
			(void)snprintf(ret->name, sizeof(ret->name), "%s", name);
		} else if (found) {
			(void)proc_parse_resident(line, &ret->resident);
		}
	}
	EXPECT_EQ(r, 0);
	return found;
}

static pid_t sleeper_new(void)
{
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			(void)pause();
	EXPECT(pid > 0);
	return pid;
}

static void sleeper_end(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

TEST(a_mapping_s_line_says_what_it_is)
{
	struct vm_area a;
	const char *name;

	EXPECT(proc_parse_mapping(MAP_LINE "    /memfd:a name (deleted)", &a, &name));
	EXPECT_EQ(a.start, 0x7f0012340000);
	EXPECT_EQ(a.end, 0x7f0012345000);
	EXPECT_EQ(a.prot, VM_READ | VM_EXEC);
	EXPECT(a.shared && a.memfd && a.file && !a.sysv);
	EXPECT_EQ(a.offset, 0x3000);
	EXPECT_EQ(a.inode, 1037);
	EXPECT_STR(name, "/memfd:a name (deleted)");
}

TEST(a_mapping_without_a_name_has_an_empty_one)
{
	struct vm_area a;
	const char *name;

	EXPECT(proc_parse_mapping("1000-2000 ---p 00000000 00:00 0 ", &a, &name));
	EXPECT_STR(name, "");
	EXPECT(!a.file && !a.shared);
	EXPECT_EQ(a.prot, 0);
}

TEST(what_is_no_mapping_s_line_is_refused)
{
	uintptr_t start, end;
	struct vm_area a;
	const char *name;

	EXPECT(!proc_parse_mapping("1000-2000 ---p 0", &a, &name));
	EXPECT(!proc_parse_bounds("1000", &start, &end));
	EXPECT(!proc_line_is_mapping("AnonHugePages:         0 kB"));
	EXPECT(!proc_line_is_mapping(""));
	EXPECT(proc_line_is_mapping("a000-b000 ---p 00000000 00:00 0"));
}

TEST(of_the_details_one_counts_what_is_in_memory)
{
	uint64_t bytes = 7;

	EXPECT(!proc_parse_resident("Size:                 20 kB", &bytes));
	EXPECT(!proc_parse_resident("Rss:", &bytes));
	EXPECT_EQ(bytes, 7);
	EXPECT(proc_parse_resident("Rss:                  12 kB", &bytes));
	EXPECT_EQ(bytes, 12288);
}

TEST(another_process_s_mappings_are_read)
{
	size_t page = vm_page_size();
	scoped(fd) int fd = -1;
	struct found found = { .resident = 0 };
	pid_t pid;
	char *addr;
	void *at;

	EXPECT_EQ(memfd_new("test", 4 * page, &fd), 0);
	EXPECT_EQ(vm_place(NULL, 4 * page, VM_READ | VM_WRITE, fd, 0, &at), 0);
	pid = sleeper_new();
	addr = at;
	addr[0] = addr[page] = 'x';
	EXPECT(find_mapping(pid, at, false, &found));
	EXPECT_STR(found.name, "/memfd:tract-test (deleted)");
	EXPECT_EQ(found.area.end, (uintptr_t)at + 4 * page);
	/* What a shared object's pages are is known to those who have touched them. */
	EXPECT(find_mapping(PROC_SELF, at, true, &found));
	EXPECT_EQ(found.resident, 2 * page);
	EXPECT(find_mapping(pid, at, true, &found));
	EXPECT_EQ(found.resident, 0);
	sleeper_end(pid);
	vm_unmap(at, 4 * page);
}

TEST(a_process_that_is_not_there_is_said_to_be_none)
{
	struct proc_lines in;
	pid_t pid = sleeper_new();

	sleeper_end(pid);
	EXPECT_EQ(proc_open_maps(&in, pid, false), -ESRCH);
}

TEST(whose_child_a_process_is_is_read)
{
	pid_t pid = sleeper_new();
	int32_t parent = 0;

	EXPECT_EQ(proc_parent(pid, &parent), 0);
	EXPECT_EQ(parent, getpid());
	sleeper_end(pid);
	EXPECT_EQ(proc_parent(pid, &parent), -ESRCH);
	EXPECT_EQ(proc_parent(PROC_SELF, &parent), 0);
	EXPECT_EQ(parent, getppid());
}

TEST(another_user_s_process_is_not_looked_at)
{
	pid_t pid = getpid(), guest;
	int status;

	if (geteuid() != 0)
		SKIP("only root can be somebody else");
	guest = fork();
	if (guest == 0) {
		struct proc_lines in;

		if (setuid(NOBODY) < 0)
			_exit(1);
		_exit(proc_open_maps(&in, pid, false) == -EACCES ? 0 : 2);
	}
	EXPECT_EQ(waitpid(guest, &status, 0), guest);
	EXPECT_EQ(status, 0);
}
