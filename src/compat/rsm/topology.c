/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "compat/rsm/rsm.h"

/*
 * One allocation.  The loopback controller is not listed, and a node that stands alone has no
 * other.
 */
RSM_API int rsm_get_interconnect_topology(rsm_topology_t **topology_data)
{
	rsm_topology_t *topology;
	struct tract *ctx;
	uint32_t node = 0;

	if (!topology_data)
		return RSMERR_BAD_TOPOLOGY_PTR;
	*topology_data = NULL;
	if (rsm_context_get(&ctx) < 0)
		return RSMERR_INSUFFICIENT_MEM;
	/* Without a broker there is no cluster either. */
	(void)tract_node_id(ctx, &node);
	rsm_context_put();
	topology = calloc(1, sizeof(*topology));
	if (!topology)
		return RSMERR_INSUFFICIENT_MEM;
	topology->topology_hdr.local_nodeid = node;
	*topology_data = topology;
	return RSM_SUCCESS;
}

RSM_API void rsm_free_interconnect_topology(rsm_topology_t *topology_ptr)
{
	free(topology_ptr);
}
