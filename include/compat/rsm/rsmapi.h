/* SPDX-License-Identifier: MIT */
/*
 * rsmapi.h - Solaris' Remote Shared Memory API
 *
 * Link with -lrsm.  Every function returns RSM_SUCCESS or one of the RSMERR_ codes; errno is
 * never part of it.  What each function does, and in which order errors are found, is in its
 * manual page.
 */
#ifndef TRACT_RSMAPI_H
#define TRACT_RSMAPI_H

#include <poll.h>

#include <sys/rsm/rsm_common.h>
#include <sys/rsm/rsmapi_common.h>

/* glibc shows these to X/Open programs only. */
#ifndef POLLRDNORM
#define POLLRDNORM 0x040
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef enum { RSM_MAP_NONE = 0x0, RSM_MAP_FIXED = 0x1, RSM_MAP_RESERVED = 0x2 } rsm_attribute_t;
typedef rsm_attribute_t rsm_map_attr_t;

typedef struct rsm_topology_hdr {
	rsm_node_id_t local_nodeid;
	uint_t local_cntlr_count;
} rsm_topology_hdr_t;

typedef struct rsm_connections_hdr {
	char cntlr_name[MAXNAMELEN];
	rsm_addr_t local_hwaddr;
	int remote_cntlr_count;
} rsm_connections_hdr_t;

typedef struct rsm_remote_cntlr {
	rsm_node_id_t remote_nodeid;
	char remote_cntlrname[MAXNAMELEN];
	rsm_addr_t remote_hwaddr;
	uint_t connection_state;
} rsm_remote_cntlr_t;

typedef struct rsm_connection {
	rsm_connections_hdr_t hdr;
	rsm_remote_cntlr_t remote_cntlr[1]; /* hdr.remote_cntlr_count of them */
} rsm_connections_t;

typedef struct rsm_topology {
	rsm_topology_hdr_t topology_hdr;
	rsm_connections_t *connections[1]; /* topology_hdr.local_cntlr_count of them */
} rsm_topology_t;

int rsm_get_controller(char *, rsmapi_controller_handle_t *);
int rsm_get_controller_attr(rsmapi_controller_handle_t,
    rsmapi_controller_attr_t *);
int rsm_release_controller(rsmapi_controller_handle_t);

int  rsm_get_interconnect_topology(rsm_topology_t **);
void rsm_free_interconnect_topology(rsm_topology_t *);

int rsm_memseg_export_create(rsmapi_controller_handle_t,
    rsm_memseg_export_handle_t *, void *, size_t, uint_t);
int rsm_memseg_export_destroy(rsm_memseg_export_handle_t);
int rsm_memseg_export_rebind(rsm_memseg_export_handle_t, void *, offset_t,
    size_t);
int rsm_memseg_export_publish(rsm_memseg_export_handle_t, rsm_memseg_id_t *,
    rsmapi_access_entry_t [], uint_t);
int rsm_memseg_export_unpublish(rsm_memseg_export_handle_t);
int rsm_memseg_export_republish(rsm_memseg_export_handle_t,
    rsmapi_access_entry_t [], uint_t);

int rsm_memseg_import_connect(rsmapi_controller_handle_t, rsm_node_id_t,
    rsm_memseg_id_t, rsm_permission_t, rsm_memseg_import_handle_t *);
int rsm_memseg_import_disconnect(rsm_memseg_import_handle_t);

int rsm_memseg_import_get8(rsm_memseg_import_handle_t, off_t, uint8_t *,
    ulong_t);
int rsm_memseg_import_get16(rsm_memseg_import_handle_t, off_t, uint16_t *,
    ulong_t);
int rsm_memseg_import_get32(rsm_memseg_import_handle_t, off_t, uint32_t *,
    ulong_t);
int rsm_memseg_import_get64(rsm_memseg_import_handle_t, off_t, uint64_t *,
    ulong_t);
int rsm_memseg_import_get(rsm_memseg_import_handle_t, off_t, void *, size_t);
int rsm_memseg_import_getv(rsm_scat_gath_t *);
int rsm_memseg_import_put8(rsm_memseg_import_handle_t, off_t, uint8_t *,
    ulong_t);
int rsm_memseg_import_put16(rsm_memseg_import_handle_t, off_t, uint16_t *,
    ulong_t);
int rsm_memseg_import_put32(rsm_memseg_import_handle_t, off_t, uint32_t *,
    ulong_t);
int rsm_memseg_import_put64(rsm_memseg_import_handle_t, off_t, uint64_t *,
    ulong_t);
int rsm_memseg_import_put(rsm_memseg_import_handle_t, off_t, void *, size_t);
int rsm_memseg_import_putv(rsm_scat_gath_t *);

int rsm_memseg_import_map(rsm_memseg_import_handle_t, void **,
    rsm_attribute_t, rsm_permission_t, off_t, size_t);
int rsm_memseg_import_unmap(rsm_memseg_import_handle_t);

int rsm_memseg_import_init_barrier(rsm_memseg_import_handle_t,
    rsm_barrier_type_t, rsmapi_barrier_t *);
int rsm_memseg_import_open_barrier(rsmapi_barrier_t *);
int rsm_memseg_import_close_barrier(rsmapi_barrier_t *);
int rsm_memseg_import_order_barrier(rsmapi_barrier_t *);
int rsm_memseg_import_destroy_barrier(rsmapi_barrier_t *);
int rsm_memseg_import_get_mode(rsm_memseg_import_handle_t,
    rsm_barrier_mode_t *);
int rsm_memseg_import_set_mode(rsm_memseg_import_handle_t,
    rsm_barrier_mode_t);

int rsm_intr_signal_post(void *, uint_t);
int rsm_intr_signal_wait(void *, int);
int rsm_intr_signal_wait_pollfd(struct pollfd [], nfds_t, int, int *);
int rsm_memseg_get_pollfd(void *, struct pollfd *);
int rsm_memseg_release_pollfd(void *);

int rsm_create_localmemory_handle(rsmapi_controller_handle_t,
    rsm_localmemory_handle_t *, caddr_t, size_t);
int rsm_free_localmemory_handle(rsmapi_controller_handle_t,
    rsm_localmemory_handle_t);

int rsm_get_segmentid_range(const char *, rsm_memseg_id_t *, uint32_t *);

#ifdef __cplusplus
}
#endif

#endif
