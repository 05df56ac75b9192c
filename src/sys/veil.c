/* SPDX-License-Identifier: MIT */
/*
 * veil.c - what a thread is kept from seeing
 *
 * Landlock knows what is allowed, and nothing that is not: so whatever is in the directories
 * that lead to the file is allowed, one by one, but for the file.
 */
#include "sys/veil.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/scope.h"

static void dir_scope_end(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir);
}

static int allow(int rules, int dir, const char *name)
{
	struct landlock_path_beneath_attr beneath = { .allowed_access =
							      LANDLOCK_ACCESS_FS_READ_FILE };
	scoped(fd) int fd = openat(dir, name, O_PATH | O_CLOEXEC);

	/* A link that leads nowhere, or what has just gone. */
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	beneath.parent_fd = fd;
	if (syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) < 0)
		return -errno;
	return 0;
}

static bool is_left_out_of_root(const char *name)
{
	return strcmp(name, "proc") == 0;
}

/* Other processes are not looked at, and would be many. */
static bool is_left_out_of_proc(const char *name)
{
	return strcmp(name, "kallsyms") == 0 || (name[0] >= '0' && name[0] <= '9');
}

static int allow_most(int rules, const char *path, bool (*is_left_out)(const char *name))
{
	scoped(dir) DIR *dir = opendir(path);
	const struct dirent *entry;
	int r = 0;

	if (!dir)
		return -errno;
	while (r == 0 && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
		    !is_left_out(entry->d_name))
			r = allow(rules, dirfd(dir), entry->d_name);
	return r;
}

int veil_kernel_symbols(void)
{
	struct landlock_ruleset_attr handled = { .handled_access_fs =
							 LANDLOCK_ACCESS_FS_READ_FILE };
	scoped(fd) int rules =
		(int)syscall(SYS_landlock_create_ruleset, &handled, sizeof(handled), 0);
	int r;

	if (rules < 0)
		return -errno;
	r = allow_most(rules, "/", is_left_out_of_root);
	if (r == 0)
		r = allow_most(rules, "/proc", is_left_out_of_proc);
	if (r < 0)
		return r;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_landlock_restrict_self, rules, 0) < 0)
		return -errno;
	return 0;
}

/* Where the upper half of a system call's third argument is. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define UPPER_OF_SIZE (offsetof(struct seccomp_data, args[2]) + 4)
#else
#define UPPER_OF_SIZE offsetof(struct seccomp_data, args[2])
#endif

/* Of other calls that receive, the kernel refuses such sizes by itself. */
int veil_endless_buffers(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_recvfrom, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, UPPER_OF_SIZE),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x80000000, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = ARRAY_LEN(code), .filter = code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		return -errno;
	return 0;
}
