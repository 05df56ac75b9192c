/* SPDX-License-Identifier: MIT */
/*
 * uses_everything.c - a program in the C that is also C++, with every function of the header
 *
 * headers.sh compiles it; nobody runs it.
 */
#include <shared_region.h>

int use(FILE *out, void *place);

static int make(shared_region_client *client, shared_region **region)
{
	shared_region_pid self = shared_region_self(client);
	uint64_t bytes = 0;

	return shared_region_new(client, self, 4096, SHARED_REGION_WRITE, region) +
	       shared_region_new_numa(client, self, 4096, SHARED_REGION_READ, 0, region) +
	       shared_region_new_with_policy(
		       client, self, 4096, SHARED_REGION_WRITE_BACK, SHARED_REGION_NUMA_ANY,
		       SHARED_REGION_FREEZABLE | SHARED_REGION_HUGE_PAGES, region) +
	       shared_region_open(client, 1, region) +
	       shared_region_numa_usage(client, 0, &bytes) +
	       (shared_region_is_strong(client) ? 1 : 0);
}

static int look(shared_region *region, FILE *out)
{
	uint64_t address = 0, pages[8], absent = 0;
	uint32_t node = 0;

	return shared_region_physical_base(region, &address) +
	       shared_region_numa_node(region, &node) +
	       shared_region_placement(region, pages, 8, &absent) +
	       shared_region_dump(region, out) +
	       (int)(shared_region_id(region) + shared_region_size(region));
}

static int hand_out(shared_region *region, shared_region_pid to, void *place)
{
	struct shared_region_transfer_report report;
	shared_region *all[1];
	shared_region_rights rights = 0;
	shared_region_cap cap = 0;
	int results[1] = { 0 };
	void *at = place;

	all[0] = region;
	return shared_region_map(region, to, place, SHARED_REGION_READ_WRITE_EXECUTE, &at) +
	       shared_region_unmap(region, to, SHARED_REGION_FORCE_DEFAULT) +
	       (shared_region_get_mapping(region, to, &at) ? 1 : 0) +
	       shared_region_transfer_ownership(region, to) +
	       shared_region_create_capability(region, to, SHARED_REGION_SHARE, &cap, &rights) +
	       shared_region_share_with(region, to, SHARED_REGION_READ) +
	       shared_region_root_capability(region, &cap) +
	       shared_region_transfer(region, to, SHARED_REGION_MOVE | SHARED_REGION_EXCLUSIVE,
				      SHARED_REGION_FENCE, -1, &report) +
	       shared_region_transfer_batch(all, 1, to, SHARED_REGION_COPY_ON_WRITE,
					    SHARED_REGION_ASK, 0, results, &report);
}

static int take(shared_region_client *client, shared_region **region)
{
	struct shared_region_offer offer;
	struct shared_region_stats stats;
	void *at = 0;
	int code = shared_region_offer_wait(client, 1000, &offer);

	return code +
	       shared_region_accept(client, offer.cap, 0, SHARED_REGION_READ, region, &at) +
	       shared_region_transfer_stats(client, &stats);
}

static int hold(shared_region_client *client, shared_region_cap cap, shared_region **region)
{
	struct shared_region_cap_info info;
	struct shared_region_notice notice;
	shared_region_cap child = 0;
	uint64_t dropped = 0;
	uint32_t count = 0;
	size_t got = 0;
	void *at = 0;

	return shared_region_cap_map(client, cap, 0, SHARED_REGION_READ, region, &at) +
	       shared_region_cap_derive(client, cap, SHARED_REGION_RIGHT_READ,
					shared_region_self(client), &child) +
	       shared_region_cap_check(client, cap,
				       SHARED_REGION_RIGHT_READ | SHARED_REGION_RIGHT_MAP) +
	       shared_region_cap_info(client, cap, &info) +
	       shared_region_cap_revoke(client, cap, SHARED_REGION_KILL, &count) +
	       shared_region_cap_delete(client, child) +
	       shared_region_notices_drain(client, &notice, 1, &got, &dropped);
}

int use(FILE *out, void *place)
{
	shared_region_client *client = 0;
	shared_region *region = 0;
	shared_region_cap cap = shared_region_cap_pack(1, 2, 0, 4);
	int code = shared_region_attach(0, SHARED_REGION_ACCEPT_REMOTE_MAPS, &client);

	code += make(client, &region) + look(region, out) + hand_out(region, 1, place) +
		take(client, &region) + hold(client, cap, &region) +
		shared_region_destroy(region);
	code += (int)shared_region_cap_id(cap) + shared_region_cap_generation(cap) +
		shared_region_cap_type(cap) + shared_region_cap_flags(cap) +
		(int)shared_region_version();
	(void)fprintf(out, "%s\n", shared_region_strerror(code));
	shared_region_release(region);
	shared_region_detach(client);
	return code;
}
