/* SPDX-License-Identifier: MIT */
/*
 * shared_region_producer.c - buffers that go from hand to hand, and are never copied
 *
 * cc shared_region_producer.c $(pkg-config --cflags --libs shared-region) && ./a.out
 *
 * The producer makes a region, fills it and moves it to the consumer: from then on it is the
 * consumer's alone, and the producer could not spoil it if it wanted to touch it again.  How
 * many bytes were copied for that is in the report.
 */
#include <shared_region.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define BUFFERS 3
#define SIZE (1 << 20)
#define TEN_SECONDS 10000

/* Goes on if a call succeeded; else says why it did not, and ends the process. */
static void must(int code, const char *what)
{
	if (code == 0)
		return;
	(void)fprintf(stderr, "%s: %s\n", what, shared_region_strerror(code));
	exit(EXIT_FAILURE);
}

static void produce(shared_region_client *client, shared_region_pid consumer, int number)
{
	struct shared_region_transfer_report report;
	shared_region_pid self = shared_region_self(client);
	shared_region *buffer;
	void *at;

	must(shared_region_new(client, self, SIZE, SHARED_REGION_WRITE, &buffer), "new");
	must(shared_region_map(buffer, self, NULL, SHARED_REGION_WRITE, &at), "map");
	(void)memset(at, 'a' + number, SIZE);

	/* Returns when the consumer has it.  What was at @at is not there any more. */
	must(shared_region_transfer(buffer, consumer, SHARED_REGION_MOVE, SHARED_REGION_ASK,
				    TEN_SECONDS, &report),
	     "move");
	printf("producer: buffer %d moved, %llu bytes copied\n", number,
	       (unsigned long long)report.bytes_copied);
	(void)fflush(stdout);
	shared_region_release(buffer);
}

static void consume(shared_region_client *client)
{
	struct shared_region_offer offer;
	shared_region *buffer;
	void *at;

	must(shared_region_offer_wait(client, TEN_SECONDS, &offer), "wait");
	must(shared_region_accept(client, offer.cap, NULL, SHARED_REGION_WRITE, &buffer, &at),
	     "accept");
	printf("consumer: %zu times '%c'\n", shared_region_size(buffer), *(char *)at);

	/* It is the owner now, so the memory is its own to give back. */
	must(shared_region_unmap(buffer, shared_region_self(client), SHARED_REGION_ASK),
	     "unmap");
	must(shared_region_destroy(buffer), "destroy");
	shared_region_release(buffer);
}

static void be_consumer(int tell)
{
	shared_region_client *client;
	shared_region_pid self;

	must(shared_region_attach(NULL, 0, &client), "attach");
	self = shared_region_self(client);
	if (write(tell, &self, sizeof(self)) != (ssize_t)sizeof(self))
		exit(EXIT_FAILURE);
	for (int i = 0; i < BUFFERS; i++)
		consume(client);
	shared_region_detach(client);
}

int main(void)
{
	shared_region_client *client;
	shared_region_pid consumer;
	int ends[2], status = 1;
	pid_t child;

	if (pipe(ends) < 0)
		return EXIT_FAILURE;
	child = fork();
	if (child == 0) {
		be_consumer(ends[1]);
		return EXIT_SUCCESS;
	}
	must(shared_region_attach(NULL, 0, &client), "attach");
	/* Processes tell each other their numbers however they like. */
	if (read(ends[0], &consumer, sizeof(consumer)) != (ssize_t)sizeof(consumer))
		return EXIT_FAILURE;
	for (int i = 0; i < BUFFERS; i++)
		produce(client, consumer, i);
	shared_region_detach(client);
	(void)waitpid(child, &status, 0);
	return status == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
