/* SPDX-License-Identifier: MIT */
/* ours.c - a segment exported, imported and mapped through RSMAPI */
#include <rsmapi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "talk.h"

#define BYTES ((size_t)1 << 20)

static rsmapi_controller_handle_t controller;
static rsm_memseg_export_handle_t export;
static rsm_memseg_import_handle_t import;
static rsmapi_barrier_t barrier;

static const char *word_for(int r)
{
	static char other[32];

	switch (r) {
	case RSM_SUCCESS:
		return "success";
	case RSMERR_CONN_ABORTED:
		return "RSMERR_CONN_ABORTED";
	case RSMERR_BARRIER_FAILURE:
		return "RSMERR_BARRIER_FAILURE";
	default:
		(void)snprintf(other, sizeof(other), "error %d", r);
		return other;
	}
}

static int offer(uint64_t *memory, rsm_memseg_id_t *ret_id)
{
	int r = rsm_memseg_export_create(controller, &export, memory, BYTES, 0);

	*ret_id = 0;
	return r == RSM_SUCCESS ? rsm_memseg_export_publish(export, ret_id, NULL, 0) : r;
}

static void own(const struct talk *talk)
{
	uint64_t *memory =
		mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char line[TALK_LINE];
	rsm_memseg_id_t id;
	int r;

	for (;;) {
		talk_next(talk, line);
		if (talk_is(line, "offer")) {
			r = offer(memory, &id);
			if (r == RSM_SUCCESS)
				talk_say(talk, "info %u", id);
			else
				talk_say(talk, "told %s", word_for(r));
		} else if (talk_is(line, "revoke")) {
			talk_say(talk, "told %s",
				 word_for(rsm_memseg_export_unpublish(export)));
		} else if (talk_is(line, "peek")) {
			talk_say(talk, "told %lu", *(volatile uint64_t *)memory);
		}
	}
}

static int connect_to(rsm_memseg_id_t id)
{
	rsm_topology_t *topology;
	void *p = NULL;
	int r = rsm_get_interconnect_topology(&topology);

	if (r == RSM_SUCCESS) {
		r = rsm_memseg_import_connect(controller, topology->topology_hdr.local_nodeid,
					      id, RSM_PERM_RDWR, &import);
		rsm_free_interconnect_topology(topology);
	}
	if (r == RSM_SUCCESS)
		r = rsm_memseg_import_map(import, &p, RSM_MAP_NONE, RSM_PERM_RDWR, 0, BYTES);
	if (r == RSM_SUCCESS)
		r = rsm_memseg_import_init_barrier(import, RSM_BARRIER_SEGMENT, &barrier);
	return r;
}

static void take(const struct talk *talk)
{
	char line[TALK_LINE];
	uint64_t word;
	int r = RSM_SUCCESS;

	for (;;) {
		talk_next(talk, line);
		if (talk_is(line, "connect")) {
			r = connect_to((rsm_memseg_id_t)strtoul(talk_argument(line), NULL, 10));
		} else if (talk_is(line, "put")) {
			word = strtoul(talk_argument(line), NULL, 10);
			r = rsm_memseg_import_put64(import, 0, &word, 1);
		}
		talk_say(talk, "told %s", word_for(r));
	}
}

int main(int argc, char **argv)
{
	struct talk talk;
	char loopback[] = "loopback";

	talk_open(&talk, argc == 2 && strcmp(argv[1], "owner") == 0);
	if (rsm_get_controller(loopback, &controller) != RSM_SUCCESS)
		return 1;
	if (talk.owner)
		own(&talk);
	else
		take(&talk);
}
