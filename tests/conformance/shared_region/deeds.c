/* SPDX-License-Identifier: MIT */
/*
 * deeds.c - what an agent does with the library, and with its memory
 */
#include "agent.h"

#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdio.h>

/* ---- attaching -------------------------------------------------------------------------- */

static int do_attach(struct performer *p, const uint64_t *v, uint64_t *said)
{
	int code = shared_region_attach(NULL, (uint32_t)v[0], &p->client);

	if (code == 0)
		said[0] = shared_region_self(p->client);
	return code;
}

static int do_detach(struct performer *p, const uint64_t *v, uint64_t *said)
{
	(void)v;
	(void)said;
	shared_region_detach(p->client);
	p->client = NULL;
	return 0;
}

static int do_self(struct performer *p, const uint64_t *v, uint64_t *said)
{
	(void)v;
	said[0] = shared_region_self(p->client);
	return 0;
}

static int do_is_strong(struct performer *p, const uint64_t *v, uint64_t *said)
{
	(void)v;
	said[0] = shared_region_is_strong(p->client);
	return 0;
}

/* ---- regions ---------------------------------------------------------------------------- */

static int do_new(struct performer *p, const uint64_t *v, uint64_t *said)
{
	struct slot *slot = slot_of(p, v[0]);
	int code = shared_region_new(p->client, shared_region_self(p->client), v[1],
				     (uint32_t)v[2], &slot->region);

	said[0] = shared_region_id(slot->region);
	return code;
}

static int do_open(struct performer *p, const uint64_t *v, uint64_t *said)
{
	(void)said;
	return shared_region_open(p->client, v[1], &slot_of(p, v[0])->region);
}

static int do_release(struct performer *p, const uint64_t *v, uint64_t *said)
{
	struct slot *slot = slot_of(p, v[0]);

	(void)said;
	shared_region_release(slot->region);
	slot->region = NULL;
	return 0;
}

static int do_end(struct performer *p, const uint64_t *v, uint64_t *said)
{
	(void)said;
	return shared_region_destroy(slot_of(p, v[0])->region);
}

static shared_region_pid or_self(const struct performer *p, uint64_t process)
{
	return process ? process : shared_region_self(p->client);
}

/* TSan maps for itself what was just unmapped, which would look like memory that was kept. */
static void *place_of(uint64_t asked)
{
	return asked || !TEST_TSAN ? (void *)(uintptr_t)asked : find_room(1U << 16);
}

static int do_map(struct performer *p, const uint64_t *v, uint64_t *said)
{
	struct slot *slot = slot_of(p, v[0]);
	void *at = NULL;
	int code = shared_region_map(slot->region, or_self(p, 0), place_of(v[2]),
				     (uint32_t)v[1], &at);

	if (code == 0)
		slot->at = at;
	said[0] = (uintptr_t)at;
	return code;
}

static int do_unmap(struct performer *p, const uint64_t *v, uint64_t *said)
{
	(void)said;
	return shared_region_unmap(slot_of(p, v[0])->region, or_self(p, v[1]), (uint32_t)v[2]);
}

static int do_mapping(struct performer *p, const uint64_t *v, uint64_t *said)
{
	struct slot *slot = slot_of(p, v[0]);
	void *at = NULL;

	said[0] = shared_region_get_mapping(slot->region, or_self(p, v[1]), &at);
	said[1] = (uintptr_t)at;
	/* A mapping that the owner made is this process's to look at. */
	if (said[0] && or_self(p, v[1]) == or_self(p, 0))
		slot->at = at;
	return 0;
}

static int do_physical(struct performer *p, const uint64_t *v, uint64_t *said)
{
	said[0] = UINT64_C(0x5a5a5a5a);
	return shared_region_physical_base(slot_of(p, v[0])->region, &said[0]);
}

static int do_dump(struct performer *p, const uint64_t *v, uint64_t *said)
{
	char *text = NULL, address[32];
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	int code;

	if (!out)
		give_up("no stream");
	code = shared_region_dump(slot_of(p, v[0])->region, out);
	(void)fclose(out);
	(void)snprintf(address, sizeof(address), "%" PRIx64, v[1]);
	said[0] = size > 0 && strstr(text, address);
	free(text);
	return code;
}

/* ---- handing out ------------------------------------------------------------------------ */

static int do_owner(struct performer *p, const uint64_t *v, uint64_t *said)
{
	(void)said;
	return shared_region_transfer_ownership(slot_of(p, v[0])->region, v[1]);
}

static int do_offer(struct performer *p, const uint64_t *v, uint64_t *said)
{
	shared_region_rights rights = 0;
	int code = shared_region_create_capability(slot_of(p, v[0])->region, v[1],
						   (uint32_t)v[2], &said[0], &rights);

	said[1] = rights;
	return code;
}

