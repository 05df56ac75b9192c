/* SPDX-License-Identifier: MIT */
/*
 * row_rebind.c - other memory behind a segment that is imported and mapped
 *
 * From one region to another, so that nothing has to be copied: a small pair and a large pair.
 * Regions are the native interface's, and so is the export made of them.
 * The exporter takes the times, for rebind is its call; the importer has all of it mapped and
 * one page of it touched.
 */
#include <string.h>
#include <sys/mman.h>
#include <tract/segment.h>

#include "harness.h"
#include "rows.h"
#include "rsm.h"

enum { ORDER_REBIND = 1, ORDER_END = 2 };

static const struct size {
	const char *name;
	size_t bytes;
} sizes[] = {
	{ "256 MiB", (size_t)256 << 20 },
	{ "1 MiB", (size_t)1 << 20 },
};

#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

/* Two regions that take turns behind one segment. */
struct swap {
	void *memory[2];
	unsigned bound;
	size_t bytes;
	struct tract_export *export;	   /* the owner's */
	rsm_memseg_import_handle_t import; /* the measurer's */
};

static int attach_region(struct tract *ctx, size_t bytes, void **ret)
{
	const struct tract_region_spec spec = { .size = bytes };
	struct tract_region *region;
	int r = tract_region_create(ctx, &spec, &region);

	if (r < 0)
		return r;
	r = tract_attach(region, ret, bytes, 0, TRACT_RIGHT_READ_WRITE, 0);
	tract_region_close(region);
	if (r == 0)
		memset(*ret, 1, bytes);
	return r;
}

static uint32_t offer(struct tract *ctx, struct swap *swap)
{
	uint32_t id = 0;

	if (attach_region(ctx, swap->bytes, &swap->memory[0]) < 0 ||
	    attach_region(ctx, swap->bytes, &swap->memory[1]) < 0 ||
	    tract_export_create(ctx, swap->memory[0], swap->bytes, TRACT_EXPORT_REBIND,
				&swap->export) < 0 ||
	    tract_export_publish(swap->export, &id, NULL, 0) < 0)
		return 0;
	return id;
}

static int import_it(rsm_memseg_id_t id, struct swap *swap)
{
	rsmapi_controller_handle_t controller;
	rsm_node_id_t node;
	void *p = NULL;

	if (id == 0 || rsm_start(&controller, &node) < 0 ||
	    rsm_memseg_import_connect(controller, node, id, RSM_PERM_RDWR, &swap->import) !=
		    RSM_SUCCESS ||
	    rsm_memseg_import_map(swap->import, &p, RSM_MAP_NONE, RSM_PERM_RDWR, 0,
				  swap->bytes) != RSM_SUCCESS)
		return -1;
	*(volatile char *)p = 1;
	return 0;
}

static int open_swap(const struct pair *pair, struct tract *ctx, struct swap *swap)
{
	rsm_memseg_id_t id = 0;

	if (pair->role == PAIR_OWNER) {
		id = offer(ctx, swap);
		pair_send(pair, &id, sizeof(id));
		return pair_agree(pair, id != 0 ? 0 : -1);
	}
	pair_recv(pair, &id, sizeof(id));
	return pair_agree(pair, import_it(id, swap));
}

static double rebind(struct swap *swap, size_t times)
{
	double start = clock_ns();

	for (size_t n = 0; n < times; n++) {
		swap->bound ^= 1;
		if (tract_export_rebind(swap->export, swap->memory[swap->bound], swap->bytes) <
		    0)
			return -1;
	}
	return clock_ns() - start;
}

static void carry_out(const struct pair *pair, struct swap *swaps)
{
	for (;;) {
		struct pair_order order = pair_next(pair);
		double taken;

		if (order.what != ORDER_REBIND)
			return;
		taken = rebind(&swaps[order.which], order.times);
		pair_send(pair, &taken, sizeof(taken));
	}
}

struct turn {
	const struct pair *pair;
	uint32_t which;
};

static double run_rebind(void *arg, size_t times)
{
	const struct turn *turn = arg;
	double taken;

	pair_order(turn->pair, ORDER_REBIND, turn->which, times);
	pair_recv(turn->pair, &taken, sizeof(taken));
	return taken;
}

static void close_swap(const struct pair *pair, struct swap *swap)
{
	if (pair->role == PAIR_MEASURER) {
		(void)rsm_memseg_import_unmap(swap->import);
		(void)rsm_memseg_import_disconnect(swap->import);
	}
	pair_meet(pair);
	if (pair->role == PAIR_OWNER) {
		(void)tract_export_destroy(swap->export);
		(void)tract_detach(swap->memory[0]);
		(void)tract_detach(swap->memory[1]);
	}
}

void row_rebind(const struct pair *pair)
{
	const struct race race = { .rounds = 60, .batch_ns = 2e6 };
	struct swap swaps[SIZES] = { { .bytes = sizes[0].bytes }, { .bytes = sizes[1].bytes } };
	struct turn turns[SIZES] = { { pair, 0 }, { pair, 1 } };
	struct contender contenders[SIZES];
	struct tract *ctx = NULL;
	size_t open = 0;

	if (pair->role == PAIR_OWNER)
		(void)tract_open(NULL, &ctx);
	for (; open < SIZES; open++) {
		contenders[open] =
			(struct contender){ sizes[open].name, run_rebind, &turns[open] };
		if (open_swap(pair, ctx, &swaps[open]) < 0)
			break;
	}
	if (open < SIZES)
		report_note("rebind", "the library did not open the segments");
	else if (pair->role == PAIR_OWNER)
		carry_out(pair, swaps);
	else
		race_report("rebind", contenders, SIZES, &race);
	if (pair->role == PAIR_MEASURER && open == SIZES)
		pair_order(pair, ORDER_END, 0, 0);
	while (open > 0)
		close_swap(pair, &swaps[--open]);
	tract_close(ctx);
}
