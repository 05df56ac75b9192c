/* SPDX-License-Identifier: MIT */
#include "rsm.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "story.h"

#define NAME(code)          \
	{                   \
		code, #code \
	}

static const struct {
	int status;
	const char *name;
} names[] = {
	NAME(RSM_SUCCESS),
	NAME(RSMERR_BAD_CTLR_HNDL),
	NAME(RSMERR_CTLR_NOT_PRESENT),
	NAME(RSMERR_BAD_SEG_HNDL),
	NAME(RSMERR_SEG_ALREADY_PUBLISHED),
	NAME(RSMERR_SEG_NOT_PUBLISHED),
	NAME(RSMERR_SEG_NOT_PUBLISHED_TO_NODE),
	NAME(RSMERR_SEG_ALREADY_MAPPED),
	NAME(RSMERR_SEG_STILL_MAPPED),
	NAME(RSMERR_SEG_NOT_MAPPED),
	NAME(RSMERR_NOT_CREATOR),
	NAME(RSMERR_BAD_SGIO),
	NAME(RSMERR_BAD_LOCALMEM_HNDL),
	NAME(RSMERR_BAD_ADDR),
	NAME(RSMERR_BAD_MEM_ALIGNMENT),
	NAME(RSMERR_BAD_OFFSET),
	NAME(RSMERR_BAD_LENGTH),
	NAME(RSMERR_BAD_ACL),
	NAME(RSMERR_BAD_PERMS),
	NAME(RSMERR_PERM_DENIED),
	NAME(RSMERR_REBIND_NOT_ALLOWED),
	NAME(RSMERR_INSUFFICIENT_RESOURCES),
	NAME(RSMERR_INSUFFICIENT_MEM),
	NAME(RSMERR_MAP_FAILED),
	NAME(RSMERR_BARRIER_UNINITIALIZED),
	NAME(RSMERR_BARRIER_OPEN_FAILED),
	NAME(RSMERR_BARRIER_NOT_OPENED),
	NAME(RSMERR_BARRIER_FAILURE),
	NAME(RSMERR_REMOTE_NODE_UNREACHABLE),
	NAME(RSMERR_CONN_ABORTED),
	NAME(RSMERR_INTERRUPTED),
	NAME(RSMERR_TIMEOUT),
	NAME(RSMERR_INTERNAL_ERROR),
};

const char *rsm_name(int status)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].status == status)
			return names[i].name;
	return "an RSMERR code";
}

void must(int status, const char *doing)
{
	if (status != RSM_SUCCESS)
		story_fail("cannot %s: %s (%d)", doing, rsm_name(status), status);
}

static char controller_name[32];
static rsm_node_id_t other;

void rsm_use(const char *name, rsm_node_id_t node)
{
	(void)snprintf(controller_name, sizeof(controller_name), "%s", name);
	other = node;
}

rsmapi_controller_handle_t controller(void)
{
	static rsmapi_controller_handle_t handle;

	if (!handle)
		must(rsm_get_controller(controller_name, &handle), "open the controller");
	return handle;
}

rsm_node_id_t other_node(void)
{
	return other;
}

rsm_node_id_t local_node(void)
{
	rsm_topology_t *topology;
	rsm_node_id_t node;

	must(rsm_get_interconnect_topology(&topology), "ask for the topology");
	node = topology->topology_hdr.local_nodeid;
	rsm_free_interconnect_topology(topology);
	return node;
}

void *pages_new(size_t size)
{
	void *memory =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		story_fail("no memory: %m");
	return memory;
}

rsm_memseg_export_handle_t export_memory(void *memory, size_t size, uint_t flags,
					 rsm_memseg_id_t *ret_id)
{
	rsm_memseg_export_handle_t handle;
	rsmapi_access_entry_t ours = { .ae_node = other_node(), .ae_permission = 0600 };

	*ret_id = 0; /* of the system's choice */
	must(rsm_memseg_export_create(controller(), &handle, memory, size, flags),
	     "export memory");
	must(rsm_memseg_export_publish(handle, ret_id, &ours, 1), "publish it");
	return handle;
}

void import_connect(struct import *import, uint32_t segment, rsm_permission_t permission)
{
	import->address = NULL;
	must(rsm_memseg_import_connect(controller(), other_node(), segment, permission,
				       &import->handle),
	     "connect to the segment");
	must(rsm_memseg_import_init_barrier(import->handle, RSM_BARRIER_SEGMENT,
					    &import->barrier),
	     "initialise a barrier");
}

void import_map(struct import *import, size_t size, rsm_permission_t permission)
{
	must(rsm_memseg_import_set_mode(import->handle, RSM_BARRIER_MODE_EXPLICIT),
	     "choose the explicit barrier mode");
	must(rsm_memseg_import_map(import->handle, &import->address, RSM_MAP_NONE, permission,
				   0, size),
	     "map the segment");
}

void import_close(struct import *import)
{
	if (import->address)
		must(rsm_memseg_import_unmap(import->handle), "unmap the segment");
	must(rsm_memseg_import_destroy_barrier(&import->barrier), "destroy the barrier");
	must(rsm_memseg_import_disconnect(import->handle), "disconnect");
}
