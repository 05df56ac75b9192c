/* SPDX-License-Identifier: MIT */
/* victim_main.c - the program that victim.h describes */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <unistd.h>

#include "harness.h"
#include "rsm.h"
#include "victim.h"

static int export_and_wait(size_t bytes)
{
	struct rsm_offer offer;

	if (rsm_offer_make(bytes, 0, &offer) < 0)
		return 1;
	(void)printf("%u\n", offer.id);
	(void)fflush(stdout);
	for (;;)
		(void)pause();
}

static int post_under_eyes(rsm_node_id_t node, rsm_memseg_id_t id)
{
	rsmapi_controller_handle_t controller;
	rsm_memseg_import_handle_t import;
	rsm_node_id_t own;

	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
		return 1;
	(void)raise(SIGSTOP);
	if (rsm_start(&controller, &own) < 0 ||
	    rsm_memseg_import_connect(controller, node, id, RSM_PERM_RDWR, &import) !=
		    RSM_SUCCESS)
		return 1;
	/* The first post fetches what posts are made on; it may ask the broker. */
	if (rsm_intr_signal_post(import, 0) != RSM_SUCCESS)
		return 1;
	(void)getppid();
	for (int n = 0; n < VICTIM_POSTS; n++)
		if (rsm_intr_signal_post(import, 0) != RSM_SUCCESS)
			return 1;
	(void)getppid();
	(void)rsm_memseg_import_disconnect(import);
	return 0;
}

/* The parent is pinned; whoever is to die runs wherever there is room. */
static void unpin(void)
{
	cpu_set_t all;

	memset(&all, 0xff, sizeof(all));
	(void)sched_setaffinity(0, sizeof(all), &all);
}

int main(int argc, char **argv)
{
	unpin();
	if (argc == 3 && strcmp(argv[1], "export") == 0)
		return export_and_wait(strtoul(argv[2], NULL, 10));
	if (argc == 4 && strcmp(argv[1], "post") == 0)
		return post_under_eyes((rsm_node_id_t)strtoul(argv[2], NULL, 10),
				       (rsm_memseg_id_t)strtoul(argv[3], NULL, 10));
	(void)fprintf(stderr, "usage: bench-victim export BYTES | post NODE ID\n");
	return 2;
}
