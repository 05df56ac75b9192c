/* SPDX-License-Identifier: MIT */
/*
 * main.c - one run of the bench: floors, rows, floors again
 *
 * bench-pair all|small SOCKET RESULTS   where the two meet, and where the lines go
 */
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "floor.h"
#include "harness.h"
#include "launch.h"
#include "pair.h"
#include "rows.h"
#include "rsm.h"

struct row {
	const char *name;
	void (*run)(const struct pair *pair);
};

static const struct row rows_all[] = {
	{ "moving bytes", row_move },
	{ "connecting", row_connect },
	{ "signals", row_signal },
	{ "exporting", row_export },
	{ "rebinding", row_rebind },
	{ "death", row_death },
	{ NULL, NULL },
};

static const struct row rows_small[] = {
	{ "small puts", row_move_small },
	{ NULL, NULL },
};

static void say(const struct pair *pair, const char *what)
{
	if (pair->role == PAIR_MEASURER)
		(void)fprintf(stderr, "measuring: %s\n", what);
}

/* The broker is started by the first call that needs it; here, so that no row pays for it. */
static void wake_broker(const struct pair *pair)
{
	rsmapi_controller_handle_t controller;
	rsm_node_id_t node;
	struct rsm_offer offer;

	if (pair->role == PAIR_OWNER && rsm_start(&controller, &node) == 0 &&
	    rsm_offer_make((size_t)1 << 16, 0, &offer) == 0) {
		(void)rsm_pin_broker(pair);
		rsm_offer_end(&offer);
	}
	pair_meet(pair);
}

static const char *folder_of_this(void)
{
	static char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	return n > 0 ? dirname(path) : ".";
}

int main(int argc, char **argv)
{
	enum pair_role role = launch_start(&argc, &argv);
	const struct row *rows;
	struct pair pair;

	if (argc != 4)
		die("usage: bench-pair all|small SOCKET RESULTS");
	rows = strcmp(argv[1], "small") == 0 ? rows_small : rows_all;
	pair_open(&pair, role, argv[2], folder_of_this());
	if (role == PAIR_MEASURER)
		report_open(argv[3]);
	wake_broker(&pair);
	say(&pair, "the floor, before");
	floors_measure(&pair, "start");
	for (; rows->run; rows++) {
		say(&pair, rows->name);
		rows->run(&pair);
	}
	say(&pair, "the floor, after");
	floors_measure(&pair, "end");
	if (role == PAIR_MEASURER)
		report_value("run", "cpus", pair.cpus);
	pair_meet(&pair);
	launch_finish();
}
