/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "compat/rsm/rsm.h"

/*
 * The program's rsmapi_barrier_t points to the native one, which lives here: a program frees
 * its barriers, or lets them go with their stack frame, without destroying them, and the
 * implicit barrier of an import must not point there.
 */
struct rsm_barrier {
	struct tract_barrier native;
	struct rsm_object *import;
	struct rsm_barrier *next;
};

void rsm_barriers_free(struct rsm_object *import)
{
	struct rsm_barrier *barrier;

	while ((barrier = import->barriers)) {
		import->barriers = barrier->next;
		free(barrier);
	}
}

static void remove_locked(struct rsm_barrier *barrier) REQUIRES(barrier->import->lock)
{
	for (struct rsm_barrier **at = &barrier->import->barriers; *at; at = &(*at)->next)
		if (*at == barrier) {
			*at = barrier->next;
			break;
		}
}

/* Those of one thread are as wide as those of all. */
static enum tract_barrier_scope scope_of(rsm_barrier_type_t type)
{
	return type == RSM_BARRIER_NODE || type == RSM_BARRIER_NODE_THREAD
		       ? TRACT_SCOPE_NODE
		       : TRACT_SCOPE_SEGMENT;
}

RSM_API int rsm_memseg_import_init_barrier(rsm_memseg_import_handle_t im_memseg,
					   rsm_barrier_type_t type, rsmapi_barrier_t *barrier)
{
	struct rsm_object *import = rsm_handle_find(im_memseg, RSM_KIND_IMPORT);
	struct rsm_barrier *made;

	enum tract_barrier_scope scope = scope_of(type);

	if (!import)
		return RSMERR_BAD_SEG_HNDL;
	if (!barrier)
		return RSMERR_BAD_BARRIER_PTR;
	made = calloc(1, sizeof(*made));
	if (!made)
		return RSMERR_INSUFFICIENT_MEM;
	made->import = import;
	mutex_lock(&import->lock);
	made->next = import->barriers;
	import->barriers = made;
	mutex_unlock(&import->lock);
	(void)tract_barrier_init_scope(import->import, scope, &made->native);
	*barrier = (rsmapi_barrier_t){ .seg = im_memseg, .privdata = made };
	return RSM_SUCCESS;
}

/* RSM_SUCCESS and the native barrier, which may be of an import that is gone. */
static int find(const rsmapi_barrier_t *barrier, struct rsm_barrier **ret_barrier)
{
	if (!barrier)
		return RSMERR_BAD_BARRIER_PTR;
	if (!barrier->seg || !barrier->privdata ||
	    !rsm_handle_find(barrier->seg, RSM_KIND_IMPORT))
		return RSMERR_BARRIER_UNINITIALIZED;
	*ret_barrier = barrier->privdata;
	return RSM_SUCCESS;
}

RSM_API int rsm_memseg_import_open_barrier(rsmapi_barrier_t *barrier)
{
	struct rsm_barrier *found;
	int status = find(barrier, &found);

	return status ? status
		      : rsm_status(RSM_CALL_BARRIER, tract_barrier_open(&found->native));
}

RSM_API int rsm_memseg_import_close_barrier(rsmapi_barrier_t *barrier)
{
	struct rsm_barrier *found;
	int status = find(barrier, &found);

	return status ? status
		      : rsm_status(RSM_CALL_BARRIER, tract_barrier_close(&found->native));
}

RSM_API int rsm_memseg_import_order_barrier(rsmapi_barrier_t *barrier)
{
	struct rsm_barrier *found;
	int status = find(barrier, &found);

	return status ? status
		      : rsm_status(RSM_CALL_BARRIER, tract_barrier_order(&found->native));
}

RSM_API int rsm_memseg_import_destroy_barrier(rsmapi_barrier_t *barrier)
{
	struct rsm_barrier *found;
	int status = find(barrier, &found);

	if (status)
		return status;
	(void)tract_barrier_destroy(&found->native);
	mutex_lock(&found->import->lock);
	remove_locked(found);
	mutex_unlock(&found->import->lock);
	free(found);
	*barrier = (rsmapi_barrier_t){ 0 };
	return RSM_SUCCESS;
}

RSM_API int rsm_memseg_import_get_mode(rsm_memseg_import_handle_t im_memseg,
				       rsm_barrier_mode_t *mode)
{
	struct rsm_object *import = rsm_handle_find(im_memseg, RSM_KIND_IMPORT);
	enum tract_barrier_mode native = TRACT_BARRIER_IMPLICIT;

	if (!import)
		return RSMERR_BAD_SEG_HNDL;
	if (!mode)
		return RSMERR_BAD_ADDR;
	(void)tract_import_get_mode(import->import, &native);
	*mode = (rsm_barrier_mode_t)native;
	return RSM_SUCCESS;
}

RSM_API int rsm_memseg_import_set_mode(rsm_memseg_import_handle_t im_memseg,
				       rsm_barrier_mode_t mode)
{
	struct rsm_object *import = rsm_handle_find(im_memseg, RSM_KIND_IMPORT);

	if (!import)
		return RSMERR_BAD_SEG_HNDL;
	if (mode != RSM_BARRIER_MODE_EXPLICIT && mode != RSM_BARRIER_MODE_IMPLICIT)
		return RSMERR_BAD_MODE;
	(void)tract_import_set_mode(import->import, (enum tract_barrier_mode)mode);
	return RSM_SUCCESS;
}
