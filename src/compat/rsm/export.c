/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "compat/rsm/rsm.h"

static struct tract_export *export_of(rsm_memseg_export_handle_t memseg)
{
	struct rsm_object *object = rsm_handle_find(memseg, RSM_KIND_EXPORT);

	return object ? object->export : NULL;
}

/* A broker that was lost is replaced: nothing in this interface could ask for that. */
static int create(struct tract *ctx, void *vaddr, size_t size, uint32_t flags,
		  struct tract_export **ret_export)
{
	int r;

	r = tract_export_create(ctx, vaddr, size, flags, ret_export);
	if (r == -ENOTCONN && tract_reconnect(ctx) == 0)
		r = tract_export_create(ctx, vaddr, size, flags, ret_export);
	return r;
}

static int check_create(struct tract *ctx, void *vaddr, size_t size)
{
	const size_t page = tract_page_size();
	struct tract_limits limits;

	if (!vaddr)
		return RSMERR_BAD_ADDR;
	if (size == 0)
		return RSMERR_BAD_LENGTH;
	if ((uintptr_t)vaddr % page != 0 || size % page != 0)
		return RSMERR_BAD_MEM_ALIGNMENT;
	if (tract_limits(ctx, &limits) == 0 && size > limits.segment_bytes)
		return RSMERR_BAD_LENGTH;
	return RSM_SUCCESS;
}

RSM_API int rsm_memseg_export_create(rsmapi_controller_handle_t controller,
				     rsm_memseg_export_handle_t *memseg, void *vaddr,
				     size_t size, uint_t flags)
{
	struct rsm_controller *ctlr = rsm_controller_find(controller);
	struct rsm_object *object;
	struct tract *ctx;
	void *handle;
	int status;

	if (memseg)
		*memseg = NULL;
	if (!ctlr)
		return RSMERR_BAD_CTLR_HNDL;
	if (!memseg)
		return RSMERR_BAD_SEG_HNDL;
	ctx = rsm_controller_context(ctlr);
	status = check_create(ctx, vaddr, size);
	if (status != RSM_SUCCESS)
		return status;
	object = rsm_object_new(RSM_KIND_EXPORT, ctlr);
	if (!object)
		return RSMERR_INSUFFICIENT_MEM;
	status = rsm_status(RSM_CALL_CREATE, create(ctx, vaddr, size, flags, &object->export));
	if (status != RSM_SUCCESS) {
		rsm_object_free(object);
		return status;
	}
	status = rsm_handle_add(object, &handle);
	if (status != RSM_SUCCESS) {
		(void)tract_export_destroy(object->export);
		rsm_object_free(object);
		return status;
	}
	*memseg = handle;
	return RSM_SUCCESS;
}

RSM_API int rsm_memseg_export_destroy(rsm_memseg_export_handle_t memseg)
{
	struct tract_export *export = export_of(memseg);
	int r;

	if (!export)
		return RSMERR_BAD_SEG_HNDL;
	r = tract_export_destroy(export);
	if (r == 0)
		rsm_handle_drop(memseg);
	return rsm_status(RSM_CALL_DESTROY, r);
}

RSM_API int rsm_memseg_export_rebind(rsm_memseg_export_handle_t memseg, void *vaddr,
				     offset_t off, size_t size)
{
	struct tract_export *export = export_of(memseg);

	(void)off;
	if (!export)
		return RSMERR_BAD_SEG_HNDL;
	if (!vaddr)
		return RSMERR_BAD_ADDR;
	return rsm_status(RSM_CALL_REBIND, tract_export_rebind(export, vaddr, size));
}

/* Loopback: the list names this node, once, or nobody in particular. */
static bool is_good_list(const rsmapi_access_entry_t *list, uint_t length)
{
	struct tract *ctx;
	uint32_t node;
	int r;

	if (length > 1 || list[0].ae_permission > 0666 || rsm_context_get(&ctx) < 0)
		return false;
	r = tract_node_id(ctx, &node);
	rsm_context_put();
	return r == 0 && list[0].ae_node == node;
}

/*
 * A list that loopback cannot honour becomes one that the native call refuses, so that it is
 * refused in its turn.
 */
static struct tract_access access_of(const rsmapi_access_entry_t *list, uint_t length)
{
	if (length == 0)
		return (struct tract_access){ 0 };
	if (!is_good_list(list, length))
		return (struct tract_access){ .node = UINT32_MAX, .mode = UINT32_MAX };
	return (struct tract_access){ .node = list[0].ae_node, .mode = list[0].ae_permission };
}

RSM_API int rsm_memseg_export_publish(rsm_memseg_export_handle_t memseg,
				      rsm_memseg_id_t *segment_id,
				      rsmapi_access_entry_t access_list[],
				      uint_t access_list_length)
{
	struct tract_export *export;
	struct tract_access access;

	if (!segment_id)
		return RSMERR_BAD_SEGID;
	export = export_of(memseg);
	if (!export)
		return RSMERR_BAD_SEG_HNDL;
	if (access_list_length > 0 && !access_list)
		return RSMERR_BAD_ACL;
	access = access_of(access_list, access_list_length);
	return rsm_status(RSM_CALL_PUBLISH, tract_export_publish(export, segment_id, &access,
								 access_list_length > 0));
}

RSM_API int rsm_memseg_export_republish(rsm_memseg_export_handle_t memseg,
					rsmapi_access_entry_t access_list[],
					uint_t access_list_length)
{
	struct tract_export *export = export_of(memseg);
	struct tract_access access;

	if (!export)
		return RSMERR_BAD_SEG_HNDL;
	if (tract_export_id(export) == 0)
		return RSMERR_SEG_NOT_PUBLISHED;
	if (access_list_length > 0 && !access_list)
		return RSMERR_BAD_ACL;
	access = access_of(access_list, access_list_length);
	return rsm_status(RSM_CALL_PUBLISH,
			  tract_export_republish(export, &access, access_list_length > 0));
}

RSM_API int rsm_memseg_export_unpublish(rsm_memseg_export_handle_t memseg)
{
	struct tract_export *export = export_of(memseg);

	if (!export)
		return RSMERR_BAD_SEG_HNDL;
	return rsm_status(RSM_CALL_UNPUBLISH, tract_export_unpublish(export));
}