static int do_share_with(struct performer *p, const uint64_t *v, uint64_t *said)
{
	(void)said;
	return shared_region_share_with(slot_of(p, v[0])->region, v[1], (uint32_t)v[2]);
}

static int do_root(struct performer *p, const uint64_t *v, uint64_t *said)
{
	return shared_region_root_capability(slot_of(p, v[0])->region, &said[0]);
}

static int do_transfer(struct performer *p, const uint64_t *v, uint64_t *said)
{
	struct shared_region_transfer_report report = { 0 };
	int code = shared_region_transfer(slot_of(p, v[0])->region, v[1], (uint32_t)v[2],
					  (uint32_t)v[3], (int)v[4], &report);

	said[0] = report.cap;
	said[1] = report.bytes_copied;
	said[2] = report.force_reached;
	return code;
}

/* ---- receiving -------------------------------------------------------------------------- */

static int do_wait(struct performer *p, const uint64_t *v, uint64_t *said)
{
	struct shared_region_offer offer = { 0 };
	int code = shared_region_offer_wait(p->client, (int)(int64_t)v[0], &offer);

	said[0] = offer.cap;
	said[1] = offer.region_id;
	said[2] = offer.from;
	said[3] = offer.mode;
	said[4] = offer.rights;
	return code;
}

typedef int take_fn(shared_region_client *client, shared_region_cap cap, void *address,
		    uint32_t perm, shared_region **ret_region, void **ret_address);

static int take_by(take_fn *take, struct performer *p, const uint64_t *v, uint64_t *said)
{
	struct slot *slot = slot_of(p, v[0]);
	shared_region *region = NULL;
	void *at = NULL;
	int code = take(p->client, v[1], place_of(v[3]), (uint32_t)v[2], &region, &at);

	if (code == 0) {
		shared_region_release(slot->region);
		*slot = (struct slot){ .region = region, .at = at };
	}
	said[0] = (uintptr_t)at;
	return code;
}

static int do_accept(struct performer *p, const uint64_t *v, uint64_t *said)
{
	return take_by(shared_region_accept, p, v, said);
}

static int do_cap_map(struct performer *p, const uint64_t *v, uint64_t *said)
{
	return take_by(shared_region_cap_map, p, v, said);
}

static int do_take(struct performer *p, const uint64_t *v, uint64_t *said)
{
	struct shared_region_offer offer = { 0 };
	uint64_t accept[4] = { v[0], 0, v[1], 0 };
	int code = shared_region_offer_wait(p->client, LONG, &offer);

	if (code < 0)
		return code;
	accept[1] = said[1] = offer.cap;
	return do_accept(p, accept, said);
}

/* ---- capabilities ----------------------------------------------------------------------- */

static int do_derive(struct performer *p, const uint64_t *v, uint64_t *said)
{
	return shared_region_cap_derive(p->client, v[0], (shared_region_rights)v[1],
					or_self(p, v[2]), &said[0]);
}

static int do_check(struct performer *p, const uint64_t *v, uint64_t *said)
{
	(void)said;
	return shared_region_cap_check(p->client, v[0], (shared_region_rights)v[1]);
}

static int do_info(struct performer *p, const uint64_t *v, uint64_t *said)
{
	struct shared_region_cap_info info = { 0 };
	int code = shared_region_cap_info(p->client, v[0], &info);

	said[0] = info.region_id;
	said[1] = info.rights;
	said[2] = info.state;
	return code;
}

static int do_revoke(struct performer *p, const uint64_t *v, uint64_t *said)
{
	uint32_t count = 0;
	int code = shared_region_cap_revoke(p->client, v[0], (uint32_t)v[1], &count);

	said[0] = count;
	return code;
}

static int do_delete(struct performer *p, const uint64_t *v, uint64_t *said)
{
	(void)said;
	return shared_region_cap_delete(p->client, v[0]);
}

static int do_notices(struct performer *p, const uint64_t *v, uint64_t *said)
{
	struct shared_region_notice *notices = calloc(v[0] + 1, sizeof(*notices));
	size_t got = 0;
	int code;

	if (!notices)
		give_up("out of memory");
	code = shared_region_notices_drain(p->client, notices, v[0], &got, &said[1]);
	said[0] = got;
	said[2] = notices[0].cap;
	said[3] = notices[0].seconds;
	said[4] = notices[0].reason;
	free(notices);
	return code;
}

