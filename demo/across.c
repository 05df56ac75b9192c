/* SPDX-License-Identifier: MIT */
/*
 * across.c - two nodes, and the link between them
 */
#include "stage.h"

#include <sys/mman.h>
#include <unistd.h>

#include "leftovers.h"
#include "story.h"

/* So that this process has all the connections to its broker that it keeps. */
static void use_once(void)
{
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	void *memory = pages_new(size);
	rsm_memseg_id_t id;

	must(rsm_memseg_export_destroy(export_memory(memory, size, 0, &id)), "destroy it");
	(void)munmap(memory, size);
}

void stage_link(struct stage *stage)
{
	const struct cluster *cluster = stage->cluster;
	uint64_t begin = now_ns();
	char why[256];
	bool up;

	story_step("Two nodes, and a link between them");
	for (unsigned i = 0; i < CLUSTER_NODES; i++)
		story_text("node %u is %s, with a tract.conf and a broker on 127.0.0.1:%u",
			   i + 1, cluster->node[i].dir, cluster->node[i].port);
	node_start(cluster->node[1].dir);
	up = node_await_link(cluster->node[0].dir, 2, why, sizeof(why)) &&
	     node_await_link(cluster->node[1].dir, 1, why, sizeof(why));
	story_check_timed(up, now_ns() - begin,
			  "the brokers, which have the same key, have found each other%s%s",
			  up ? "" : ": ", up ? "" : why);
	if (!up)
		story_fail("without a link there is nothing more to show");
	use_once();
	stage->descriptors = leftovers_processes(cluster->dir).descriptors;
}
