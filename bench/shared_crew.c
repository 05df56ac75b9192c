/* SPDX-License-Identifier: MIT */
#include "shared.h"
#include <tract/context.h>

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "floor.h"
#include "harness.h"
#include "pair.h"

enum { MAP = 1, KEEP = 2, DROP = 3 };

struct order {
	uint32_t what, count;
	shared_region_cap cap[BATCH_MAX];
};

struct answer {
	double taken;
	int error;
	shared_region_pid number;
};

/* ---- a helper --------------------------------------------------------------------------- */

struct kept {
	shared_region_pid self;
	shared_region *region;
	shared_region_cap cap;
};

static int map_all(shared_region_client *client, const struct order *order, double *taken)
{
	shared_region *region[BATCH_MAX];
	double start = clock_ns();
	unsigned count = 0;
	void *at;
	int r = 0;

	for (; r == 0 && count < order->count; count += r == 0)
		r = shared_region_cap_map(client, order->cap[count], NULL, SHARED_REGION_WRITE,
					  &region[count], &at);
	*taken = clock_ns() - start;
	while (count-- > 0) {
		(void)shared_region_unmap(region[count], shared_region_self(client),
					  SHARED_REGION_ASK);
		(void)shared_region_cap_delete(client, order->cap[count]);
		shared_region_release(region[count]);
	}
	return r;
}

static int keep(shared_region_client *client, shared_region_cap cap, struct kept *kept)
{
	void *at;
	int r;

	r = shared_region_cap_map(client, cap, NULL, SHARED_REGION_WRITE, &kept->region, &at);
	if (r != 0)
		return r;
	kept->cap = cap;
	memset(at, 7, shared_region_size(kept->region));
	return 0;
}

static void drop(shared_region_client *client, struct kept *kept)
{
	if (!kept->region)
		return;
	/* What was taken back is not mapped any more, which is fine. */
	(void)shared_region_unmap(kept->region, kept->self, SHARED_REGION_ASK);
	(void)shared_region_cap_delete(client, kept->cap);
	shared_region_release(kept->region);
	kept->region = NULL;
}

static void help(int sock)
{
	struct answer answer = { .taken = 0 };
	shared_region_client *client;
	struct kept kept = { .region = NULL };
	struct order order;

	answer.error = shared_region_attach(NULL, 0, &client);
	answer.number = answer.error == 0 ? shared_region_self(client) : 0;
	kept.self = answer.number;
	sock_send(sock, &answer, sizeof(answer), -1);
	while (answer.error == 0 && sock_recv(sock, &order, sizeof(order), NULL) > 0) {
		int r = 0;

		if (order.what == MAP)
			r = map_all(client, &order, &answer.taken);
		else if (order.what == KEEP)
			r = keep(client, order.cap[0], &kept);
		else
			drop(client, &kept);
		answer.error = r;
		sock_send(sock, &answer, sizeof(answer), -1);
	}
}

/* ---- who gives the orders --------------------------------------------------------------- */

static struct answer ask(const struct helper *helper, const struct order *order)
{
	struct answer answer;

	sock_send(helper->sock, order, sizeof(*order), -1);
	if (sock_recv(helper->sock, &answer, sizeof(answer), NULL) != sizeof(answer))
		die("a helper is gone");
	if (answer.error != 0)
		die("a helper failed: %s", shared_region_strerror(answer.error));
	return answer;
}

double helper_map(const struct helper *helper, const shared_region_cap *cap, unsigned count)
{
	struct order order = { .what = MAP, .count = count };

	memcpy(order.cap, cap, count * sizeof(*cap));
	return ask(helper, &order).taken;
}

void helper_keep(const struct helper *helper, shared_region_cap cap)
{
	const struct order order = { .what = KEEP, .count = 1, .cap = { cap } };

	(void)ask(helper, &order);
}

void helper_drop(const struct helper *helper)
{
	const struct order order = { .what = DROP };

	(void)ask(helper, &order);
}

shared_region *shared_bench_region(const struct shared_bench *bench, size_t size)
{
	shared_region *region;
	int r = shared_region_new(bench->client, shared_region_self(bench->client), size,
				  SHARED_REGION_WRITE, &region);

	if (r != 0)
		die("no region of %zu bytes: %s (%s)", size, shared_region_strerror(r),
		    tract_reason());
	return region;
}

shared_region_cap shared_bench_share(shared_region *region, const struct helper *helper)
{
	shared_region_rights rights;
	shared_region_cap cap;
	int r = shared_region_create_capability(region, helper->number, SHARED_REGION_SHARE,
						&cap, &rights);

	if (r != 0)
		die("no capability: %s (%s)", shared_region_strerror(r), tract_reason());
	return cap;
}

/* ---- all of them ------------------------------------------------------------------------ */

/* Return: our end of a socket to a child that does @run with the other, and ends. */
static int start(void (*run)(int sock))
{
	int ends[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		die("no socket");
	pid = fork();
	if (pid < 0)
		die("cannot fork");
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)close(ends[0]);
		run(ends[1]);
		_exit(0);
	}
	(void)close(ends[1]);
	return ends[0];
}

static void serve(int sock)
{
	int fd = memfd_create("bench-floor", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, 4096) < 0)
		die("cannot make a memfd");
	floor_serve(sock, fd);
}

/* What a process does that knows nothing of regions, for the floor. */
static void follow(int sock)
{
	char *at = NULL;
	size_t size;
	int fd;

	while (sock_recv(sock, &size, sizeof(size), &fd) > 0) {
		at = mmap(at, size, PROT_READ | PROT_WRITE, MAP_SHARED | (at ? MAP_FIXED : 0),
			  fd, 0);
		if (at == MAP_FAILED)
			_exit(1);
		(void)close(fd);
		sock_send(sock, &size, sizeof(size), -1);
	}
}

void followers_map(const struct shared_bench *bench, int fd, size_t size)
{
	for (unsigned i = 0; i < FOLLOWERS; i++)
		sock_send(bench->follower[i], &size, sizeof(size), fd);
	for (unsigned i = 0; i < FOLLOWERS; i++)
		if (sock_recv(bench->follower[i], &size, sizeof(size), NULL) == 0)
			die("a follower is gone");
}

void shared_bench_open(struct shared_bench *bench)
{
	struct answer answer;
	int r;

	bench->server = start(serve);
	for (unsigned i = 0; i < FOLLOWERS; i++)
		bench->follower[i] = start(follow);
	for (unsigned i = 0; i < HELPERS; i++)
		bench->helper[i].sock = start(help);
	r = shared_region_attach(NULL, 0, &bench->client);
	if (r != 0)
		die("cannot attach: %s", shared_region_strerror(r));
	for (unsigned i = 0; i < HELPERS; i++) {
		if (sock_recv(bench->helper[i].sock, &answer, sizeof(answer), NULL) !=
			    sizeof(answer) ||
		    answer.error != 0)
			die("a helper cannot attach");
		bench->helper[i].number = answer.number;
	}
}

void shared_bench_close(struct shared_bench *bench)
{
	(void)close(bench->server);
	for (unsigned i = 0; i < FOLLOWERS; i++)
		(void)close(bench->follower[i]);
	for (unsigned i = 0; i < HELPERS; i++)
		(void)close(bench->helper[i].sock);
	shared_region_detach(bench->client);
}
