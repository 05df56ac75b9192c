/* SPDX-License-Identifier: MIT */
#include "floor.h"

#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness.h"

enum { ORDER_PING = 1, ORDER_WAKE = 2, ORDER_END = 3 };

#define FLOOR_ROUNDS 60u
#define FLOOR_COPY ((size_t)1 << 20)
#define FLOOR_MESSAGE 64u

/* ---- the server that does nothing else ----------------------------------------------------
 */

int floor_socket(const struct pair *pair)
{
	int ends[2];

	if (pair->role == PAIR_MEASURER)
		return pair_recv_fd(pair);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		die("cannot make a socket");
	pair_send_fd(pair, ends[1]);
	(void)close(ends[1]);
	return ends[0];
}

void floor_serve(int sock, int fd)
{
	char message[FLOOR_MESSAGE];

	while (sock_recv(sock, message, sizeof(message), NULL) > 0)
		sock_send(sock, message, sizeof(message), fd);
}

int floor_request(int sock)
{
	char message[FLOOR_MESSAGE] = { 0 };
	int fd;

	sock_send(sock, message, sizeof(message), -1);
	if (sock_recv(sock, message, sizeof(message), &fd) == 0 || fd < 0)
		die("the bare server sent no descriptor");
	return fd;
}

static double run_request(void *arg, size_t times)
{
	int sock = *(int *)arg;
	double start = clock_ns();

	for (size_t n = 0; n < times; n++)
		(void)close(floor_request(sock));
	return clock_ns() - start;
}

/* ---- a cache line -------------------------------------------------------------------------
 */

/* At rest both words are equal.  Acquire and release so that each sees the other's last word;
 * nothing else hangs on them. */
static void ping_follow(struct pair_page *page, size_t times)
{
	uint32_t turn = atomic_load_explicit(&page->pong, memory_order_relaxed);

	for (size_t n = 0; n < times; n++) {
		turn++;
		while (atomic_load_explicit(&page->ping, memory_order_acquire) != turn)
			;
		atomic_store_explicit(&page->pong, turn, memory_order_release);
	}
}

static void ping_lead(struct pair_page *page, size_t times)
{
	uint32_t turn = atomic_load_explicit(&page->ping, memory_order_relaxed);

	for (size_t n = 0; n < times; n++) {
		turn++;
		atomic_store_explicit(&page->ping, turn, memory_order_release);
		while (atomic_load_explicit(&page->pong, memory_order_acquire) != turn)
			;
	}
}

static double run_ping(void *arg, size_t times)
{
	const struct pair *pair = arg;
	double start;

	pair_order(pair, ORDER_PING, 0, times);
	/* The first one waits for the other to arrive and is not counted. */
	ping_lead(pair->page, 1);
	start = clock_ns();
	ping_lead(pair->page, times);
	return (clock_ns() - start) / 2;
}

/* ---- a sleeper that is woken --------------------------------------------------------------
 */

static void futex(_Atomic uint32_t *word, int op, uint32_t value)
{
	(void)syscall(SYS_futex, word, op, value, NULL, NULL, 0);
}

static void bare_wake(_Atomic uint32_t *word)
{
	(void)atomic_fetch_add_explicit(word, 1, memory_order_seq_cst);
	futex(word, FUTEX_WAKE, 1);
}

static void bare_wait(_Atomic uint32_t *word, uint32_t old)
{
	while (atomic_load_explicit(word, memory_order_acquire) == old)
		futex(word, FUTEX_WAIT, old);
}

void floor_wake_lead(const struct pair *pair, size_t times)
{
	for (size_t n = 0; n < times; n++) {
		uint32_t old = atomic_load_explicit(&pair->page->pong, memory_order_relaxed);

		bare_wake(&pair->page->ping);
		bare_wait(&pair->page->pong, old);
	}
}

void floor_wake_follow(const struct pair *pair, size_t times)
{
	for (size_t n = 0; n < times; n++) {
		bare_wait(&pair->page->ping,
			  atomic_load_explicit(&pair->page->pong, memory_order_relaxed));
		bare_wake(&pair->page->pong);
	}
}

static double run_wake(void *arg, size_t times)
{
	const struct pair *pair = arg;
	double start;

	pair_order(pair, ORDER_WAKE, 0, times);
	floor_wake_lead(pair, 1);
	start = clock_ns();
	floor_wake_lead(pair, times);
	return (clock_ns() - start) / 2;
}

/* ---- a copy -------------------------------------------------------------------------------
 */

struct copy {
	char *from, *to;
};

static double run_copy(void *arg, size_t times)
{
	struct copy *copy = arg;
	double start = clock_ns();

	for (size_t n = 0; n < times; n++) {
		memcpy(copy->to, copy->from, FLOOR_COPY);
		/* The compiler must not find out that nobody reads it. */
		__asm__ volatile("" : : "r"(copy->to) : "memory");
	}
	return clock_ns() - start;
}

/* The same two buffers at the start and at the end: where pages lie decides by some percent how
 * fast they are copied. */
static struct copy copy_buffers(void)
{
	static struct copy copy;

	if (!copy.from) {
		copy.from = aligned_alloc(4096, FLOOR_COPY);
		copy.to = aligned_alloc(4096, FLOOR_COPY);
		if (!copy.from || !copy.to)
			die("out of memory");
		memset(copy.from, 1, FLOOR_COPY);
		memset(copy.to, 2, FLOOR_COPY);
	}
	return copy;
}

/* ---- all of them --------------------------------------------------------------------------
 */

static void measure_one(const char *name, const char *when, double (*run)(void *, size_t),
			void *arg)
{
	const struct race race = { .rounds = FLOOR_ROUNDS, .batch_ns = 1e6 };
	const struct contender one = { .name = name, .run = run, .arg = arg };
	struct race_result result;
	const char *failed;

	if (race_run(&one, 1, &race, &result, &failed) == 0)
		report_floor(name, when, result.time[0]);
}

static void follow(const struct pair *pair)
{
	for (;;) {
		struct pair_order order = pair_next(pair);

		if (order.what == ORDER_PING)
			ping_follow(pair->page, order.times + 1);
		else if (order.what == ORDER_WAKE)
			floor_wake_follow(pair, order.times + 1);
		else
			return;
	}
}

static void serve_requests(int sock)
{
	int fd = memfd_create("bench-floor", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, 4096) < 0)
		die("cannot make a memfd");
	floor_serve(sock, fd);
	(void)close(fd);
}

void floors_measure(const struct pair *pair, const char *when)
{
	int sock = floor_socket(pair);
	struct copy copy;
	struct pair self = *pair;

	if (pair->role == PAIR_OWNER) {
		serve_requests(sock);
		(void)close(sock);
		follow(pair);
		return;
	}
	copy = copy_buffers();
	measure_one("copy", when, run_copy, &copy);
	measure_one("request", when, run_request, &sock);
	(void)close(sock);
	measure_one("wake", when, run_wake, &self);
	/* On one processor two spinners would only wait for each other's time slice to end. */
	if (pair->cpus == 2)
		measure_one("ping", when, run_ping, &self);
	pair_order(pair, ORDER_END, 0, 0);
}
