/* SPDX-License-Identifier: MIT */
/*
 * shared_draw.c - what clients that share regions say, by chance
 */
#include <string.h>

#include "shared_world.h"

static uint64_t draw(struct world *world)
{
	uint64_t x = world->chance += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

uint32_t below(struct world *world, uint32_t limit)
{
	return (uint32_t)(draw(world) % limit);
}

bool one_in(struct world *world, uint32_t n)
{
	return below(world, n) == 0;
}

/* Mostly one of @process's, or at least one that there is. */
static uint64_t any_region(struct world *world, uint64_t process)
{
	uint32_t at = below(world, WORLD_REGIONS);
	bool own = !one_in(world, 3);

	if (one_in(world, 80))
		return below(world, 50);
	for (uint32_t i = 0; i < 2 * WORLD_REGIONS; i++, at = (at + 1) % WORLD_REGIONS)
		if (world->region[at].number &&
		    (world->region[at].owner == process || !own || i >= WORLD_REGIONS))
			return world->region[at].number;
	return 1;
}

static uint64_t any_process(struct world *world)
{
	uint32_t at = below(world, FAKE_CLIENTS);

	if (one_in(world, 40))
		return below(world, 20);
	for (uint32_t i = 0; i < FAKE_CLIENTS; i++, at = (at + 1) % FAKE_CLIENTS)
		if (world->fake.client[at].id)
			return world->process[at];
	return 0;
}

static uint64_t any_other(struct world *world, uint64_t process)
{
	uint64_t other = any_process(world);

	for (int i = 0; i < 4 && other == process; i++)
		other = any_process(world);
	return other;
}

/* Mostly one of @process's. */
static uint64_t any_token(struct world *world, uint64_t process)
{
	uint32_t known = world->tokens < WORLD_TOKENS ? world->tokens : WORLD_TOKENS;
	const struct world_token *token = NULL;

	if (known == 0)
		return below(world, 9);
	for (uint32_t i = 0; i < 60; i++) {
		/* The latest first: they are more often offers. */
		uint32_t back = i < known && i < 20 ? i : below(world, known);

		token = &world->token[(world->tokens - 1 - back) % WORLD_TOKENS];
		if (i < 20 && !one_in(world, 3))
			continue;
		if ((token->holder == process && !token->revoked && !token->gone) ||
		    one_in(world, 60))
			break;
	}
	return one_in(world, 40) ? token->token ^ (UINT64_C(1) << below(world, 64))
				 : token->token;
}

static uint32_t any_permission(struct world *world)
{
	static const uint32_t usual[] = { 1, 1, 3, 3, 3, 3, 3, 7 };

	return one_in(world, 30) ? below(world, 10) : usual[below(world, 8)];
}

static uint32_t any_force(struct world *world)
{
	static const uint32_t usual[] = { 0, 1, 2, 2, 3, 255 };

	return one_in(world, 40) ? 4 : usual[below(world, 6)];
}

static uint32_t any_rights(struct world *world)
{
	static const uint32_t usual[] = { 0x41, 0x43, 0x4b, 0x5b, 0x7b, 0x49, 0x08, 0x01 };

	return one_in(world, 20) ? below(world, 0x180) : usual[below(world, 8)];
}

static uint64_t any_address(struct world *world)
{
	return one_in(world, 60) ? below(world, 9000)
				 : (uint64_t)(1 + below(world, 60)) * 8 * PAGE;
}

/* One that it has not tried, mostly. */
static uint64_t fresh_token(struct world *world, uint64_t process)
{
	for (uint32_t i = 0; i < WORLD_TOKENS && !one_in(world, 4000); i++)
		if (world->token[i].fresh && world->token[i].holder == process) {
			world->token[i].fresh = false;
			return world->token[i].token;
		}
	return any_token(world, process);
}

/* Of a move that @process asks about, mostly. */
static uint64_t any_move(struct world *world, uint64_t process)
{
	uint32_t at = below(world, WORLD_TOKENS);

	for (uint32_t i = 0; i < WORLD_TOKENS; i++, at = (at + 1) % WORLD_TOKENS)
		if (world->token[at].mover == process && process)
			return world->token[at].token;
	return any_token(world, process);
}

static uint64_t holder_of(const struct world *world, const struct world_given *given)
{
	for (uint32_t i = 0; i < FAKE_CLIENTS; i++)
		if (world->fake.client[i].id == given->client)
			return world->process[i];
	return 0;
}

/* Somebody's mapping, of a region of @process's if there is one. */
static const struct world_given *any_mapping(struct world *world, uint64_t process)
{
	uint32_t at = below(world, WORLD_GIVEN);
	const struct world_given *any = NULL;

	for (uint32_t i = 0; i < WORLD_GIVEN; i++, at = (at + 1) % WORLD_GIVEN) {
		const struct world_given *given = &world->given[at];

		if (!given->import)
			continue;
		any = given;
		for (uint32_t j = 0; j < WORLD_REGIONS; j++)
			if (world->region[j].number == given->shared &&
			    world->region[j].owner == process &&
			    holder_of(world, given) != process)
				return given;
	}
	return any;
}

/* ---- requests ---------------------------------------------------------------------------- */

static void draw_region(struct world *world, struct message *m, uint64_t process)
{
	switch (below(world, 9)) {
	case 0:
	case 1:
		m->number = MSG_shared_create;
		m->shared_create = (struct msg_shared_create){
			.size = 1 + below(world, 5 * PAGE),
			.ceiling = any_permission(world),
			.cache = one_in(world, 20) ? below(world, 5) : 0,
			.node = one_in(world, 5) ? below(world, 3) : UINT32_MAX,
			.flags = one_in(world, 2) ? below(world, 16) : 0,
		};
		break;
	case 2:
		m->number = MSG_shared_open;
		m->shared_open.shared = any_region(world, process);
		break;
	case 3:
		m->number = one_in(world, 5) ? MSG_shared_destroy : MSG_next_mapping;
		m->next_mapping.after = 0;
		m->shared_destroy.shared = any_region(world, process);
		break;
	case 4:
		m->number = MSG_shared_give;
		m->shared_give.shared = any_region(world, process);
		m->shared_give.process = any_process(world);
		break;
	case 5:
		m->number = one_in(world, 8) ? MSG_shared_lower : MSG_next_shared;
		if (m->number == MSG_shared_lower) {
			m->shared_lower.shared = any_region(world, process);
			m->shared_lower.ceiling = any_permission(world);
		}
		break;
	case 6:
		m->number = MSG_shared_place;
		m->shared_place.shared = any_region(world, process);
		break;
	case 7:
		m->number = one_in(world, 2) ? MSG_shared_physical : MSG_node_use;
		m->shared_physical.shared = any_region(world, process);
		if (m->number == MSG_node_use)
			m->node_use.node = below(world, 3);
		break;
	default:
		m->number = MSG_next_cap;
		m->next_cap.shared = any_region(world, process);
		m->next_cap.after = below(world, 30);
		break;
	}
}

static void draw_mapping(struct world *world, struct message *m, uint64_t process)
{
	const struct world_given *given;

	switch (below(world, 8)) {
	case 0:
	case 1:
	case 2:
		m->number = MSG_shared_map;
		m->shared_map = (struct msg_shared_map){
			.shared = any_region(world, process),
			.permission = any_permission(world),
			.address = any_address(world),
		};
		break;
	case 3:
	case 4:
		m->number = MSG_shared_unmap;
		m->shared_unmap = (struct msg_shared_unmap){
			.shared = any_region(world, process),
			.process = one_in(world, 3) ? 0 : any_process(world),
			.force = any_force(world),
		};
		given = one_in(world, 4) ? NULL : any_mapping(world, process);
		if (given) {
			m->shared_unmap.shared = given->shared;
			m->shared_unmap.process = holder_of(world, given);
		}
		break;
	case 5:
		m->number = MSG_shared_where;
		m->shared_where.shared = any_region(world, process);
		m->shared_where.process = any_process(world);
		break;
	case 6:
		m->number = MSG_shared_accept;
		m->shared_accept.accept = !one_in(world, 5);
		break;
	default:
		m->number = MSG_shared_map_into;
		m->shared_map_into = (struct msg_shared_map_into){
			.shared = any_region(world, process),
			.process = any_process(world),
			.permission = any_permission(world),
			.address = one_in(world, 2) ? 0 : any_address(world),
		};
		break;
	}
}

static void draw_taking(struct world *world, struct message *m, uint64_t process)
{
	switch (below(world, 8)) {
	case 0:
		m->number = MSG_cap_take;
		m->cap_take.token = any_token(world, process);
		break;
	case 1:
		m->number = MSG_cap_delete;
		m->cap_delete.token = any_token(world, process);
		break;
	case 2:
		m->number = MSG_cap_revoke;
		m->cap_revoke.token =
			any_token(world, one_in(world, 3) ? process : any_process(world));
		m->cap_revoke.force = any_force(world);
		break;
	default:
		m->number = MSG_cap_map;
		m->cap_map = (struct msg_cap_map){
			.token = fresh_token(world, process),
			.permission = one_in(world, 2) ? 1 : any_permission(world),
			.address = any_address(world),
			.offered = one_in(world, 3),
		};
		break;
	}
}

static void draw_cap(struct world *world, struct message *m, uint64_t process)
{
	switch (below(world, 8)) {
	case 0:
		m->number = MSG_cap_root;
		m->cap_root.shared = any_region(world, process);
		break;
	case 1:
	case 2:
		m->number = MSG_cap_derive;
		m->cap_derive = (struct msg_cap_derive){
			.parent = any_token(world, process),
			.rights = any_rights(world),
			.process = any_other(world, process),
		};
		break;
	case 3:
	case 4:
		m->number = MSG_cap_check;
		m->cap_check.token = any_token(world, process);
		m->cap_check.required = one_in(world, 2) ? 0 : any_rights(world);
		break;
	case 5:
		m->number = MSG_cap_look;
		m->cap_look.token = any_token(world, process);
		break;
	case 6:
		m->number = MSG_cap_notice_next;
		m->cap_notice_next.keep = one_in(world, 4);
		break;
	default:
		m->number = MSG_shared_grant;
		m->shared_grant = (struct msg_shared_grant){
			.shared = any_region(world, process),
			.process = any_process(world),
			.permission = any_permission(world),
		};
		break;
	}
}

/* For children and other programs. */
static void draw_heritage(struct world *world, struct message *m, uint64_t process)
{
	switch (below(world, 6)) {
	case 0:
		m->number = MSG_cap_mark;
		m->cap_mark.token = any_token(world, process);
		m->cap_mark.inherit = below(world, 17);
		break;
	case 1:
	case 2:
		m->number = MSG_cap_pass;
		m->cap_pass.process = any_other(world, process);
		m->cap_pass.policy = below(world, 6);
		break;
	case 3:
		m->number = MSG_cap_ticket;
		break;
	case 4:
		m->number = MSG_cap_redeem;
		m->cap_redeem.high = world->ticket.high;
		m->cap_redeem.low = world->ticket.low ^ one_in(world, 9);
		break;
	default:
		m->number = MSG_cap_next;
		m->cap_next.after = one_in(world, 2) ? 0 : any_token(world, process);
		break;
	}
}

static void draw_offer(struct world *world, struct message *m, uint64_t process)
{
	static const uint32_t modes[] = { 0, 0, 0x100, 1, 2, 2, 2 };

	switch (below(world, 7)) {
	case 0:
		m->number = MSG_offer_next;
		break;
	case 1:
		m->number = one_in(world, 3) ? MSG_move_cancel : MSG_move_look;
		m->move_look.token = any_move(world, process);
		break;
	default:
		m->number = MSG_offer_make;
		m->offer_make = (struct msg_offer_make){
			.shared = any_region(world, process),
			.process = any_other(world, process),
			.mode = one_in(world, 40) ? 3 : modes[below(world, 7)],
			.force = any_force(world),
			.watched = one_in(world, 2),
		};
		break;
	}
}

/* What tools ask.  Ids of capabilities count from 1. */
static void draw_tool(struct world *world, struct message *m, uint64_t process)
{
	uint64_t region = any_region(world, process);

	switch (below(world, 6)) {
	case 0:
		m->number = MSG_next_shared;
		m->next_shared.after = below(world, 3);
		break;
	case 1:
		m->number = MSG_next_mapping;
		m->next_mapping = (struct msg_next_mapping){ .shared = region };
		break;
	case 2:
		m->number = MSG_next_cap;
		m->next_cap = (struct msg_next_cap){ .shared = region };
		break;
	default:
		m->number = MSG_shared_revoke;
		m->shared_revoke = (struct msg_shared_revoke){
			.shared = region,
			.cap = one_in(world, 3) ? below(world, world->tokens + 3) : 0,
			.process = one_in(world, 3) ? any_process(world) : 0,
			.force = any_force(world),
		};
		break;
	}
}

/* Mostly one of @client's; NULL: there is none. */
static const struct world_export *any_export(struct world *world, uint64_t client)
{
	const struct world_export *exported, *any = NULL;
	uint32_t at = below(world, WORLD_EXPORTS);

	for (uint32_t i = 0; i < WORLD_EXPORTS; i++, at = (at + 1) % WORLD_EXPORTS) {
		exported = &world->exported[at];
		if (!exported->segment)
			continue;
		any = exported;
		if (exported->client == client)
			return any;
	}
	return one_in(world, 8) ? any : NULL;
}

static const struct world_export *any_published(struct world *world)
{
	uint32_t at = below(world, WORLD_EXPORTS);

	for (uint32_t i = 0; i < WORLD_EXPORTS; i++, at = (at + 1) % WORLD_EXPORTS)
		if (world->exported[at].segment && world->exported[at].id)
			return &world->exported[at];
	return NULL;
}

/* What @client has mapped, or mostly what it imports. */
static uint64_t any_import(struct world *world, uint64_t client, bool mapped)
{
	uint32_t at = below(world, WORLD_GIVEN);

	for (uint32_t i = 0; i < WORLD_GIVEN; i++, at = (at + 1) % WORLD_GIVEN)
		if (world->given[at].import && world->given[at].client == client &&
		    (world->given[at].shared != 0) == mapped)
			return world->given[at].import;
	return below(world, 9);
}

static void draw_export(struct world *world, struct message *m, uint64_t client)
{
	m->number = MSG_shared_export;
	m->shared_export = (struct msg_shared_export){
		.import = any_import(world, client, !one_in(world, 9)),
		.offset = one_in(world, 3) ? PAGE : 0,
		.size = PAGE * (1 + below(world, 2)),
		.mode = one_in(world, 6) ? 0644 : 0666,
	};
}

static void draw_connect(struct world *world, struct message *m)
{
	const struct world_export *exported = any_published(world);

	m->number = MSG_import_connect;
	m->import_connect = (struct msg_import_connect){
		.node = WORLD_NODE,
		.id = exported ? exported->id : 1,
		.rights = one_in(world, 9) ? 0 : (one_in(world, 3) ? 4 : 6),
	};
}

/* RSMAPI's half. */
static void draw_segment(struct world *world, struct message *m, uint64_t client)
{
	const struct world_export *exported = any_export(world, client);
	uint64_t segment = exported ? exported->segment : below(world, 9);

	switch (below(world, 12)) {
	case 0:
		m->number = MSG_segment_unpublish;
		m->segment_unpublish.segment = segment;
		break;
	case 1:
		m->number = MSG_segment_destroy;
		m->segment_destroy.segment = segment;
		break;
	case 2:
		m->number = MSG_import_close;
		m->import_close.import = any_import(world, client, false);
		break;
	case 3:
	case 4:
	case 5:
		m->number = MSG_segment_publish;
		m->segment_publish.segment = segment;
		break;
	case 6:
	case 7:
		draw_export(world, m, client);
		break;
	default:
		draw_connect(world, m);
		break;
	}
}

static bool owns_any(const struct world *world, uint64_t process)
{
	for (uint32_t i = 0; i < WORLD_REGIONS; i++)
		if (world->region[i].number && world->region[i].owner == process)
			return true;
	return false;
}

static bool holds_any(const struct world *world, uint64_t process)
{
	for (uint32_t i = 0; i < WORLD_TOKENS; i++)
		if (world->token[i].holder == process && !world->token[i].revoked &&
		    !world->token[i].gone)
			return true;
	return false;
}

/* Whoever has nothing gets something: number 0 if it has. */
static struct message draw_beginning(struct world *world, uint64_t process)
{
	struct message m;

	(void)memset(&m, 0, sizeof(m));
	if (!owns_any(world, process) && one_in(world, 3)) {
		m.number = MSG_shared_create;
		m.shared_create = (struct msg_shared_create){
			.size = 1 + below(world, 3 * PAGE),
			.ceiling = one_in(world, 3) ? 7 : 3,
			.node = UINT32_MAX,
			.flags = one_in(world, 2) ? 4 : 0,
		};
	} else if (!holds_any(world, process) && owns_any(world, process)) {
		m.number = MSG_cap_root;
		m.cap_root.shared = any_region(world, process);
	}
	return m;
}

struct message draw_request(struct world *world, const struct fake_client *client)
{
	uint64_t process = world->process[client - world->fake.client];
	struct message m = draw_beginning(world, process);
	uint32_t which = below(world, 100);

	if (m.number)
		return m;
	if (one_in(world, 8))
		draw_segment(world, &m, client->id);
	else if (one_in(world, 12))
		draw_heritage(world, &m, process);
	else if (which < 14)
		draw_region(world, &m, process);
	else if (which < 45)
		draw_mapping(world, &m, process);
	else if (which < 65)
		draw_cap(world, &m, process);
	else if (which < 85)
		draw_taking(world, &m, process);
	else if (which < 97)
		draw_offer(world, &m, process);

	else
		draw_tool(world, &m, process);
	return m;
}

/* ---- answers ------------------------------------------------------------------------------
 */

struct message draw_answer(struct world *world, const struct fake_said *said)
{
	struct message m;

	(void)memset(&m, 0, sizeof(m));
	m.number = MSG_heard;
	m.serial = one_in(world, 30) ? below(world, 90) : said->message.serial;
	if (said->message.number == MSG_shared_asked) {
		m.number = MSG_shared_answer;
		m.shared_answer.error = one_in(world, 4) ? 1 + below(world, 40) : 0;
		m.shared_answer.address = said->message.shared_asked.address;
		if (m.shared_answer.address == 0 || one_in(world, 8))
			m.shared_answer.address = any_address(world);
	}
	return m;
}
