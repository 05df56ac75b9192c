/* SPDX-License-Identifier: MIT */
#include "nodes.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <tract/context.h>
#include <tract/segment.h>

#include "../system/cluster.h"

#define LONG_MS 15000

/* In the runner, and so in all that it forks. */
static struct cluster cluster;

bool nodes_are_two(void)
{
	const char *text = getenv("TRACT_TEST_NODES");

	return text && strcmp(text, "2") == 0;
}

const char *nodes_controller(void)
{
	return cluster_controller();
}

static void nodes_up(void)
{
	/* The default's time for an answer: here nobody is to be lost. */
	cluster_make(&cluster, 2, true, "[link]\npeer-timeout-ms = 5000\n");
	/* For all users, if the test lets them into its own directory. */
	for (unsigned i = 0; i < cluster.count; i++)
		EXPECT_EQ(chmod(cluster.node[i].directory, 0755), 0);
	cluster_start_all(&cluster);
	EXPECT_WITHIN(LONG_MS, cluster_all_up(&cluster));
	EXPECT_EQ(setenv("TRACT_DIR", cluster.node[0].directory, 1), 0);
}

static void nodes_down(void)
{
	cluster_end(&cluster);
}

__attribute__((constructor)) static void nodes_announce(void)
{
	if (nodes_are_two())
		test_surround(nodes_up, nodes_down);
}

/* ---- in the place of the library's, for the face as well --------------------------------- */

typedef int connect_fn(struct tract *ctx, const char *controller, uint32_t node, uint32_t id,
		       uint32_t rights, struct tract_import **ret_import);
typedef int map_fn(struct tract_import *import, void **addr, uint32_t flags, uint32_t rights,
		   off_t offset, size_t length);

/* @ret_real: a pointer to a function. */
static void find_real(const char *name, void *ret_real)
{
	void *symbol = dlsym(RTLD_NEXT, name);

	EXPECT(symbol != NULL);
	memcpy(ret_real, &symbol, sizeof(symbol));
}

/* Nothing is kept open: what is imported holds its broker by itself. */
int tract_import_connect_through(struct tract *ctx, const char *controller, uint32_t node,
				 uint32_t id, uint32_t rights, struct tract_import **ret_import)
{
	struct tract *importing;
	connect_fn *real;
	int r;

	find_real("tract_import_connect_through", &real);
	if (!nodes_are_two())
		return real(ctx, controller, node, id, rights, ret_import);
	r = tract_open(cluster.node[1].directory, &importing);
	if (r < 0)
		return r;
	r = real(importing, controller, node, id, rights, ret_import);
	tract_close(importing);
	return r;
}

int tract_import_map(struct tract_import *import, void **addr, uint32_t flags, uint32_t rights,
		     off_t offset, size_t length)
{
	map_fn *real;
	int r;

	find_real("tract_import_map", &real);
	r = real(import, addr, flags, rights, offset, length);
	if (r == -EOPNOTSUPP)
		SKIP("this kernel maps no memory of another node");
	return r;
}
