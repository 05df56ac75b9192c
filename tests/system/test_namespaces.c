/* SPDX-License-Identifier: MIT */
/*
 * test_namespaces.c - one directory, bind-mounted, is all that a container needs
 *
 * The contained process has user, pid, ipc, mount and network namespaces of its own, sees
 * nothing of the file system but the node's directory and an empty /dev/shm, and has no
 * capability.  The other side and the broker are outside.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crew.h"

#define NOBODY 65534u
/* Exit codes of a process that could not become contained. */
#define NO_NAMESPACES 70
#define NO_MOUNTS 71

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		_exit(NO_NAMESPACES);
	(void)close(fd);
}

/* The same ids inside as outside, and nobody else's. */
static void map_ids(uid_t uid, gid_t gid)
{
	char text[64];

	write_text("/proc/self/setgroups", "deny");
	(void)snprintf(text, sizeof(text), "%u %u 1", (unsigned)uid, (unsigned)uid);
	write_text("/proc/self/uid_map", text);
	(void)snprintf(text, sizeof(text), "%u %u 1", (unsigned)gid, (unsigned)gid);
	write_text("/proc/self/gid_map", text);
}

/* A root of its own, in memory, over /tmp: in it the node's directory, and an empty /dev/shm.
 */
static void build_root(void)
{
	char node[64];
	int fd = open(test_directory(), O_PATH | O_DIRECTORY | O_CLOEXEC);

	(void)snprintf(node, sizeof(node), "/proc/self/fd/%d", fd);
	if (fd < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", "/tmp", "tmpfs", 0, "size=1m") < 0 || mkdir("/tmp/node", 0700) < 0 ||
	    mkdir("/tmp/proc", 0700) < 0 || mkdir("/tmp/dev", 0700) < 0 ||
	    mkdir("/tmp/dev/shm", 0700) < 0 ||
	    mount(node, "/tmp/node", NULL, MS_BIND, NULL) < 0 || chroot("/tmp") < 0 ||
	    chdir("/") < 0)
		_exit(NO_MOUNTS);
	(void)close(fd);
}

static void drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { 0 };

	if (syscall(SYS_capset, &header, none) < 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		_exit(NO_NAMESPACES);
}

static void contain(void)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	int status;
	pid_t child;

	if (unshare(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWNS | CLONE_NEWNET) <
	    0)
		_exit(NO_NAMESPACES);
	map_ids(uid, gid);
	build_root();
	/* A pid namespace begins with the next process. */
	child = fork();
	if (child < 0)
		_exit(NO_NAMESPACES);
	if (child > 0) {
		(void)waitpid(child, &status, 0);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128);
	}
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* Not everywhere permitted; it goes without. */
	(void)mount("proc", "/proc", "proc", 0, NULL);
	drop_capabilities();
	(void)setenv("TRACT_DIR", "/node", 1);
}

static void up_contained(struct member *m)
{
	member_up_as(m, contain);
	/* Anything that is answered without the library. */
	if (member_ask(m, EXPORT_COUNT, 0) != GONE)
		return;
	if (WIFEXITED(m->status) && WEXITSTATUS(m->status) == NO_MOUNTS)
		SKIP("mounting in a user namespace is not permitted here");
	SKIP("user namespaces are not permitted here");
}

/* From here on the test, and all it starts, is nobody. */
static void become_nobody(void)
{
	if (geteuid() != 0)
		return;
	if (access(getenv("TRACT_BROKER_PROGRAM") ? getenv("TRACT_BROKER_PROGRAM") : "", X_OK))
		SKIP("TRACT_BROKER_PROGRAM does not name tractd");
	EXPECT_EQ(chown(test_directory(), NOBODY, NOBODY), 0);
	EXPECT_EQ(setgroups(0, NULL), 0);
	EXPECT_EQ(setresgid(NOBODY, NOBODY, NOBODY), 0);
	EXPECT_EQ(setresuid(NOBODY, NOBODY, NOBODY), 0);
	/* Changing ids forbids looking into /proc/self, until the next exec. */
	(void)prctl(PR_SET_DUMPABLE, 1);
	if (access(getenv("TRACT_BROKER_PROGRAM"), X_OK) < 0)
		SKIP("the build tree may be read by its owner only");
}

