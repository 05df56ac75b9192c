/* SPDX-License-Identifier: MIT */
/*
 * map.c - regions in address spaces, and who may have them there
 */
#include "compat/shared_region/face.h"

#include "base/scope.h"

SR_API int shared_region_map(shared_region *region, shared_region_pid process, void *address,
			     uint32_t perm, void **ret_address)
{
	scoped(sr_held) struct sr_held *held = NULL;
	int r;

	r = sr_enter_region(region, &held);
	if (r < 0)
		return r;
	if (!ret_address)
		return SHARED_REGION_INVALID_ARGUMENT;
	if (!sr_is_perm(perm))
		return SHARED_REGION_INVALID_MESSAGE;
	if (process == 0)
		return SHARED_REGION_PROCESS_NOT_FOUND;
	r = tract_shared_map_into(held->shared, process, &address, perm);
	if (r == 0)
		*ret_address = address;
	return sr_error(r);
}

SR_API int shared_region_unmap(shared_region *region, shared_region_pid process, uint32_t force)
{
	scoped(sr_held) struct sr_held *held = NULL;
	int r;

	r = sr_enter_region(region, &held);
	if (r < 0)
		return r;
	if (!sr_is_force(force))
		return SHARED_REGION_INVALID_MESSAGE;
	if (process == 0)
		return SHARED_REGION_INVALID_MEMORY_REGION;
	return sr_error(tract_shared_unmap(held->shared, process, force));
}

SR_API bool shared_region_get_mapping(const shared_region *region, shared_region_pid process,
				      void **ret_address)
{
	scoped(sr_held) struct sr_held *held = NULL;

	if (sr_enter_region(region, &held) < 0 || !ret_address)
		return false;
	return tract_shared_where(held->shared, process, ret_address) == 0;
}

SR_API int shared_region_transfer_ownership(shared_region *region, shared_region_pid new_owner)
{
	scoped(sr_held) struct sr_held *held = NULL;
	int r;

	r = sr_enter_region(region, &held);
	return r < 0 ? r : sr_error(tract_shared_give(held->shared, new_owner));
}

SR_API int shared_region_share_with(shared_region *region, shared_region_pid target,
				    uint32_t perm)
{
	scoped(sr_held) struct sr_held *held = NULL;
	int r;

	r = sr_enter_region(region, &held);
	if (r < 0)
		return r;
	if (!sr_is_perm(perm))
		return SHARED_REGION_INVALID_MESSAGE;
	return sr_error_of_call(tract_shared_grant(held->shared, target, perm));
}
