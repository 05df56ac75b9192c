/* SPDX-License-Identifier: MIT */
#include "broker/body.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/scope.h"
#include "broker/client_link.h"
#include "test.h"

#define CLIENT 3u
#define OBJECT 7u
#define SIZE 8192u

/* As much of a broker as its ports to objects and processes need. */
struct rig {
	struct broker broker;
	struct client_link link;
	struct ports ports;
};

/* The client is a child, which has what descriptors we have now. */
static void rig_up(struct rig *rig)
{
	pid_t pid;

	*rig = (struct rig){ .ports = body_ports(&rig->broker) };
	EXPECT_EQ(idmap_init(&rig->broker.by_client), 0);
	EXPECT_EQ(objects_init(&rig->broker.objects, 100), 0);
	EXPECT_EQ(rig->ports.object_make(&rig->broker, OBJECT, SIZE, 0, 0), 0);
	pid = fork();
	EXPECT(pid >= 0);
	if (pid == 0)
		for (;;)
			(void)pause();
	rig->link.peer.pid = pid;
	EXPECT_EQ(peer_pidfd_of(pid, &rig->link.pidfd), 0);
	EXPECT_EQ(idmap_add(&rig->broker.by_client, &rig->link.node, CLIENT, &rig->link), 0);
}

static void rig_down(struct rig *rig)
{
	if (rig->link.peer.pid > 0) {
		(void)kill(rig->link.peer.pid, SIGKILL);
		(void)waitpid(rig->link.peer.pid, NULL, 0);
	}
	fd_scope_end(&rig->link.pidfd);
	objects_deinit(&rig->broker.objects);
	idmap_deinit(&rig->broker.by_client);
}

TEST(every_port_is_there)
{
	struct broker broker = { .ended = false };
	const struct ports ports = body_ports(&broker);
	/* A table of functions after what they are called with. */
	void (*const *port)(void) = (void (*const *)(void))(const void *)&ports + 1;
	const size_t count = sizeof(ports) / sizeof(*port);

	for (size_t i = 0; i + 1 < count; i++)
		EXPECT(port[i]);
}

TEST(what_a_client_has_of_an_object_is_told)
{
	struct client_holds found = { .mappings = 9 };
	struct rig rig;

	rig_up(&rig);
	EXPECT_EQ(rig.ports.client_holds(&rig.broker, CLIENT, OBJECT, &found), 0);
	EXPECT_EQ(found.mappings, 0);
	EXPECT_EQ(found.descriptors, 1);
	EXPECT_EQ(rig.ports.client_holds(&rig.broker, CLIENT, 1, &found), -ENOENT);
	EXPECT_EQ(rig.ports.client_holds(&rig.broker, 1, OBJECT, &found), -ESRCH);
	rig_down(&rig);
}

TEST(whose_child_a_client_is_the_kernel_says)
{
	struct rig rig;

	rig_up(&rig);
	EXPECT_EQ(rig.ports.client_is_child(&rig.broker, CLIENT, 1), -ESRCH);
	/* Its own parent it is not. */
	EXPECT_EQ(rig.ports.client_is_child(&rig.broker, CLIENT, CLIENT), 0);
	rig_down(&rig);
}

TEST(a_client_is_killed_once)
{
	struct client_holds found;
	struct rig rig;
	int status;

	rig_up(&rig);
	EXPECT_EQ(rig.ports.client_kill(&rig.broker, 1), -ESRCH);
	EXPECT_EQ(rig.ports.client_kill(&rig.broker, CLIENT), 0);
	EXPECT_EQ(waitpid(rig.link.peer.pid, &status, 0), rig.link.peer.pid);
	rig.link.peer.pid = 0;
	EXPECT(WIFSIGNALED(status));
	EXPECT_EQ(WTERMSIG(status), SIGKILL);
	EXPECT_EQ(rig.ports.client_kill(&rig.broker, CLIENT), -ESRCH);
	rig.link.peer.pid = getpid();
	EXPECT_EQ(rig.ports.client_holds(&rig.broker, CLIENT, OBJECT, &found), -ESRCH);
	rig.link.peer.pid = 0;
	rig_down(&rig);
}

TEST(a_client_whose_process_is_not_known_is_neither_looked_at_nor_killed)
{
	struct client_holds found;
	struct rig rig;
	int pidfd;

	rig_up(&rig);
	pidfd = rig.link.pidfd;
	rig.link.pidfd = -1;
	EXPECT_EQ(rig.ports.client_holds(&rig.broker, CLIENT, OBJECT, &found), -EACCES);
	EXPECT_EQ(rig.ports.client_kill(&rig.broker, CLIENT), -EACCES);
	rig.link.pidfd = pidfd;
	EXPECT_EQ(peer_pidfd_signal(pidfd, 0), 0);
	rig_down(&rig);
}

TEST(a_client_of_another_user_cannot_be_killed_without_leave)
{
	struct rig rig;
	int status;
	pid_t pid;

	if (geteuid() != 0)
		SKIP("needs root to become another user");
	rig_up(&rig);
	pid = fork();
	if (pid == 0)
		_exit(setuid(65534) < 0 ||
		      rig.ports.client_kill(&rig.broker, CLIENT) != -EPERM);
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
	EXPECT_EQ(peer_pidfd_signal(rig.link.pidfd, 0), 0);
	rig_down(&rig);
}

TEST(the_ports_to_pages_lead_to_the_object)
{
	struct object_pages pages = { .huge = 0 };
	uint64_t base = 7;
	struct rig rig;

	rig_up(&rig);
	EXPECT_EQ(rig.ports.object_page(&rig.broker, OBJECT), getpagesize());
	EXPECT_EQ(rig.ports.object_make(&rig.broker, 8, SIZE, 0, OBJECT_FREEZABLE), 0);
	EXPECT_EQ(rig.ports.object_place(&rig.broker, OBJECT, 100000, true) == 0, false);
	EXPECT_EQ(rig.ports.object_fill(&rig.broker, OBJECT, 0, SIZE), 0);
	EXPECT_EQ(rig.ports.object_copy(&rig.broker, 8, OBJECT, 0, SIZE), 0);
	EXPECT_EQ(rig.ports.object_measure(&rig.broker, OBJECT, 0, SIZE, &pages), 0);
	EXPECT_EQ(pages.absent, 0);
	EXPECT_EQ(rig.ports.object_freeze(&rig.broker, OBJECT), -EPERM);
	EXPECT_EQ(rig.ports.object_freeze(&rig.broker, 8), 0);
	EXPECT_EQ(rig.ports.object_physical(&rig.broker, OBJECT, &base), -EOPNOTSUPP);
	EXPECT_EQ(base, 7);
	EXPECT_EQ(rig.ports.cache_check(&rig.broker, 1), -EOPNOTSUPP);
	rig_down(&rig);
}
