/* SPDX-License-Identifier: MIT */
/*
 * governed - an owner and a tenant of shared regions, to be looked at
 *
 * The owner has two regions.  The tenant, its child, has mapped the first by a capability with
 * which it can grant, and given one for reading back; it was offered a move of the second, and
 * does not take it.  Prints a line "NAME NUMBER" for each, then "ready", and stays until its
 * standard input ends.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tract/tract.h>

#define KIB ((size_t)1024)
#define ID(token) ((unsigned long long)((token) & ((UINT64_C(1) << 48) - 1)))

static void must(int r, const char *what)
{
	if (r == 0)
		return;
	(void)fprintf(stderr, "governed: %s: %d, %s\n", what, r, tract_reason());
	exit(1);
}

static void tell(const char *name, uint64_t number)
{
	printf("%s %llu\n", name, (unsigned long long)number);
	(void)fflush(stdout);
}

static void give(int fd, uint64_t number)
{
	if (write(fd, &number, sizeof(number)) != sizeof(number))
		exit(1);
}

static uint64_t get(int fd)
{
	uint64_t number;

	if (read(fd, &number, sizeof(number)) != sizeof(number))
		exit(1);
	return number;
}

/* Until the other end is closed. */
static void stay(int fd)
{
	char byte;

	while (read(fd, &byte, 1) > 0)
		;
}

/* ---- the tenant ------------------------------------------------------------------------- */

static int tenant(int from, int to)
{
	struct tract_shared *shared;
	struct tract *ctx;
	uint64_t own, token, owner, back;
	void *at = NULL;

	must(tract_open(NULL, &ctx), "open");
	must(tract_process(ctx, &own), "process");
	give(to, own);
	token = get(from);
	owner = get(from);
	must(tract_cap_map(ctx, token, true, &at, TRACT_PERMIT_READ_WRITE, &shared), "map");
	must(tract_cap_derive(ctx, token, TRACT_CAP_READ | TRACT_CAP_MAP, owner, &back),
	     "derive");
	give(to, back);
	give(to, (uintptr_t)at);
	stay(from);
	tract_shared_close(shared);
	tract_close(ctx);
	return 0;
}

/* ---- the owner -------------------------------------------------------------------------- */

static struct tract_shared *create(struct tract *ctx, size_t size, uint32_t ceiling)
{
	const struct tract_shared_spec spec = { .size = size,
						.ceiling = ceiling,
						.numa_node = TRACT_NODE_ANY };
	struct tract_shared *shared;

	must(tract_shared_create(ctx, &spec, &shared), "create");
	return shared;
}

static void owner(struct tract *ctx, int from, int to)
{
	struct tract_shared *first = create(ctx, 64 * KIB, TRACT_PERMIT_READ_WRITE);
	struct tract_shared *second = create(ctx, 4 * KIB, TRACT_PERMIT_READ);
	struct tract_transfer move;
	uint64_t own, root, token, other = get(from);
	char *at = NULL;

	must(tract_process(ctx, &own), "process");
	must(tract_shared_map(first, (void **)&at, TRACT_PERMIT_READ_WRITE), "map");
	at[0] = 1;
	must(tract_cap_root(first, &root), "root");
	must(tract_cap_derive(ctx, root,
			      TRACT_CAP_READ | TRACT_CAP_WRITE | TRACT_CAP_GRANT |
				      TRACT_CAP_MAP,
			      other, &token),
	     "derive");
	give(to, token);
	give(to, own);
	tell("owner", own);
	tell("tenant", other);
	tell("first", tract_shared_number(first));
	tell("second", tract_shared_number(second));
	tell("root", ID(root));
	tell("given", ID(token));
	tell("back", ID(get(from)));
	tell("there", get(from));
	tell("here", (uintptr_t)at);
	must(tract_offer(second, other, TRACT_OFFER_MOVE, TRACT_FORCE_ASK, &move), "offer");
	tell("move", ID(move.token));
	puts("ready");
	(void)fflush(stdout);
	stay(STDIN_FILENO);
	/* The tenant has this copy of it as its last. */
	(void)close(to);
	tract_shared_close(first);
	tract_shared_close(second);
}

int main(void)
{
	int forth[2], back[2], status;
	struct tract *ctx;
	pid_t pid;

	if (pipe(forth) != 0 || pipe(back) != 0)
		return 1;
	pid = fork();
	if (pid == 0) {
		(void)close(forth[1]);
		(void)close(back[0]);
		return tenant(forth[0], back[1]);
	}
	(void)close(forth[0]);
	(void)close(back[1]);
	must(tract_open(NULL, &ctx), "open");
	tell("child", (uint64_t)pid);
	owner(ctx, back[0], forth[1]);
	tract_close(ctx);
	return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : 1;
}
