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
static bool is_good_list(const rsmapi_access_entry_t *list, uint_t length, uint32_t node)
{
	return length <= 1 && list[0].ae_node == node;
}

/* At most that many entries; one that nothing can honour is refused by the native call, in its
 * turn. */
struct access_list {
	struct tract_access entry[TRACT_ACCESS_MAX];
	size_t count;
};

static const struct tract_access bad_entry = { .node = UINT32_MAX, .mode = UINT32_MAX };

static void copy_list(const rsmapi_access_entry_t *list, uint_t length, struct access_list *to)
{
	to->count = length;
	if (length > TRACT_ACCESS_MAX) {
		to->count = 1;
		to->entry[0] = bad_entry;
		return;
	}
	for (uint_t i = 0; i < length; i++)
		to->entry[i] = (struct tract_access){ .node = list[i].ae_node,
						      .mode = list[i].ae_permission };
}

/* What loopback leads to is this node, whoever may connect here. */
static void copy_loopback_list(const rsmapi_access_entry_t *list, uint_t length,
			       const struct tract_export *export, struct access_list *to)
{
	struct tract *ctx;
	uint32_t node = 0;
	int r = rsm_context_get(&ctx);

	if (r == 0) {
		r = tract_node_id(ctx, &node);
		rsm_context_put();
	}
	to->count = 1;
	if (r == 0 && length == 0)
		to->entry[0] = (struct tract_access){ node, tract_export_mode(export) };
	else if (r == 0 && is_good_list(list, length, node))
		copy_list(list, length, to);
	else if (length == 0)
		to->count = 0; /* publishing will say what is wrong */
	else
		to->entry[0] = bad_entry;
}

static void access_of(const rsmapi_access_entry_t *list, uint_t length,
		      const struct rsm_object *object, struct access_list *ret_access)
{
	if (rsm_controller_name(object->controller))
		copy_list(list, length, ret_access);
	else
		copy_loopback_list(list, length, object->export, ret_access);
}

RSM_API int rsm_memseg_export_publish(rsm_memseg_export_handle_t memseg,
				      rsm_memseg_id_t *segment_id,
				      rsmapi_access_entry_t access_list[],
				      uint_t access_list_length)
{
	struct rsm_object *object;
	struct access_list access;

	if (!segment_id)
		return RSMERR_BAD_SEGID;
	object = rsm_handle_find(memseg, RSM_KIND_EXPORT);
	if (!object)
		return RSMERR_BAD_SEG_HNDL;
	if (access_list_length > 0 && !access_list)
		return RSMERR_BAD_ACL;
	access_of(access_list, access_list_length, object, &access);
	return rsm_status(RSM_CALL_PUBLISH, tract_export_publish(object->export, segment_id,
								 access.entry, access.count));
}

RSM_API int rsm_memseg_export_republish(rsm_memseg_export_handle_t memseg,
					rsmapi_access_entry_t access_list[],
					uint_t access_list_length)
{
	struct rsm_object *object = rsm_handle_find(memseg, RSM_KIND_EXPORT);
	struct access_list access;

	if (!object)
		return RSMERR_BAD_SEG_HNDL;
	if (tract_export_id(object->export) == 0)
		return RSMERR_SEG_NOT_PUBLISHED;
	if (access_list_length > 0 && !access_list)
		return RSMERR_BAD_ACL;
	access_of(access_list, access_list_length, object, &access);
	return rsm_status(RSM_CALL_PUBLISH,
			  tract_export_republish(object->export, access.entry, access.count));
}

RSM_API int rsm_memseg_export_unpublish(rsm_memseg_export_handle_t memseg)
{
	struct tract_export *export = export_of(memseg);

	if (!export)
		return RSMERR_BAD_SEG_HNDL;
	return rsm_status(RSM_CALL_UNPUBLISH, tract_export_unpublish(export));
}
