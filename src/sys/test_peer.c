/* SPDX-License-Identifier: MIT */
#include "sys/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/scope.h"
#include "sys/sock.h"
#include "test.h"

/* A child that connects to a listener of ours, after @become, and lives until it is killed. */
struct guest {
	int listener, socket;
	pid_t pid;
};

static void guest_run(const char *path, void (*become)(void))
{
	int fd;

	if (become)
		become();
	if (sock_connect(path, &fd) == 0)
		for (;;)
			(void)pause();
	_exit(1);
}

static struct guest guest_new(void (*become)(void))
{
	struct guest g;
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/socket", test_directory());
	EXPECT_EQ(sock_listen(path, 0666, &g.listener), 0);
	EXPECT_EQ(chmod(test_directory(), 0755), 0);
	g.pid = fork();
	if (g.pid == 0)
		guest_run(path, become);
	EXPECT_EQ(sock_wait_readable(g.listener, 10000), 0);
	EXPECT_EQ(sock_accept(g.listener, &g.socket), 0);
	return g;
}

static void guest_free(struct guest *g)
{
	if (g->pid > 0) {
		(void)kill(g->pid, SIGKILL);
		(void)waitpid(g->pid, NULL, 0);
	}
	(void)close(g->listener);
	(void)close(g->socket);
}

TEST(a_peer_is_who_connected)
{
	struct guest g = guest_new(NULL);
	struct peer peer;

	EXPECT_EQ(peer_identify(g.socket, &peer), 0);
	EXPECT_EQ(peer.pid, g.pid);
	EXPECT_EQ(peer.uid, geteuid());
	EXPECT_EQ(peer.gid, getegid());
	guest_free(&g);
}

static void become_nobody(void)
{
	gid_t groups[] = { 1001, 1002, 1003 };

	if (setgroups(3, groups) < 0 || setgid(65534) < 0 || setuid(65534) < 0)
		_exit(1);
}

TEST(a_peer_of_another_user_comes_with_its_groups)
{
	struct peer peer;
	struct guest g;

	if (geteuid() != 0)
		SKIP("needs root to become another user");
	g = guest_new(become_nobody);
	EXPECT_EQ(peer_identify(g.socket, &peer), 0);
	EXPECT_EQ(peer.uid, 65534);
	EXPECT_EQ(peer.gid, 65534);
	EXPECT_EQ(peer.group_count, 3);
	EXPECT_EQ(peer.groups[0], 1001);
	EXPECT_EQ(peer.groups[2], 1003);
	guest_free(&g);
}

static void join_many_groups(void)
{
	gid_t groups[PEER_GROUPS_MAX + 10];

	for (unsigned i = 0; i < PEER_GROUPS_MAX + 10; i++)
		groups[i] = 2000 + i;
	if (setgroups(PEER_GROUPS_MAX + 10, groups) < 0)
		_exit(1);
}

TEST(groups_beyond_the_limit_are_left_out)
{
	struct peer peer;
	struct guest g;

	if (geteuid() != 0)
		SKIP("needs root to change groups");
	g = guest_new(join_many_groups);
	EXPECT_EQ(peer_identify(g.socket, &peer), 0);
	EXPECT_EQ(peer.group_count, PEER_GROUPS_MAX);
	EXPECT_EQ(peer.groups[0], 2000);
	guest_free(&g);
}

