/* SPDX-License-Identifier: MIT */
/*
 * far_memory.c - what an importing process costs: itself, and the broker that serves it
 */
#include "far.h"
#include "memory.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* What it is told: where, and what to import. */
struct order {
	char directory[64];
	uint32_t id;
};

/* Takes one order, imports and puts once, and stays until the conversation ends. */
static void import_for(int sock)
{
	struct tract_import *import;
	struct tract_barrier barrier;
	struct order order;
	struct tract *ctx;
	uint64_t word = 1;

	if (read(sock, &order, sizeof(order)) != sizeof(order))
		_exit(0);
	far_check(tract_open(order.directory, &ctx), "open");
	/* What it has without another node does not count. */
	far_check(tract_reconnect(ctx), "reach the broker");
	if (write(sock, "r", 1) != 1 || read(sock, &word, 1) != 1)
		_exit(1);
	far_check(tract_import_connect(ctx, 2, order.id, FAR_RW, &import), "connect");
	far_check(tract_barrier_init(import, &barrier), "barrier");
	far_check(tract_import_put64(import, 0, &word, 1), "put");
	if (write(sock, "i", 1) != 1)
		_exit(1);
	(void)!read(sock, &word, 1);
	far_check(tract_import_close(import), "close");
	_exit(0);
}

void far_importers_start(struct far_bench *far)
{
	int ends[2];

	for (unsigned i = 0; i < FAR_IMPORTERS; i++) {
		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
			die("no socket for an importer");
		far->importers[i].sock = ends[0];
		far->importers[i].pid = fork();
		if (far->importers[i].pid < 0)
			die("cannot fork");
		if (far->importers[i].pid == 0) {
			(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
			/* Nobody else's end is kept open here. */
			for (unsigned k = 0; k <= i; k++)
				(void)close(far->importers[k].sock);
			import_for(ends[1]);
		}
		(void)close(ends[1]);
	}
}

static void await(const struct far_bench *far, unsigned i, char state)
{
	char c;

	if (read(far->importers[i].sock, &c, 1) != 1 || c != state)
		die("an importer has ended");
}

void far_row_memory(struct far_bench *far)
{
	double own[FAR_IMPORTERS], broker;
	struct order order = { .id = far->id };

	(void)strcpy(order.directory, far->directory[0]);
	for (unsigned i = 0; i < FAR_IMPORTERS; i++) {
		if (write(far->importers[i].sock, &order, sizeof(order)) != sizeof(order))
			die("an importer has ended");
		await(far, i, 'r');
		own[i] = memory_of_process(far->importers[i].pid);
	}
	broker = memory_of_broker(far->directory[1]);
	for (unsigned i = 0; i < FAR_IMPORTERS; i++) {
		if (write(far->importers[i].sock, "i", 1) != 1)
			die("an importer has ended");
		await(far, i, 'i');
		own[i] = memory_of_process(far->importers[i].pid) - own[i];
	}
	report_value("far-memory", "importer", spread_of(own, FAR_IMPORTERS).median);
	report_value("far-memory", "broker",
		     (memory_of_broker(far->directory[1]) - broker) / FAR_IMPORTERS);
	for (unsigned i = 0; i < FAR_IMPORTERS; i++) {
		(void)close(far->importers[i].sock);
		(void)waitpid(far->importers[i].pid, NULL, 0);
	}
}