static int do_stats(struct performer *p, const uint64_t *v, uint64_t *said)
{
	struct shared_region_stats stats = { 0 };
	int code = shared_region_transfer_stats(p->client, &stats);

	(void)v;
	said[0] = stats.pages;
	said[1] = stats.bytes;
	said[2] = stats.transfers;
	said[3] = stats.bytes_copied;
	said[4] = stats.average_ns;
	return code;
}

/* ---- memory ----------------------------------------------------------------------------- */

static sigjmp_buf back;

static void on_fault(int number)
{
	siglongjmp(back, number);
}

int agent_touch(void *at, const unsigned char *store, unsigned char *ret_loaded)
{
	struct sigaction ours = { .sa_handler = on_fault, .sa_flags = SA_NODEFER };
	struct sigaction segv, bus;
	volatile unsigned char *byte = at;
	int number;

	(void)sigaction(SIGSEGV, &ours, &segv);
	(void)sigaction(SIGBUS, &ours, &bus);
	number = sigsetjmp(back, 1);
	if (number == 0) {
		if (store)
			*byte = *store;
		else
			*ret_loaded = *byte;
	}
	(void)sigaction(SIGSEGV, &segv, NULL);
	(void)sigaction(SIGBUS, &bus, NULL);
	return number;
}

static int do_load(struct performer *p, const uint64_t *v, uint64_t *said)
{
	unsigned char byte = 0;
	int number = agent_touch(slot_of(p, v[0])->at + v[1], NULL, &byte);

	said[0] = byte;
	return number;
}

static int do_store(struct performer *p, const uint64_t *v, uint64_t *said)
{
	const unsigned char byte = (unsigned char)v[2];

	(void)said;
	return agent_touch(slot_of(p, v[0])->at + v[1], &byte, NULL);
}

static int do_fill(struct performer *p, const uint64_t *v, uint64_t *said)
{
	(void)said;
	(void)memset(slot_of(p, v[0])->at, (int)v[2], v[1]);
	return 0;
}

static int do_filled(struct performer *p, const uint64_t *v, uint64_t *said)
{
	said[0] = is_filled(slot_of(p, v[0])->at, v[1], (int)v[2]);
	return 0;
}

static int do_backing(struct performer *p, const uint64_t *v, uint64_t *said)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	uintptr_t at = (uintptr_t)slot_of(p, v[0])->at, start, end;
	uint64_t inode;
	char line[512];

	while (maps && fgets(line, sizeof(line), maps))
		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %*s %*s %*s %" SCNu64, &start, &end,
			   &inode) == 3 &&
		    start <= at && at < end)
			said[0] = inode;
	if (maps)
		(void)fclose(maps);
	return 0;
}

static int do_exec(struct performer *p, const uint64_t *v, uint64_t *said)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	(void)v;
	(void)said;
	(void)dup2(p->channel, 0);
	(void)dup2(null, 1);
	(void)execlp("cat", "cat", (char *)NULL);
	give_up("there is no cat");
}

deed_fn *const deeds[DEEDS] = {
	[ATTACH] = do_attach,
	[DETACH] = do_detach,
	[SELF] = do_self,
	[NEW] = do_new,
	[OPEN] = do_open,
	[RELEASE] = do_release,
	[END] = do_end,
	[MAP] = do_map,
	[UNMAP] = do_unmap,
	[MAPPING] = do_mapping,
	[OWNER] = do_owner,
	[OFFER] = do_offer,
	[SHARE_WITH] = do_share_with,
	[ROOT] = do_root,
	[TRANSFER] = do_transfer,
	[WAIT] = do_wait,
	[ACCEPT] = do_accept,
	[TAKE] = do_take,
	[CAP_MAP] = do_cap_map,
	[DERIVE] = do_derive,
	[CHECK] = do_check,
	[INFO] = do_info,
	[REVOKE] = do_revoke,
	[DELETE] = do_delete,
	[NOTICES] = do_notices,
	[STATS] = do_stats,
	[PHYSICAL] = do_physical,
	[DUMP] = do_dump,
	[IS_STRONG] = do_is_strong,
	[RACE] = do_race,
	[LOAD] = do_load,
	[STORE] = do_store,
	[FILL] = do_fill,
	[FILLED] = do_filled,
	[BACKING] = do_backing,
	[HOARD] = do_hoard,
	[KEEP] = do_keep,
	[KEPT_SEES] = do_kept_sees,
	[KEPT_STORES] = do_kept_stores,
	[TAMPER] = do_tamper,
	[BABBLE] = do_babble,
	[GRIP] = do_grip,
	[GRIP_LOOK] = do_grip_look,
	[GRIP_STORE] = do_grip_store,
	[HAMMER] = do_hammer,
	[SECEDE] = do_secede,
	[DEAF] = do_deaf,
	[EXEC] = do_exec,
};
