/* SPDX-License-Identifier: MIT */
/*
 * shared_region_snapshot.c - a reader that has the state of one moment, while it goes on
 * changing
 *
 * cc shared_region_snapshot.c $(pkg-config --cflags --libs shared-region) && ./a.out
 *
 * The simulation's two counters are equal between steps and differ within one.  A reader of the
 * live memory could see them at any time; a reader of a snapshot sees them as they were when it
 * was made, however long it looks, and may scribble on it.
 */
#include <shared_region.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define TEN_SECONDS 10000

struct world {
	unsigned long left, right;
};

/* Goes on if a call succeeded; else says why it did not, and ends the process. */
static void must(int code, const char *what)
{
	if (code == 0)
		return;
	(void)fprintf(stderr, "%s: %s\n", what, shared_region_strerror(code));
	exit(EXIT_FAILURE);
}

static void step(volatile struct world *world)
{
	world->left++;
	world->right++;
}

static void be_reader(int tell)
{
	struct shared_region_offer offer;
	shared_region_client *client;
	shared_region_pid self;
	shared_region *region;
	struct world *world;
	void *at;

	must(shared_region_attach(NULL, 0, &client), "attach");
	self = shared_region_self(client);
	if (write(tell, &self, sizeof(self)) != (ssize_t)sizeof(self))
		exit(EXIT_FAILURE);

	must(shared_region_offer_wait(client, TEN_SECONDS, &offer), "wait");
	/* To write is allowed: whatever it stores is its own. */
	must(shared_region_accept(client, offer.cap, NULL, SHARED_REGION_WRITE, &region, &at),
	     "accept");
	world = at;
	printf("reader: left %lu, right %lu\n", world->left, world->right);
	if (world->left != world->right)
		exit(EXIT_FAILURE);
	world->left = 0;
	shared_region_release(region);
	shared_region_detach(client);
}

static void simulate(shared_region_client *client, shared_region_pid reader)
{
	struct shared_region_transfer_report report;
	shared_region_pid self = shared_region_self(client);
	shared_region *region;
	struct world *world;
	void *at;

	must(shared_region_new(client, self, sizeof(*world), SHARED_REGION_WRITE, &region),
	     "new");
	must(shared_region_map(region, self, NULL, SHARED_REGION_WRITE, &at), "map");
	world = at;
	for (int i = 0; i < 1000; i++)
		step(world);

	/* Nobody steps in the meantime, so this is a moment between two steps. */
	must(shared_region_transfer(region, reader, SHARED_REGION_COPY_ON_WRITE,
				    SHARED_REGION_ASK, TEN_SECONDS, &report),
	     "snapshot");
	for (int i = 0; i < 1000000; i++)
		step(world);
	printf("simulation: left %lu, right %lu, %llu bytes copied\n", world->left,
	       world->right, (unsigned long long)report.bytes_copied);
	shared_region_release(region);
}

int main(void)
{
	shared_region_client *client;
	shared_region_pid reader;
	int ends[2], status = 1;
	pid_t child;

	if (pipe(ends) < 0)
		return EXIT_FAILURE;
	child = fork();
	if (child == 0) {
		be_reader(ends[1]);
		return EXIT_SUCCESS;
	}
	must(shared_region_attach(NULL, 0, &client), "attach");
	if (read(ends[0], &reader, sizeof(reader)) != (ssize_t)sizeof(reader))
		return EXIT_FAILURE;
	simulate(client, reader);
	(void)waitpid(child, &status, 0);
	shared_region_detach(client);
	return status == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
