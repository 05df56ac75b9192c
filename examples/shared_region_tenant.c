/* SPDX-License-Identifier: MIT */
/*
 * shared_region_tenant.c - memory that was lent, and is taken back without the tenant's help
 *
 * cc shared_region_tenant.c $(pkg-config --cflags --libs shared-region) && ./a.out
 *
 * The landlord lends a region by a capability that it derived, and ends the lease with a fence.
 * The tenant does not unmap, does not answer, and is not asked: it is left with an empty object
 * of the same size, while the landlord goes on with its content at the same address.
 */
#include <shared_region.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* What processes tell each other here; any other way would do. */
struct channel {
	int ends[2];
};

/* Goes on if a call succeeded; else says why it did not, and ends the process. */
static void must(int code, const char *what)
{
	if (code == 0)
		return;
	(void)fprintf(stderr, "%s: %s\n", what, shared_region_strerror(code));
	exit(EXIT_FAILURE);
}

static void tell(const struct channel *c, uint64_t value)
{
	if (write(c->ends[1], &value, sizeof(value)) != (ssize_t)sizeof(value))
		exit(EXIT_FAILURE);
}

static uint64_t hear(const struct channel *c)
{
	uint64_t value;

	if (read(c->ends[0], &value, sizeof(value)) != (ssize_t)sizeof(value))
		exit(EXIT_FAILURE);
	return value;
}

static void be_tenant(const struct channel *up, const struct channel *down)
{
	struct shared_region_notice notice;
	shared_region_client *client;
	shared_region_cap lease;
	shared_region *region;
	size_t count;
	void *at;

	must(shared_region_attach(NULL, 0, &client), "attach");
	tell(up, shared_region_self(client));
	lease = hear(down);
	must(shared_region_cap_map(client, lease, NULL, SHARED_REGION_WRITE, &region, &at),
	     "move in");
	printf("tenant: \"%s\"\n", (char *)at);
	(void)fflush(stdout);
	tell(up, 0);

	/* Until the landlord lets it go on. */
	(void)raise(SIGSTOP);
	must(shared_region_notices_drain(client, &notice, 1, &count, NULL), "notices");
	printf("tenant: %zu notice, and the lease is \"%s\"\n", count,
	       shared_region_strerror(shared_region_cap_check(client, lease, 0)));
	shared_region_release(region);
	shared_region_detach(client);
}

static void be_landlord(shared_region_client *client, pid_t child, const struct channel *up,
			const struct channel *down)
{
	const shared_region_rights rights =
		SHARED_REGION_RIGHT_READ | SHARED_REGION_RIGHT_WRITE | SHARED_REGION_RIGHT_MAP;
	shared_region_pid self = shared_region_self(client), tenant = hear(up);
	shared_region_cap root, lease;
	shared_region *region;
	uint32_t ended;
	int status;
	void *at;

	must(shared_region_new(client, self, 4096, SHARED_REGION_WRITE, &region), "new");
	must(shared_region_map(region, self, NULL, SHARED_REGION_WRITE, &at), "map");
	(void)strcpy(at, "welcome");

	/* A capability with an id of its own, which can be ended by itself. */
	must(shared_region_root_capability(region, &root), "root");
	must(shared_region_cap_derive(client, root, rights, tenant, &lease), "lend");
	tell(down, lease);
	(void)hear(up);
	(void)waitpid(child, &status, WUNTRACED);

	must(shared_region_cap_revoke(client, lease, SHARED_REGION_FENCE, &ended), "revoke");
	(void)strcpy(at, "the tenant does not read this");
	printf("landlord: %u lease ended; \"%s\"\n", (unsigned)ended, (char *)at);
	(void)fflush(stdout);
	(void)kill(child, SIGCONT);
	shared_region_release(region);
}

int main(void)
{
	shared_region_client *client;
	struct channel up, down;
	int status = 1;
	pid_t child;

	if (pipe(up.ends) < 0 || pipe(down.ends) < 0)
		return EXIT_FAILURE;
	child = fork();
	if (child == 0) {
		be_tenant(&up, &down);
		return EXIT_SUCCESS;
	}
	must(shared_region_attach(NULL, 0, &client), "attach");
	be_landlord(client, child, &up, &down);
	(void)waitpid(child, &status, 0);
	shared_region_detach(client);
	return status == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
