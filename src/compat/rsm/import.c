/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "compat/rsm/rsm.h"

static struct tract_import *import_of(rsm_memseg_import_handle_t memseg)
{
	struct rsm_object *object = rsm_handle_find(memseg, RSM_KIND_IMPORT);

	return object ? object->import : NULL;
}

/* Loopback reaches this node and no other; for that, any controller will do. */
static int connect_by(struct rsm_controller *ctlr, rsm_node_id_t node, rsm_memseg_id_t id,
		      uint32_t rights, struct tract_import **ret_import)
{
	struct tract *ctx = rsm_controller_context(ctlr);
	uint32_t local;
	int r;

	/* Without a broker there is no controller. */
	r = tract_node_id(ctx, &local);
	if (r < 0 || (node != local && !rsm_controller_name(ctlr)))
		return r == -ENOMEM ? RSMERR_INSUFFICIENT_MEM : RSMERR_CTLR_NOT_PRESENT;
	r = tract_import_connect_through(ctx, rsm_controller_name(ctlr), node, id, rights,
					 ret_import);
	return rsm_status(RSM_CALL_CONNECT, r);
}

RSM_API int rsm_memseg_import_connect(rsmapi_controller_handle_t controller,
				      rsm_node_id_t node_id, rsm_memseg_id_t segment_id,
				      rsm_permission_t perm,
				      rsm_memseg_import_handle_t *im_memseg)
{
	struct rsm_controller *ctlr = rsm_controller_find(controller);
	struct rsm_object *object;
	void *handle;
	int status;

	if (im_memseg)
		*im_memseg = NULL;
	if (!ctlr)
		return RSMERR_BAD_CTLR_HNDL;
	if (!im_memseg)
		return RSMERR_BAD_SEG_HNDL;
	if (perm & ~(rsm_permission_t)RSM_PERM_RDWR)
		return RSMERR_PERM_DENIED;
	object = rsm_object_new(RSM_KIND_IMPORT, ctlr);
	if (!object)
		return RSMERR_INSUFFICIENT_MEM;
	status = connect_by(ctlr, node_id, segment_id, rsm_rights(perm), &object->import);
	/* The broker was lost: replace it, as nothing in this interface could ask for. */
	if (status == RSMERR_CTLR_NOT_PRESENT &&
	    tract_reconnect(rsm_controller_context(ctlr)) == 0)
		status = connect_by(ctlr, node_id, segment_id, rsm_rights(perm),
				    &object->import);
	if (status != RSM_SUCCESS) {
		rsm_object_free(object);
		return status;
	}
	status = rsm_handle_add(object, &handle);
	if (status != RSM_SUCCESS) {
		(void)tract_import_close(object->import);
		rsm_object_free(object);
		return status;
	}
	*im_memseg = handle;
	return RSM_SUCCESS;
}

RSM_API int rsm_memseg_import_disconnect(rsm_memseg_import_handle_t im_memseg)
{
	struct tract_import *import = import_of(im_memseg);
	int r;

	if (!import)
		return RSMERR_BAD_SEG_HNDL;
	r = tract_import_close(import);
	if (r == 0)
		rsm_handle_drop(im_memseg);
	return rsm_status(RSM_CALL_DISCONNECT, r);
}

RSM_API int rsm_memseg_import_map(rsm_memseg_import_handle_t im_memseg, void **address,
				  rsm_attribute_t attr, rsm_permission_t perm, off_t offset,
				  size_t length)
{
	struct tract_import *import = import_of(im_memseg);
	uint32_t flags = (unsigned)attr & RSM_MAP_FIXED ? TRACT_IMPORT_MAP_FIXED : 0u;

	if (!import)
		return RSMERR_BAD_SEG_HNDL;
	if (!address)
		return RSMERR_BAD_ADDR;
	/* Bits outside, below the limit, are ignored as a file's mode bits are. */
	return rsm_status(RSM_CALL_MAP,
			  tract_import_map(import, address, flags,
					   perm > RSM_PERM_RDWR ? UINT32_MAX : rsm_rights(perm),
					   offset, length));
}

RSM_API int rsm_memseg_import_unmap(rsm_memseg_import_handle_t im_memseg)
{
	struct tract_import *import = import_of(im_memseg);

	if (!import)
		return RSMERR_BAD_SEG_HNDL;
	return rsm_status(RSM_CALL_UNMAP, tract_import_unmap(import));
}

/* get and put of each width are the same function. */
#define DEFINE_ACCESS(verb, suffix, type, count)                                               \
	RSM_API int rsm_memseg_import_##verb##suffix(rsm_memseg_import_handle_t im_memseg,     \
						     off_t offset, type *datap, count rep_cnt) \
	{                                                                                      \
		struct tract_import *import = import_of(im_memseg);                            \
                                                                                               \
		return rsm_status(RSM_CALL_ACCESS, tract_import_##verb##suffix(                \
							   import, offset, datap, rep_cnt));   \
	}

DEFINE_ACCESS(get, 8, uint8_t, ulong_t)
DEFINE_ACCESS(get, 16, uint16_t, ulong_t)
DEFINE_ACCESS(get, 32, uint32_t, ulong_t)
DEFINE_ACCESS(get, 64, uint64_t, ulong_t)
DEFINE_ACCESS(get, , void, size_t)
DEFINE_ACCESS(put, 8, uint8_t, ulong_t)
DEFINE_ACCESS(put, 16, uint16_t, ulong_t)
DEFINE_ACCESS(put, 32, uint32_t, ulong_t)
DEFINE_ACCESS(put, 64, uint64_t, ulong_t)
DEFINE_ACCESS(put, , void, size_t)
