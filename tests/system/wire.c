/* SPDX-License-Identifier: MIT */
#include "wire.h"

#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

const char *const wire_hosts[2] = { "10.77.0.1", "10.77.0.2" };

/* Where the calling thread is. */
static bool run(const char *format, ...) __attribute__((format(printf, 1, 2)));
static bool run(const char *format, ...)
{
	char command[256];
	va_list args;
	int status;
	pid_t pid;

	va_start(args, format);
	(void)vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	pid = fork();
	EXPECT(pid >= 0);
	if (pid == 0) {
		(void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	return status == 0;
}

static int host_new(void)
{
	int fd;

	if (unshare(CLONE_NEWNET) < 0)
		SKIP("there are no network namespaces to be had");
	fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	EXPECT(fd >= 0);
	return fd;
}

static void address_set(const struct wire *wire, unsigned host)
{
	wire_enter(wire, host);
	EXPECT(run("ip link set lo up"));
	EXPECT(run("ip address add %s/24 dev wire%u", wire_hosts[host], host));
	EXPECT(run("ip link set wire%u up", host));
}

void wire_up(struct wire *wire)
{
	if (geteuid() != 0)
		SKIP("only root may have network namespaces with a wire between them");
	if (!run("ip -V >/dev/null 2>&1"))
		SKIP("there is no ip, which the package iproute2 has");
	wire->ns[0] = host_new();
	wire->ns[1] = host_new();
	if (!run("ip link add wire1 type veth peer name wire0 netns /proc/%d/fd/%d "
		 ">/dev/null 2>&1",
		 (int)getpid(), wire->ns[0]))
		SKIP("the kernel has no veth");
	address_set(wire, 1);
	address_set(wire, 0);
}

void wire_down(struct wire *wire)
{
	(void)close(wire->ns[0]);
	(void)close(wire->ns[1]);
}

void wire_enter(const struct wire *wire, unsigned host)
{
	EXPECT_EQ(setns(wire->ns[host], CLONE_NEWNET), 0);
}

void wire_pull(const struct wire *wire)
{
	wire_enter(wire, 0);
	EXPECT(run("ip link set wire0 down"));
}

void wire_plug(const struct wire *wire)
{
	wire_enter(wire, 0);
	EXPECT(run("ip link set wire0 up"));
}

/* It takes another one's for its peer's hardware address. */
void wire_silence(const struct wire *wire, unsigned host)
{
	wire_enter(wire, host);
	EXPECT(run("ip neighbour replace %s lladdr 02:00:00:00:00:99 dev wire%u nud permanent",
		   wire_hosts[1 - host], host));
	wire_enter(wire, 0);
}

void wire_hear(const struct wire *wire, unsigned host)
{
	wire_enter(wire, host);
	EXPECT(run("ip neighbour delete %s dev wire%u", wire_hosts[1 - host], host));
	wire_enter(wire, 0);
}

/* Each end has it for what it sends. */
static bool queue_set(const struct wire *wire, const char *how)
{
	bool set = true;

	for (unsigned host = 2; set && host-- > 0;) {
		wire_enter(wire, host);
		set = run("tc qdisc replace dev wire%u root %s 2>/dev/null", host, how);
	}
	return set;
}

void wire_disturb(const struct wire *wire, const char *how)
{
	char queue[128];

	(void)snprintf(queue, sizeof(queue), "netem %s", how);
	if (!queue_set(wire, queue))
		SKIP("the kernel has no sch_netem, or there is no tc; tests/vm has both");
}

void wire_limit(const struct wire *wire, unsigned mbits, size_t queue_bytes)
{
	char queue[128];

	/* The bucket is one packet as the kernel hands it on, before it is cut for the wire. */
	(void)snprintf(queue, sizeof(queue), "tbf rate %umbit burst 64kb limit %zu", mbits,
		       queue_bytes);
	if (!queue_set(wire, queue))
		SKIP("the kernel has no sch_tbf, or there is no tc, which iproute2 has");
}
