/* SPDX-License-Identifier: MIT */
/*
 * test_headers.c - what <rsmapi.h> declares
 *
 * Which languages and programs it compiles with is headers.sh's to try.
 */
#include "rig.h"

#include <stddef.h>

#define VALUE(name, wanted) EXPECT_EQ(name, wanted)
#define OFFSET(type, field, wanted)                                                          \
	_Static_assert(offsetof(type, field) == (wanted), #type "." #field " is elsewhere"); \
	EXPECT_EQ(offsetof(type, field), wanted)
#define SIZE(type, wanted)                                                   \
	_Static_assert(sizeof(type) == (wanted), #type " has another size"); \
	EXPECT_EQ(sizeof(type), wanted)

/* 25.3 */
TEST(constants_have_their_values)
{
	VALUE(RSM_VERSION, 5);
	VALUE(RSM_PERM_NONE, 0);
	VALUE(RSM_PERM_READ, 0400);
	VALUE(RSM_PERM_WRITE, 0200);
	VALUE(RSM_PERM_RDWR, 0600);
	VALUE(RSM_ALLOW_REBIND, 0x01);
	VALUE(RSM_CREATE_SEG_DONTWAIT, 0x02);
	VALUE(RSM_HANDLE_TYPE, 0x01);
	VALUE(RSM_VA_TYPE, 0x02);
	VALUE(RSM_IMPLICIT_SIGPOST, 0x01);
	VALUE(RSM_SIGPOST_NO_ACCUMULATE, 0x02);
	VALUE(RSM_MAX_SGIOREQS, 16);
	VALUE(RSM_CONNECTION_ACTIVE, 3);
	VALUE(MAXNAMELEN, 256);
}

/* 25.3 */
TEST(enumerators_have_their_values)
{
	VALUE(RSM_MAP_NONE, 0);
	VALUE(RSM_MAP_FIXED, 1);
	VALUE(RSM_MAP_RESERVED, 2);
	VALUE(RSM_DAS8, 1);
	VALUE(RSM_DAS16, 2);
	VALUE(RSM_DAS32, 4);
	VALUE(RSM_DAS64, 8);
	VALUE(RSM_BARRIER_SEGMENT, 0x01);
	VALUE(RSM_BARRIER_NODE, 0x02);
	VALUE(RSM_BARRIER_SEGMENT_THREAD, 0x11);
	VALUE(RSM_BARRIER_NODE_THREAD, 0x12);
	VALUE(RSM_BARRIER_MODE_EXPLICIT, 0);
	VALUE(RSM_BARRIER_MODE_IMPLICIT, 1);
}

/* 25.3 */
TEST(id_ranges_have_their_values)
{
	VALUE(RSM_DRIVER_PRIVATE_ID_BASE, 0);
	VALUE(RSM_DRIVER_PRIVATE_ID_END, 0x000fffff);
	VALUE(RSM_CLUSTER_TRANSPORT_ID_BASE, 0x00100000);
	VALUE(RSM_CLUSTER_TRANSPORT_ID_END, 0x001fffff);
	VALUE(RSM_RSMLIB_ID_BASE, 0x00200000);
	VALUE(RSM_RSMLIB_ID_END, 0x002fffff);
	VALUE(RSM_DLPI_ID_BASE, 0x00300000);
	VALUE(RSM_DLPI_ID_END, 0x003fffff);
	VALUE(RSM_HPC_ID_BASE, 0x00400000);
	VALUE(RSM_HPC_ID_END, 0x004fffff);
	VALUE(RSM_OPS_ID_BASE, 0x00500000);
	VALUE(RSM_OPS_ID_END, 0x005fffff);
	VALUE(RSM_USER_APP_ID_BASE, 0x80000000);
	VALUE(RSM_USER_APP_ID_END, 0xffffffff);
}

/* 25.3 */
TEST(error_codes_have_their_values)
{
	VALUE(RSM_SUCCESS, 0);
	VALUE(RSMERR_BAD_LIBRARY_VERSION, 1);
	VALUE(RSMERR_BAD_TOPOLOGY_PTR, 2);
	VALUE(RSMERR_BAD_CTLR_HNDL, 3);
	VALUE(RSMERR_CTLR_NOT_PRESENT, 4);
	VALUE(RSMERR_BAD_SEG_HNDL, 5);
	VALUE(RSMERR_SEG_ALREADY_PUBLISHED, 6);
	VALUE(RSMERR_SEG_NOT_PUBLISHED, 7);
	VALUE(RSMERR_SEG_NOT_PUBLISHED_TO_NODE, 8);
	VALUE(RSMERR_SEG_ALREADY_MAPPED, 9);
	VALUE(RSMERR_SEG_STILL_MAPPED, 10);
	VALUE(RSMERR_SEG_NOT_MAPPED, 11);
	VALUE(RSMERR_NOT_CREATOR, 12);
	VALUE(RSMERR_BAD_BARRIER_PTR, 13);
	VALUE(RSMERR_BAD_SGIO, 14);
	VALUE(RSMERR_BAD_LOCALMEM_HNDL, 15);
	VALUE(RSMERR_BAD_ADDR, 16);
	VALUE(RSMERR_BAD_MEM_ALIGNMENT, 17);
	VALUE(RSMERR_BAD_OFFSET, 18);
	VALUE(RSMERR_MISALIGNED_OFFSET, 19);
	VALUE(RSMERR_BAD_LENGTH, 20);
	VALUE(RSMERR_BAD_ACL, 21);
	VALUE(RSMERR_BAD_SEGID, 22);
	VALUE(RSMERR_RESERVED_SEGID, 23);
	VALUE(RSMERR_SEGID_IN_USE, 24);
	VALUE(RSMERR_BAD_MODE, 25);
	VALUE(RSMERR_BAD_PERMS, 26);
	VALUE(RSMERR_PERM_DENIED, 27);
	VALUE(RSMERR_LOCKS_NOT_SUPPORTED, 28);
	VALUE(RSMERR_LOCKS_NOT_ENABLED, 29);
	VALUE(RSMERR_REBIND_NOT_ALLOWED, 30);
	VALUE(RSMERR_INSUFFICIENT_RESOURCES, 31);
	VALUE(RSMERR_INSUFFICIENT_MEM, 32);
	VALUE(RSMERR_MAP_FAILED, 33);
	VALUE(RSMERR_POLLFD_IN_USE, 34);
	VALUE(RSMERR_BARRIER_UNINITIALIZED, 35);
	VALUE(RSMERR_BARRIER_OPEN_FAILED, 36);
	VALUE(RSMERR_BARRIER_NOT_OPENED, 37);
	VALUE(RSMERR_BARRIER_FAILURE, 38);
	VALUE(RSMERR_REMOTE_NODE_UNREACHABLE, 39);
	VALUE(RSMERR_CONN_ABORTED, 40);
	VALUE(RSMERR_INTERRUPTED, 41);
	VALUE(RSMERR_TIMEOUT, 42);
	VALUE(RSMERR_BAD_APPID, 43);
	VALUE(RSMERR_BAD_CONF, 44);
	VALUE(RSMERR_SEG_NOT_CONNECTED, 45);
	VALUE(RSMERR_INTERNAL_ERROR, 100);
	VALUE(RSMERR_BAD_DRIVER_VERSION, 101);
	VALUE(RSMERR_UNSUPPORTED_VERSION, 102);
	VALUE(RSMERR_DRIVER_NAME_IN_USE, 103);
	VALUE(RSMERR_DRIVER_NOT_REGISTERED, 104);
	VALUE(RSMERR_DRIVER_THREAD_RUNNING, 105);
	VALUE(RSMERR_NEED_THREAD_INIT, 106);
	VALUE(RSMERR_THREAD_NOT_INITED, 107);
	VALUE(RSMERR_CTLRS_REGISTERED, 108);
	VALUE(RSMERR_CTLR_NOT_REGISTERED, 109);
	VALUE(RSMERR_CTLR_ALREADY_REGISTERED, 110);
	VALUE(RSMERR_CTLR_IN_USE, 111);
	VALUE(RSMERR_NAME_TOO_LONG, 112);
	VALUE(RSMERR_SEG_PUBLISHED, 113);
	VALUE(RSMERR_SEG_NOT_PUBLISHED_TO_RSM_ADDR, 114);
	VALUE(RSMERR_SEG_IN_USE, 115);
	VALUE(RSMERR_BAD_SENDQ_HNDL, 116);
	VALUE(RSMERR_BAD_ARGS_ERRORS, 117);
	VALUE(RSMERR_BAD_MSTYPE, 118);
	VALUE(RSMERR_NO_BACKING_MEM, 119);
	VALUE(RSMERR_NOT_MEM, 120);
	VALUE(RSMERR_MEM_ALREADY_BOUND, 121);
	VALUE(RSMERR_MEM_NOT_BOUND, 122);
	VALUE(RSMERR_HANDLER_NOT_REGISTERED, 123);
	VALUE(RSMERR_NO_HANDLER, 124);
	VALUE(RSMERR_UNBIND_REBIND_NOT_ALLOWED, 125);
	VALUE(RSMERR_CALLBACKS_NOT_SUPPORTED, 126);
	VALUE(RSMERR_UNSUPPORTED_OPERATION, 127);
	VALUE(RSMERR_RSM_ADDR_UNREACHABLE, 128);
	VALUE(RSMERR_UNKNOWN_RSM_ADDR, 129);
	VALUE(RSMERR_BAD_BARRIER_HNDL, 130);
	VALUE(RSMERR_COMM_ERR_MAYBE_DELIVERED, 131);
	VALUE(RSMERR_COMM_ERR_NOT_DELIVERED, 132);
	VALUE(RSMERR_QUEUE_FENCE_UP, 133);
	VALUE(RSMERR_QUEUE_FULL, 134);
}

TEST(names_of_old_texts_are_there)
{
	rsm_map_attr_t attr = RSM_MAP_FIXED;
	rsm_access_entry_t entry = { .ae_node = 1, .ae_permission = 2 };
	rsm_nodeid_t node = 3;

	VALUE(RSM_LOCK_OPS, 4);
	VALUE(RSM_BAR_DEFAULT, RSM_BARRIER_SEGMENT);
	VALUE(RSM_SIG_POST_NO_ACCUMULATE, RSM_SIGPOST_NO_ACCUMULATE);
	VALUE(RSMERR_BAD_ADDRESS, RSMERR_BAD_ADDR);
	EXPECT_EQ((int)attr + (int)entry.ae_node + (int)entry.ae_permission + (int)node, 7);
}

TEST(scalar_types_have_their_sizes)
{
	SIZE(rsm_addr_t, 8);
	SIZE(rsm_node_id_t, 4);
	SIZE(rsm_memseg_id_t, 4);
	SIZE(rsm_permission_t, 4);
	SIZE(offset_t, 8);
	SIZE(uint_t, sizeof(unsigned int));
	SIZE(ulong_t, sizeof(unsigned long));
	SIZE(uchar_t, 1);
	SIZE(caddr_t, sizeof(char *));
	EXPECT((offset_t)-1 < 0);
	EXPECT((uint_t)-1 > 0);
	EXPECT_EQ((boolean_t)B_TRUE, 1);
	EXPECT_EQ((boolean_t)B_FALSE, 0);
	VALUE(POLLRDNORM, 0x040);
}

/* 25.3, Appendix B */
TEST(structures_have_their_layout)
{
	SIZE(rsmapi_controller_attr_t, 64);
	OFFSET(rsmapi_controller_attr_t, attr_direct_access_sizes, 0);
	OFFSET(rsmapi_controller_attr_t, attr_atomic_sizes, 4);
	OFFSET(rsmapi_controller_attr_t, attr_page_size, 8);
	OFFSET(rsmapi_controller_attr_t, attr_max_export_segment_size, 16);
	OFFSET(rsmapi_controller_attr_t, attr_tot_export_segment_size, 24);
	OFFSET(rsmapi_controller_attr_t, attr_max_export_segments, 32);
	OFFSET(rsmapi_controller_attr_t, attr_max_import_map_size, 40);
	OFFSET(rsmapi_controller_attr_t, attr_tot_import_map_size, 48);
	OFFSET(rsmapi_controller_attr_t, attr_max_import_segments, 56);
	SIZE(rsmapi_access_entry_t, 8);
	OFFSET(rsmapi_access_entry_t, ae_node, 0);
	OFFSET(rsmapi_access_entry_t, ae_permission, 4);
	SIZE(rsmapi_barrier_t, 24);
	OFFSET(rsmapi_barrier_t, seg, 0);
	OFFSET(rsmapi_barrier_t, gnum, 8);
	OFFSET(rsmapi_barrier_t, privdata, 16);
	SIZE(rsm_barrier_component_t, 8);
	SIZE(rsm_barrier_t, 32);
}

/* 25.3, Appendix B */
TEST(vectored_requests_have_their_layout)
{
	SIZE(rsm_iovec_t, 40);
	OFFSET(rsm_iovec_t, io_type, 0);
	OFFSET(rsm_iovec_t, local, 8);
	OFFSET(rsm_iovec_t, local_offset, 16);
	OFFSET(rsm_iovec_t, remote_offset, 24);
	OFFSET(rsm_iovec_t, transfer_length, 32);
	SIZE(rsm_scat_gath_t, 48);
	OFFSET(rsm_scat_gath_t, local_nodeid, 0);
	OFFSET(rsm_scat_gath_t, io_request_count, 8);
	OFFSET(rsm_scat_gath_t, io_residual_count, 16);
	OFFSET(rsm_scat_gath_t, flags, 24);
	OFFSET(rsm_scat_gath_t, remote_handle, 32);
	OFFSET(rsm_scat_gath_t, iovec, 40);
}

/* 25.3, Appendix B */
TEST(topologies_have_their_layout)
{
	SIZE(rsm_topology_hdr_t, 8);
	OFFSET(rsm_topology_hdr_t, local_nodeid, 0);
	OFFSET(rsm_topology_hdr_t, local_cntlr_count, 4);
	SIZE(rsm_connections_hdr_t, 272);
	OFFSET(rsm_connections_hdr_t, cntlr_name, 0);
	OFFSET(rsm_connections_hdr_t, local_hwaddr, 256);
	OFFSET(rsm_connections_hdr_t, remote_cntlr_count, 264);
	SIZE(rsm_remote_cntlr_t, 280);
	OFFSET(rsm_remote_cntlr_t, remote_nodeid, 0);
	OFFSET(rsm_remote_cntlr_t, remote_cntlrname, 4);
	OFFSET(rsm_remote_cntlr_t, remote_hwaddr, 264);
	OFFSET(rsm_remote_cntlr_t, connection_state, 272);
	SIZE(rsm_connections_t, 552);
	OFFSET(rsm_connections_t, hdr, 0);
	OFFSET(rsm_connections_t, remote_cntlr, 272);
	SIZE(struct rsm_connection, 552);
	SIZE(rsm_topology_t, 16);
	OFFSET(rsm_topology_t, topology_hdr, 0);
	OFFSET(rsm_topology_t, connections, 8);
}

/* 25.4 */
TEST(all_42_functions_have_their_signatures)
{
	int (*const f_get_controller)(char *, rsmapi_controller_handle_t *) =
		rsm_get_controller;
	int (*const f_get_controller_attr)(rsmapi_controller_handle_t,
					   rsmapi_controller_attr_t *) =
		rsm_get_controller_attr;
	int (*const f_release_controller)(rsmapi_controller_handle_t) = rsm_release_controller;
	int (*const f_get_interconnect_topology)(rsm_topology_t **) =
		rsm_get_interconnect_topology;
	void (*const f_free_interconnect_topology)(rsm_topology_t *) =
		rsm_free_interconnect_topology;
	int (*const f_memseg_export_create)(rsmapi_controller_handle_t,
					    rsm_memseg_export_handle_t *, void *, size_t,
					    uint_t) = rsm_memseg_export_create;
	int (*const f_memseg_export_destroy)(rsm_memseg_export_handle_t) =
		rsm_memseg_export_destroy;
	int (*const f_memseg_export_rebind)(rsm_memseg_export_handle_t, void *, offset_t,
					    size_t) = rsm_memseg_export_rebind;
	int (*const f_memseg_export_publish)(rsm_memseg_export_handle_t, rsm_memseg_id_t *,
					     rsmapi_access_entry_t *, uint_t) =
		rsm_memseg_export_publish;
	int (*const f_memseg_export_unpublish)(rsm_memseg_export_handle_t) =
		rsm_memseg_export_unpublish;
	int (*const f_memseg_export_republish)(rsm_memseg_export_handle_t,
					       rsmapi_access_entry_t *, uint_t) =
		rsm_memseg_export_republish;
	int (*const f_memseg_import_connect)(
		rsmapi_controller_handle_t, rsm_node_id_t, rsm_memseg_id_t, rsm_permission_t,
		rsm_memseg_import_handle_t *) = rsm_memseg_import_connect;
	int (*const f_memseg_import_disconnect)(rsm_memseg_import_handle_t) =
		rsm_memseg_import_disconnect;
	int (*const f_memseg_import_get8)(rsm_memseg_import_handle_t, off_t, uint8_t *,
					  ulong_t) = rsm_memseg_import_get8;
	int (*const f_memseg_import_get16)(rsm_memseg_import_handle_t, off_t, uint16_t *,
					   ulong_t) = rsm_memseg_import_get16;
	int (*const f_memseg_import_get32)(rsm_memseg_import_handle_t, off_t, uint32_t *,
					   ulong_t) = rsm_memseg_import_get32;
	int (*const f_memseg_import_get64)(rsm_memseg_import_handle_t, off_t, uint64_t *,
					   ulong_t) = rsm_memseg_import_get64;
	int (*const f_memseg_import_get)(rsm_memseg_import_handle_t, off_t, void *, size_t) =
		rsm_memseg_import_get;
	int (*const f_memseg_import_getv)(rsm_scat_gath_t *) = rsm_memseg_import_getv;
	int (*const f_memseg_import_put8)(rsm_memseg_import_handle_t, off_t, uint8_t *,
					  ulong_t) = rsm_memseg_import_put8;
	int (*const f_memseg_import_put16)(rsm_memseg_import_handle_t, off_t, uint16_t *,
					   ulong_t) = rsm_memseg_import_put16;
	int (*const f_memseg_import_put32)(rsm_memseg_import_handle_t, off_t, uint32_t *,
					   ulong_t) = rsm_memseg_import_put32;
	int (*const f_memseg_import_put64)(rsm_memseg_import_handle_t, off_t, uint64_t *,
					   ulong_t) = rsm_memseg_import_put64;
	int (*const f_memseg_import_put)(rsm_memseg_import_handle_t, off_t, void *, size_t) =
		rsm_memseg_import_put;
	int (*const f_memseg_import_putv)(rsm_scat_gath_t *) = rsm_memseg_import_putv;
	int (*const f_memseg_import_map)(rsm_memseg_import_handle_t, void **, rsm_attribute_t,
					 rsm_permission_t, off_t, size_t) =
		rsm_memseg_import_map;
	int (*const f_memseg_import_unmap)(rsm_memseg_import_handle_t) =
		rsm_memseg_import_unmap;
	int (*const f_memseg_import_init_barrier)(rsm_memseg_import_handle_t,
						  rsm_barrier_type_t, rsmapi_barrier_t *) =
		rsm_memseg_import_init_barrier;
	int (*const f_memseg_import_open_barrier)(rsmapi_barrier_t *) =
		rsm_memseg_import_open_barrier;
	int (*const f_memseg_import_close_barrier)(rsmapi_barrier_t *) =
		rsm_memseg_import_close_barrier;
	int (*const f_memseg_import_order_barrier)(rsmapi_barrier_t *) =
		rsm_memseg_import_order_barrier;
	int (*const f_memseg_import_destroy_barrier)(rsmapi_barrier_t *) =
		rsm_memseg_import_destroy_barrier;
	int (*const f_memseg_import_get_mode)(
		rsm_memseg_import_handle_t, rsm_barrier_mode_t *) = rsm_memseg_import_get_mode;
	int (*const f_memseg_import_set_mode)(rsm_memseg_import_handle_t, rsm_barrier_mode_t) =
		rsm_memseg_import_set_mode;
	int (*const f_intr_signal_post)(void *, uint_t) = rsm_intr_signal_post;
	int (*const f_intr_signal_wait)(void *, int) = rsm_intr_signal_wait;
	int (*const f_intr_signal_wait_pollfd)(struct pollfd *, nfds_t, int, int *) =
		rsm_intr_signal_wait_pollfd;
	int (*const f_memseg_get_pollfd)(void *, struct pollfd *) = rsm_memseg_get_pollfd;
	int (*const f_memseg_release_pollfd)(void *) = rsm_memseg_release_pollfd;
	int (*const f_create_localmemory_handle)(rsmapi_controller_handle_t,
						 rsm_localmemory_handle_t *, caddr_t, size_t) =
		rsm_create_localmemory_handle;
	int (*const f_free_localmemory_handle)(rsmapi_controller_handle_t,
					       rsm_localmemory_handle_t) =
		rsm_free_localmemory_handle;
	int (*const f_get_segmentid_range)(const char *, rsm_memseg_id_t *, uint32_t *) =
		rsm_get_segmentid_range;

	EXPECT(f_get_controller && f_get_controller_attr && f_release_controller &&
	       f_get_interconnect_topology && f_free_interconnect_topology &&
	       f_memseg_export_create && f_memseg_export_destroy && f_memseg_export_rebind &&
	       f_memseg_export_publish && f_memseg_export_unpublish &&
	       f_memseg_export_republish && f_memseg_import_connect &&
	       f_memseg_import_disconnect && f_memseg_import_get8 && f_memseg_import_get16 &&
	       f_memseg_import_get32 && f_memseg_import_get64 && f_memseg_import_get &&
	       f_memseg_import_getv && f_memseg_import_put8 && f_memseg_import_put16 &&
	       f_memseg_import_put32 && f_memseg_import_put64 && f_memseg_import_put &&
	       f_memseg_import_putv && f_memseg_import_map && f_memseg_import_unmap &&
	       f_memseg_import_init_barrier && f_memseg_import_open_barrier &&
	       f_memseg_import_close_barrier && f_memseg_import_order_barrier &&
	       f_memseg_import_destroy_barrier && f_memseg_import_get_mode &&
	       f_memseg_import_set_mode && f_intr_signal_post && f_intr_signal_wait &&
	       f_intr_signal_wait_pollfd && f_memseg_get_pollfd && f_memseg_release_pollfd &&
	       f_create_localmemory_handle && f_free_localmemory_handle &&
	       f_get_segmentid_range);
}