TEST(a_pidfd_tells_of_the_peers_death)
{
	struct guest g = guest_new(NULL);
	scoped(fd) int pidfd = -1;
	struct pollfd death;
	struct peer peer;

	EXPECT_EQ(peer_identify(g.socket, &peer), 0);
	EXPECT_EQ(peer_pidfd(g.socket, &peer, &pidfd), 0);
	EXPECT_EQ(fcntl(pidfd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	death = (struct pollfd){ .fd = pidfd, .events = POLLIN };
	EXPECT_EQ(poll(&death, 1, 0), 0);
	EXPECT_EQ(peer_pidfd_signal(pidfd, SIGKILL), 0);
	EXPECT_EQ(poll(&death, 1, 10000), 1);
	guest_free(&g);
}

TEST(a_peer_that_has_gone_does_not_become_another)
{
	struct guest g = guest_new(NULL);
	scoped(fd) int pidfd = -1;
	struct peer peer;
	int r;

	EXPECT_EQ(peer_identify(g.socket, &peer), 0);
	EXPECT_EQ(kill(g.pid, SIGKILL), 0);
	EXPECT_EQ(waitpid(g.pid, NULL, 0), g.pid);
	g.pid = 0;
	/* Newer kernels give a pidfd of the dead. */
	r = peer_pidfd(g.socket, &peer, &pidfd);
	EXPECT(r == -ESRCH || (r == 0 && peer_pidfd_signal(pidfd, 0) == -ESRCH));
	guest_free(&g);
}

TEST(a_pidfd_of_nobody_is_not_to_be_had)
{
	int fd;

	EXPECT_EQ(peer_pidfd_of(0, &fd), -ESRCH);
	EXPECT_EQ(peer_pidfd_of(-1, &fd), -ESRCH);
	EXPECT_EQ(peer_pidfd_of(getpid(), &fd), 0);
	EXPECT_EQ(peer_pidfd_signal(fd, 0), 0);
	(void)close(fd);
}

TEST(what_is_not_a_socket_has_no_peer)
{
	struct peer peer;
	int pipe[2];

	EXPECT_EQ(pipe2(pipe, O_CLOEXEC), 0);
	EXPECT_EQ(peer_identify(pipe[0], &peer), -ENOTSOCK);
	(void)close(pipe[0]);
	(void)close(pipe[1]);
}

#define MUCH ((size_t)32 << 20)

static void *touched(int sharing)
{
	char *memory = mmap(NULL, MUCH, PROT_READ | PROT_WRITE, sharing | MAP_ANONYMOUS, -1, 0);

	EXPECT((void *)memory != MAP_FAILED);
	for (size_t i = 0; i < MUCH; i += 4096)
		*(volatile char *)(memory + i) = 1;
	return memory;
}

TEST(the_kernel_says_how_much_private_memory_a_process_has)
{
	const struct peer self = { .pid = getpid() };
	scoped(fd) int pidfd = -1;
	uint64_t before;
	void *private, *shared;

	if (TEST_TSAN)
		SKIP("TSan's own books about what is touched are private memory, too");
	EXPECT_EQ(peer_pidfd_of(getpid(), &pidfd), 0);
	before = peer_private_memory(&self, pidfd);
	EXPECT(before > 0);
	shared = touched(MAP_SHARED);
	EXPECT(peer_private_memory(&self, pidfd) < before + MUCH / 2);
	private = touched(MAP_PRIVATE);
	/* The kernel's counters may lag a little behind. */
	EXPECT(peer_private_memory(&self, pidfd) > before + MUCH / 2);
	EXPECT(peer_private_memory(&self, pidfd) < before + MUCH + MUCH / 2);
	(void)munmap(private, MUCH);
	(void)munmap(shared, MUCH);
}

TEST(who_has_died_or_is_not_visible_has_no_memory)
{
	struct guest g = guest_new(NULL);
	scoped(fd) int pidfd = -1;
	struct pollfd death;
	struct peer peer;

	EXPECT_EQ(peer_identify(g.socket, &peer), 0);
	EXPECT_EQ(peer_pidfd(g.socket, &peer, &pidfd), 0);
	EXPECT(peer_private_memory(&peer, pidfd) > 0);
	EXPECT_EQ(peer_private_memory(&peer, -1), 0);
	EXPECT_EQ(peer_private_memory(&(struct peer){ .pid = 0 }, pidfd), 0);
	EXPECT_EQ(peer_pidfd_signal(pidfd, SIGKILL), 0);
	death = (struct pollfd){ .fd = pidfd, .events = POLLIN };
	EXPECT_EQ(poll(&death, 1, 10000), 1);
	/* Whatever has its number by now. */
	peer.pid = getpid();
	EXPECT_EQ(peer_private_memory(&peer, pidfd), 0);
	guest_free(&g);
}
