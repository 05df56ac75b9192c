/* SPDX-License-Identifier: MIT */
/*
 * rsm.h - RSMAPI with names for its codes, and the few lines every user of it writes
 */
#ifndef DEMO_RSM_H
#define DEMO_RSM_H

#include <rsmapi.h>
#include <stdbool.h>
#include <stdint.h>

/* As "RSMERR_CONN_ABORTED". */
const char *rsm_name(int status);

/* Ends the demo unless @status is RSM_SUCCESS. */
void must(int status, const char *doing);

/*
 * How this process meets the other ends of segments: by a controller, and on which node they
 * are.  That is all in this program that depends on whether it is the same node or another.
 */
void rsm_use(const char *controller, rsm_node_id_t other);
/* Opened once per process. */
rsmapi_controller_handle_t controller(void);
rsm_node_id_t other_node(void);
rsm_node_id_t local_node(void);

/* Fresh zeroed private pages, as malloc() or mmap() would give them to any program. */
void *pages_new(size_t size);

/* Exports and publishes @size bytes at @memory to this user's processes on the other node. */
rsm_memseg_export_handle_t export_memory(void *memory, size_t size, uint_t flags,
					 rsm_memseg_id_t *ret_id);

/* An import: connected, with a barrier, and, if it was mapped, an address. */
struct import {
	rsm_memseg_import_handle_t handle;
	rsmapi_barrier_t barrier;
	void *address;
};

void import_connect(struct import *import, uint32_t segment, rsm_permission_t permission);
/* Maps the whole segment, for which accesses are bracketed by the program's own barriers. */
void import_map(struct import *import, size_t size, rsm_permission_t permission);
void import_close(struct import *import);

#endif
