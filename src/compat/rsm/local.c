/* SPDX-License-Identifier: MIT */
#include "compat/rsm/rsm.h"

RSM_API int rsm_create_localmemory_handle(rsmapi_controller_handle_t cntrl_handle,
					  rsm_localmemory_handle_t *local_hndl_p,
					  caddr_t local_vaddr, size_t len)
{
	struct rsm_controller *controller = rsm_controller_find(cntrl_handle);
	struct rsm_object *object;
	size_t size;
	void *handle;
	int status;

	if (!local_vaddr || (uintptr_t)local_vaddr % tract_page_size() != 0)
		return RSMERR_BAD_ADDR;
	if (!controller)
		return RSMERR_BAD_CTLR_HNDL;
	if (!local_hndl_p)
		return RSMERR_BAD_LOCALMEM_HNDL;
	if (len == 0)
		return RSMERR_BAD_LENGTH;
	size = (len + tract_page_size() - 1) / tract_page_size() * tract_page_size();
	status = rsm_status(RSM_CALL_CREATE, tract_check_range(local_vaddr, size));
	if (status != RSM_SUCCESS)
		return status;
	object = rsm_object_new(RSM_KIND_LOCAL, controller);
	if (!object)
		return RSMERR_INSUFFICIENT_MEM;
	object->base = local_vaddr;
	object->size = size;
	status = rsm_handle_add(object, &handle);
	if (status != RSM_SUCCESS) {
		rsm_object_free(object);
		return status;
	}
	*local_hndl_p = handle;
	return RSM_SUCCESS;
}

RSM_API int rsm_free_localmemory_handle(rsmapi_controller_handle_t cntrl_handle,
					rsm_localmemory_handle_t local_handle)
{
	if (!rsm_controller_find(cntrl_handle))
		return RSMERR_BAD_CTLR_HNDL;
	if (!rsm_handle_find(local_handle, RSM_KIND_LOCAL))
		return RSMERR_BAD_LOCALMEM_HNDL;
	rsm_handle_drop(local_handle);
	return RSM_SUCCESS;
}
