/* SPDX-License-Identifier: MIT */
/*
 * transfer.c - offers, and what is counted of them
 */
#include <errno.h>

#include "compat/shared_region/face.h"

#include "base/clock.h"
#include "base/scope.h"

static bool is_mode(uint32_t mode)
{
	return mode <= SHARED_REGION_COPY_ON_WRITE ||
	       mode == (SHARED_REGION_MOVE | SHARED_REGION_EXCLUSIVE);
}

SR_API int shared_region_create_capability(shared_region *region, shared_region_pid target,
					   uint32_t mode, shared_region_cap *ret_cap,
					   shared_region_rights *ret_rights)
{
	scoped(sr_held) struct sr_held *held = NULL;
	struct tract_transfer offered;
	int r;

	r = sr_enter_region(region, &held);
	if (r < 0)
		return r;
	if (!ret_cap)
		return SHARED_REGION_INVALID_ARGUMENT;
	if (!is_mode(mode))
		return SHARED_REGION_INVALID_MESSAGE;
	r = tract_offer(held->shared, target, mode, TRACT_FORCE_BY_USER, &offered);
	if (r < 0)
		return sr_error_of_call(r);
	*ret_cap = offered.token;
	if (ret_rights)
		*ret_rights = offered.rights;
	return 0;
}

/* ---- counting --------------------------------------------------------------------------- */

static void count(shared_region *region, uint64_t copied, uint64_t ns)
{
	shared_region_client *client = region->client;
	struct shared_region_stats *stats = &client->stats;

	mutex_lock(&client->lock);
	stats->pages += region->size / tract_page_size();
	stats->bytes += region->size;
	stats->bytes_copied += copied;
	stats->transfers++;
	client->spent_ns += ns;
	stats->average_ns = client->spent_ns / stats->transfers;
	mutex_unlock(&client->lock);
}

SR_API int shared_region_transfer_stats(shared_region_client *client,
					struct shared_region_stats *ret_stats)
{
	scoped(sr_node) struct sr_node *node = NULL;
	int r;

	r = sr_enter(client, &node);
	if (r < 0)
		return r;
	if (!ret_stats)
		return SHARED_REGION_INVALID_ARGUMENT;
	mutex_lock(&client->lock);
	*ret_stats = client->stats;
	mutex_unlock(&client->lock);
	return 0;
}

/* ---- transferring ----------------------------------------------------------------------- */

SR_API int shared_region_transfer(shared_region *region, shared_region_pid to, uint32_t mode,
				  uint32_t force, int timeout_ms,
				  struct shared_region_transfer_report *ret_report)
{
	scoped(sr_held) struct sr_held *held = NULL;
	struct tract_transfer done;
	uint64_t start;
	int r;

	r = sr_enter_region(region, &held);
	if (r < 0)
		return r;
	if (!is_mode(mode) || !sr_is_force(force))
		return SHARED_REGION_INVALID_MESSAGE;
	start = clock_now();
	r = tract_transfer(held->shared, to, mode, force, timeout_ms, &done);
	if (r < 0)
		return sr_error_of_call(r);
	/* To oneself nothing was transferred. */
	if (to != region->client->number)
		count(region, done.copied, clock_now() - start);
	if (ret_report)
		*ret_report = (struct shared_region_transfer_report){
			.cap = done.token,
			.bytes_copied = done.copied,
			.force_reached = done.force,
		};
	return 0;
}

SR_API int shared_region_transfer_batch(shared_region *const *regions, size_t count_of,
					shared_region_pid to, uint32_t mode, uint32_t force,
					int timeout_ms, int *ret_results,
					struct shared_region_transfer_report *ret_reports)
{
	int first = 0;

	if (count_of > 0 && (!regions || !ret_results))
		return SHARED_REGION_INVALID_ARGUMENT;
	for (size_t i = 0; i < count_of; i++) {
		ret_results[i] = shared_region_transfer(regions[i], to, mode, force, timeout_ms,
							ret_reports ? &ret_reports[i] : NULL);
		if (first == 0)
			first = ret_results[i];
	}
	return first;
}

SR_API int shared_region_offer_wait(shared_region_client *client, int timeout_ms,
				    struct shared_region_offer *ret_offer)
{
	scoped(sr_node) struct sr_node *node = NULL;
	struct tract_offer offer;
	int r;

	r = sr_enter(client, &node);
	if (r < 0)
		return r;
	if (!ret_offer)
		return SHARED_REGION_INVALID_ARGUMENT;
	r = tract_offer_wait(node->ctx, timeout_ms, &offer);
	if (r < 0)
		return sr_error(r);
	*ret_offer = (struct shared_region_offer){
		.cap = offer.token,
		.region_id = offer.region,
		.from = offer.from,
		.mode = offer.mode,
		.rights = offer.rights,
	};
	return 0;
}
