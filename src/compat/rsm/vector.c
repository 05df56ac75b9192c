/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "compat/rsm/rsm.h"

/* The offset is the program's and may be anything; it is judged later. */
static void *offset_from(const char *base, size_t offset)
{
	return (void *)((uintptr_t)base + offset);
}

/* The element's local address; or why the request is refused before anything is moved. */
static int resolve(const rsm_iovec_t *io, struct tract_vector *ret_vector)
{
	struct rsm_object *local;

	*ret_vector = (struct tract_vector){ .remote = io->remote_offset,
					     .length = io->transfer_length };
	if (io->io_type == RSM_VA_TYPE) {
		if (io->local.vaddr)
			ret_vector->local = offset_from(io->local.vaddr, io->local_offset);
		return RSM_SUCCESS;
	}
	if (io->io_type != RSM_HANDLE_TYPE)
		return RSMERR_BAD_SGIO;
	local = rsm_handle_find(io->local.handle, RSM_KIND_LOCAL);
	if (!local)
		return RSMERR_BAD_SGIO;
	ret_vector->local = offset_from(local->base, io->local_offset);
	return RSM_SUCCESS;
}

static int resolve_all(const rsm_scat_gath_t *sg_io, struct tract_vector *vector)
{
	if (!sg_io->iovec)
		return RSMERR_BAD_SGIO;
	for (ulong_t i = 0; i < sg_io->io_request_count; i++) {
		int status = resolve(&sg_io->iovec[i], &vector[i]);

		if (status != RSM_SUCCESS)
			return status;
	}
	return RSM_SUCCESS;
}

/* Local memory handles have bounds, which are looked at when their turn comes. */
static bool fits(const rsm_iovec_t *io)
{
	const struct rsm_object *local;

	if (io->io_type != RSM_HANDLE_TYPE)
		return true;
	local = rsm_handle_find(io->local.handle, RSM_KIND_LOCAL);
	return local && io->local_offset <= local->size &&
	       io->transfer_length <= local->size - io->local_offset;
}

typedef int (*copy_fn)(struct tract_import *, const struct tract_vector *, size_t, size_t *);

/* The element that does not fit its local memory, if nothing is found wrong with it before. */
static int judge_unfit(struct tract_import *import, const struct tract_vector *v,
		       uint32_t right)
{
	int r = tract_import_allows(import, v->remote, v->length, right);

	return r < 0 ? rsm_status(RSM_CALL_VECTOR, r) : RSMERR_BAD_LENGTH;
}

static int copy_fitting(rsm_scat_gath_t *sg_io, struct tract_import *import,
			const struct tract_vector *vector, copy_fn copy, uint32_t right)
{
	size_t fitting = 0, done = 0;
	int status = RSM_SUCCESS;

	while (fitting < sg_io->io_request_count && fits(&sg_io->iovec[fitting]))
		fitting++;
	if (fitting > 0)
		status = rsm_status(RSM_CALL_VECTOR, copy(import, vector, fitting, &done));
	sg_io->io_residual_count -= done;
	if (status == RSM_SUCCESS && done < sg_io->io_request_count)
		status = judge_unfit(import, &vector[done], right);
	return status;
}

static int transfer_all(rsm_scat_gath_t *sg_io, struct tract_import *import, copy_fn copy,
			uint32_t right)
{
	struct tract_vector vector[RSM_MAX_SGIOREQS];
	int status;

	if (sg_io->io_request_count == 0 || sg_io->io_request_count > RSM_MAX_SGIOREQS)
		return RSMERR_BAD_SGIO;
	status = rsm_status(RSM_CALL_VECTOR, tract_import_prepare(import));
	if (status == RSM_SUCCESS)
		status = resolve_all(sg_io, vector);
	if (status != RSM_SUCCESS)
		return status;
	if (!(tract_import_rights(import) & right))
		return RSMERR_PERM_DENIED;
	return copy_fitting(sg_io, import, vector, copy, right);
}

static int transfer(rsm_scat_gath_t *sg_io, copy_fn copy, uint32_t right)
{
	struct rsm_object *object;
	int status;

	if (!sg_io)
		return RSMERR_BAD_SGIO;
	sg_io->io_residual_count = sg_io->io_request_count;
	object = rsm_handle_find(sg_io->remote_handle, RSM_KIND_IMPORT);
	if (!object)
		return RSMERR_BAD_SEG_HNDL;
	status = transfer_all(sg_io, object->import, copy, right);
	if (status == RSM_SUCCESS && (sg_io->flags & RSM_IMPLICIT_SIGPOST))
		status = rsm_intr_signal_post(sg_io->remote_handle,
					      sg_io->flags & RSM_SIGPOST_NO_ACCUMULATE);
	return status;
}

RSM_API int rsm_memseg_import_putv(rsm_scat_gath_t *sg_io)
{
	return transfer(sg_io, tract_import_putv, TRACT_RIGHT_WRITE);
}

RSM_API int rsm_memseg_import_getv(rsm_scat_gath_t *sg_io)
{
	return transfer(sg_io, tract_import_getv, TRACT_RIGHT_READ);
}
