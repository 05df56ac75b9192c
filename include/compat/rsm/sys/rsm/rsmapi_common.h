/* SPDX-License-Identifier: MIT */
/*
 * rsmapi_common.h - structures and flags of RSMAPI
 */
#ifndef TRACT_SYS_RSM_RSMAPI_COMMON_H
#define TRACT_SYS_RSM_RSMAPI_COMMON_H

#include <sys/rsm/rsm_common.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The generation of the interface; not checked at run time. */
#define RSM_VERSION 5

/* rsm_memseg_export_create() */
#define RSM_ALLOW_REBIND 0x01
#define RSM_CREATE_SEG_DONTWAIT 0x02

/* rsm_iovec_t.io_type */
#define RSM_HANDLE_TYPE 0x01
#define RSM_VA_TYPE 0x02

/* rsm_scat_gath_t.flags, and rsm_intr_signal_post() for the second */
#define RSM_IMPLICIT_SIGPOST 0x01
#define RSM_SIGPOST_NO_ACCUMULATE 0x02

/* The most elements of a vectored transfer. */
#define RSM_MAX_SGIOREQS 16

/* The only usable rsm_remote_cntlr_t.connection_state. */
#define RSM_CONNECTION_ACTIVE 3

typedef struct __rsm_localmemory_handle *rsm_localmemory_handle_t;
typedef struct __rsmapi_controller_handle *rsmapi_controller_handle_t;

typedef struct {
	uint_t attr_direct_access_sizes;     /* RSM_DAS*: sizes accessed directly */
	uint_t attr_atomic_sizes;            /* RSM_DAS*: sizes accessed in one piece */
	size_t attr_page_size;               /* bytes */
	size_t attr_max_export_segment_size; /* bytes */
	size_t attr_tot_export_segment_size; /* bytes */
	ulong_t attr_max_export_segments;
	size_t attr_max_import_map_size; /* bytes */
	size_t attr_tot_import_map_size; /* bytes */
	ulong_t attr_max_import_segments;
} rsmapi_controller_attr_t;

typedef struct {
	rsm_node_id_t ae_node;
	rsm_permission_t ae_permission; /* three octal digits: owner, group, other */
} rsmapi_access_entry_t;

typedef struct {
	void *seg; /* NULL: not initialised */
	uint16_t gnum;
	void *privdata;
} rsmapi_barrier_t;

typedef struct {
	int io_type;
	union {
		rsm_localmemory_handle_t handle;
		caddr_t vaddr;
	} local;
	size_t local_offset;
	size_t remote_offset;
	size_t transfer_length;
} rsm_iovec_t;

typedef struct {
	rsm_node_id_t local_nodeid;
	ulong_t io_request_count;
	ulong_t io_residual_count;
	uint_t flags;
	rsm_memseg_import_handle_t remote_handle;
	rsm_iovec_t *iovec;
} rsm_scat_gath_t;

/* Names that manuals and old programs use and Solaris' headers lack. */
#define RSM_LOCK_OPS 0x04
#define RSM_BAR_DEFAULT RSM_BARRIER_SEGMENT
#define RSM_SIG_POST_NO_ACCUMULATE RSM_SIGPOST_NO_ACCUMULATE
#define RSMERR_BAD_ADDRESS RSMERR_BAD_ADDR
typedef rsmapi_access_entry_t rsm_access_entry_t;
typedef rsm_node_id_t rsm_nodeid_t;

#ifdef __cplusplus
}
#endif

#endif
