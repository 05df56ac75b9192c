/* SPDX-License-Identifier: MIT */
/*
 * row_death.c - the exporter is killed; when does its importer know?
 *
 * The clock starts when the kernel says that the process is gone, which is after it has let go
 * of its memory, and stops when the first put is refused.  One loop asks both questions in
 * turn, so a difference smaller than one turn, about a microsecond, is none; the importer may
 * know first, for the broker hears the connection end before the process has ended.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "harness.h"
#include "rows.h"
#include "rsm.h"
#include "victim.h"

#define DEATHS 60u
#define DEATH_BYTES "1048576"
#define GIVE_UP_NS 2e9

static bool is_gone(const struct victim *victim)
{
	struct pollfd poll_for = { .fd = victim->pidfd, .events = POLLIN };

	return poll(&poll_for, 1, 0) == 1;
}

/* Nanoseconds from gone to known; negative if it was known before.  GIVE_UP_NS: never. */
static double kill_and_watch(const struct victim *victim, rsm_memseg_import_handle_t import)
{
	double gone = 0, known = 0, now;
	double start = clock_ns();
	uint64_t word = 1;

	(void)kill(victim->pid, SIGKILL);
	while (gone == 0 || known == 0) {
		if (known == 0 && rsm_memseg_import_put64(import, 0, &word, 1) != RSM_SUCCESS)
			known = clock_ns();
		if (gone == 0 && is_gone(victim))
			gone = clock_ns();
		now = clock_ns();
		if (now - start > GIVE_UP_NS)
			return GIVE_UP_NS;
	}
	return known - gone;
}

static int read_id(const struct victim *victim, rsm_memseg_id_t *ret)
{
	char line[32] = { 0 };

	if (read(victim->out, line, sizeof(line) - 1) <= 0)
		return -1;
	*ret = (rsm_memseg_id_t)strtoul(line, NULL, 10);
	return *ret != 0 ? 0 : -1;
}

static int watch_one(const struct victim *victim, double *ret)
{
	rsmapi_controller_handle_t controller;
	rsm_memseg_import_handle_t import;
	rsmapi_barrier_t barrier = { 0 };
	rsm_memseg_id_t id;
	rsm_node_id_t node;
	void *p = NULL;
	int r = -1;

	if (read_id(victim, &id) < 0 || rsm_start(&controller, &node) < 0 ||
	    rsm_memseg_import_connect(controller, node, id, RSM_PERM_RDWR, &import) !=
		    RSM_SUCCESS)
		return -1;
	if (rsm_memseg_import_map(import, &p, RSM_MAP_NONE, RSM_PERM_RDWR, 0, 4096) ==
		    RSM_SUCCESS &&
	    rsm_memseg_import_init_barrier(import, RSM_BARRIER_SEGMENT, &barrier) ==
		    RSM_SUCCESS) {
		*ret = kill_and_watch(victim, import);
		r = 0;
		(void)rsm_memseg_import_destroy_barrier(&barrier);
	}
	(void)rsm_memseg_import_unmap(import);
	(void)rsm_memseg_import_disconnect(import);
	return r;
}

static int die_once(const struct pair *pair, double *ret)
{
	char name[] = "bench-victim", verb[] = "export", bytes[] = DEATH_BYTES;
	char *argv[] = { name, verb, bytes, NULL };
	struct victim victim;
	int r;

	if (victim_start(pair, argv, &victim) < 0)
		return -1;
	r = watch_one(&victim, ret);
	(void)kill(victim.pid, SIGKILL);
	victim_end(&victim);
	return r;
}

static void measure(const struct pair *pair)
{
	static double late[DEATHS];
	double worst = 0;

	for (unsigned n = 0; n < DEATHS; n++) {
		if (die_once(pair, &late[n]) < 0) {
			report_note("death", "an exporter could not be started and killed");
			return;
		}
		if (late[n] > worst)
			worst = late[n];
	}
	report_time("death", "tract", spread_of(late, DEATHS));
	report_value("death", "max", worst);
}

void row_death(const struct pair *pair)
{
	if (pair->role == PAIR_MEASURER)
		measure(pair);
	pair_meet(pair);
}