static void expect_all_works(struct member *exporter, struct member *importer)
{
	EXPECT_EQ(member_ask(exporter, EXPORT_PRIVATE, 0), 0);
	EXPECT_EQ(member_ask(exporter, PUBLISH, CREW_ID), 0);
	EXPECT_EQ(member_ask(importer, CONNECT, CREW_ID), 0);
	EXPECT_EQ(member_ask(importer, MAP, 0), 0);
	EXPECT_EQ(member_ask(importer, IMPORT_LOAD, 0), CREW_FILL);
	EXPECT_EQ(member_ask(importer, GET, 0), 0);
	EXPECT_EQ(member_ask(importer, PUT, 1), 0);
	EXPECT_EQ(member_ask(exporter, EXPORT_LOAD, 0), 1);
	EXPECT_EQ(member_ask(importer, BARRIER, 2), 0);
	EXPECT_EQ(member_ask(exporter, EXPORT_LOAD, 0), 2);

	EXPECT_EQ(member_ask(importer, IMPORT_WAIT, 0), -ETIMEDOUT);
	member_tell(importer, IMPORT_WAIT, 5000);
	EXPECT_EQ(member_ask(exporter, EXPORT_POST, 0), 0);
	EXPECT_EQ(member_hear(importer, 1000), 0);
	EXPECT_EQ(member_ask(importer, IMPORT_POLLFD, 0), 0);
	EXPECT_EQ(member_ask(exporter, EXPORT_POST, 0), 0);
	EXPECT_EQ(member_ask(importer, IMPORT_POLL, 500), 1);
	EXPECT_EQ(member_ask(importer, IMPORT_POST, 0), 0);
	EXPECT_EQ(member_ask(exporter, EXPORT_WAIT, 0), 0);

	EXPECT_EQ(member_ask(exporter, REBIND, 3), 0);
	EXPECT_EQ(member_ask(importer, BARRIER, 4), 0);
	EXPECT_EQ(member_ask(exporter, EXPORT_LOAD, 0), 4);
	/* Taken back: it is disconnected whether it likes it or not. */
	EXPECT_EQ(member_ask(exporter, UNPUBLISH, 0), 0);
	EXPECT_EQ(member_ask(importer, BARRIER, 5), -ESTALE);
	EXPECT_WITHIN(1000, member_ask(importer, IMPORT_LOAD, 0) != 4);
	EXPECT_EQ(member_ask(exporter, EXPORT_LOAD, 0), 4);
	EXPECT_EQ(member_ask(exporter, DROP, 0), 0);
	EXPECT_EQ(member_ask(importer, DROP, 0), 0);
	EXPECT_EQ(member_ask(importer, LOOK, 0), 0);
}

/* The death of each is noticed across the border. */
static void expect_death_is_noticed(struct member *exporter, struct member *importer)
{
	EXPECT_EQ(member_ask(exporter, EXPORT_PRIVATE, 0), 0);
	EXPECT_EQ(member_ask(exporter, PUBLISH, CREW_ID), 0);
	EXPECT_EQ(member_ask(importer, CONNECT, CREW_ID), 0);
	member_signal(exporter, SIGKILL);
	EXPECT_WITHIN((int)(1000 * test_patience()), member_ask(importer, CHECK, 0) == -ESTALE);
	EXPECT_EQ(member_ask(importer, DROP, 0), 0);
	EXPECT_EQ(member_ask(importer, LOOK, 0), 0);
}

static void share_with_a_container(bool exporter_inside)
{
	struct member inside, outside;
	struct member *exporter = exporter_inside ? &inside : &outside;
	struct member *importer = exporter_inside ? &outside : &inside;
	pid_t broker;

	up_contained(&inside);
	broker = crew_broker_up(NULL, NULL);
	member_up(&outside, NULL, NULL);
	expect_all_works(exporter, importer);
	expect_death_is_noticed(exporter, importer);
	(void)member_down(&outside);
	(void)member_down(&inside);
	crew_broker_kill(broker);
}

TEST(an_importer_in_a_container_works_through_the_nodes_directory_alone)
{
	share_with_a_container(false);
}

TEST(an_importer_in_an_unprivileged_users_container_works)
{
	become_nobody();
	share_with_a_container(false);
}

TEST(an_exporter_in_a_container_works_through_the_nodes_directory_alone)
{
	share_with_a_container(true);
}

TEST(an_exporter_in_an_unprivileged_users_container_works)
{
	become_nobody();
	share_with_a_container(true);
}
