/* SPDX-License-Identifier: MIT */
/*
 * script_shared.c - steps about regions that have an owner
 */
#include "script.h"

#include <string.h>

static const enum msg_number kinds[] = {
	MSG_shared_create,
	MSG_shared_open,
	MSG_shared_destroy,
	MSG_shared_map,
	MSG_shared_unmap,
	MSG_shared_where,
	MSG_shared_give,
	MSG_shared_grant,
	MSG_shared_lower,
	MSG_shared_accept,
	MSG_shared_map_into,
	MSG_shared_answer,
	MSG_shared_place,
	MSG_shared_physical,
	MSG_shared_revoke,
	MSG_node_use,
	MSG_next_shared,
	MSG_next_mapping,
	MSG_next_cap,
	MSG_cap_root,
	MSG_cap_look,
	MSG_cap_next,
	MSG_cap_derive,
	MSG_cap_check,
	MSG_cap_take,
	MSG_cap_map,
	MSG_cap_revoke,
	MSG_cap_delete,
	MSG_cap_notice_next,
	MSG_offer_make,
	MSG_offer_next,
	MSG_move_look,
	MSG_move_cancel,
	/* What most depends on, more often. */
	MSG_shared_create,
	MSG_shared_map,
	MSG_cap_root,
	MSG_cap_derive,
	MSG_cap_map,
	MSG_cap_map,
	MSG_cap_revoke,
	MSG_offer_make,
	MSG_offer_make,
	MSG_import_close,
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

void script_see(uint64_t *ids, uint64_t id)
{
	(void)memmove(ids, ids + 1, (SEEN - 1) * sizeof(*ids));
	ids[SEEN - 1] = id;
}

void script_learn_shared(struct script *script, const struct message *answer)
{
	switch (answer->number) {
	case MSG_shared_known:
		script->shared = answer->shared_known.shared;
		break;
	case MSG_shared_mapped:
		script_see(script->seen, answer->shared_mapped.import);
		break;
	case MSG_cap_known:
		script_see(script->cap, answer->cap_known.token);
		break;
	case MSG_offer_made:
		script_see(script->cap, answer->offer_made.token);
		break;
	case MSG_offer:
		script_see(script->cap, answer->offer.token);
		break;
	default:
		break;
	}
}

static uint64_t shared_of(const struct script *script, uint8_t which)
{
	uint64_t back = which & 3;

	return script->shared > back ? script->shared - back : which;
}

static uint32_t force_of(uint8_t which)
{
	return which % 6 == 5 ? 255 : which % 6;
}

static void fill_shared(const struct script *script, const uint8_t *step, struct message *m)
{
	uint64_t process = script->process[step[3] % CLIENTS];
	uint64_t address = (uint64_t)(1 + step[5]) * 8 * PAGE;

	/* All begin with its number. */
	m->shared_open.shared = shared_of(script, step[2]);
	switch (m->number) {
	case MSG_shared_create:
		m->shared_create = (struct msg_shared_create){
			.size = step[4] == 255 ? LARGE : step[4] % 20 * (PAGE / 2),
			.ceiling = step[3] & 7,
			.cache = step[5] >> 6,
			.node = step[5] & 32 ? step[5] & 3 : UINT32_MAX,
			.flags = step[2] & 15,
		};
		break;
	case MSG_shared_map:
		m->shared_map.permission = step[3] & 7;
		m->shared_map.address = address;
		break;
	case MSG_shared_unmap:
		m->shared_unmap.process = step[4] & 1 ? process : 0;
		m->shared_unmap.force = force_of(step[5]);
		break;
	case MSG_shared_map_into:
		m->shared_map_into.process = process;
		m->shared_map_into.permission = step[4] & 7;
		m->shared_map_into.address = step[5] & 1 ? address : 0;
		break;
	case MSG_shared_where:
		m->shared_where.process = process;
		break;
	case MSG_shared_give:
		m->shared_give.process = process;
		break;
	case MSG_shared_grant:
		m->shared_grant.process = process;
		m->shared_grant.permission = step[4] & 7;
		break;
	case MSG_shared_lower:
		m->shared_lower.ceiling = step[3] & 7;
		break;
	case MSG_offer_make:
		m->offer_make.process = process;
		m->offer_make.mode = step[4] & 8 ? 0x100 : step[4] & 3;
		m->offer_make.force = force_of(step[5]);
		m->offer_make.watched = step[4] >> 4 & 1;
		break;
	default:
		break;
	}
}

static void fill_cap(const struct script *script, const uint8_t *step, struct message *m)
{
	uint64_t token = script->cap[step[2] % SEEN];

	/* All begin with a token; some of them are nobody's. */
	m->cap_look.token = step[2] == 255 ? token ^ UINT64_C(1) << (step[3] & 63) : token;
	switch (m->number) {
	case MSG_cap_derive:
		m->cap_derive.rights = step[4] & 0x7f;
		m->cap_derive.process = script->process[step[3] % CLIENTS];
		break;
	case MSG_cap_check:
		m->cap_check.required = step[4] & 0x7f;
		break;
	case MSG_cap_map:
		m->cap_map.permission = step[4] & 7;
		m->cap_map.address = (uint64_t)(1 + step[5]) * 8 * PAGE;
		m->cap_map.offered = step[4] >> 3 & 1;
		break;
	case MSG_cap_revoke:
		m->cap_revoke.force = force_of(step[5]);
		break;
	case MSG_cap_notice_next:
		m->cap_notice_next.keep = step[2] & 1;
		break;
	default:
		break;
	}
}

static void fill_tool(const struct script *script, const uint8_t *step, struct message *m)
{
	switch (m->number) {
	case MSG_shared_revoke:
		m->shared_revoke = (struct msg_shared_revoke){
			.shared = shared_of(script, step[2]),
			.cap = step[4] & 1 ? step[3] : 0,
			.process = step[4] & 2 ? script->process[step[3] % CLIENTS] : 0,
			.force = force_of(step[5]),
		};
		break;
	case MSG_next_mapping:
		m->next_mapping.shared = shared_of(script, step[2]);
		m->next_mapping.after = step[3];
		break;
	case MSG_next_cap:
		m->next_cap.shared = shared_of(script, step[2]);
		m->next_cap.after = step[3];
		break;
	case MSG_next_shared:
		m->next_shared.after = step[2];
		break;
	case MSG_node_use:
		m->node_use.node = step[2] & 3;
		break;
	case MSG_shared_accept:
		m->shared_accept.accept = step[2] & 1;
		break;
	default:
		m->serial = step[2];
		m->shared_answer.error = step[3] & 1 ? step[3] * 100u : 0;
		m->shared_answer.address = (uint64_t)step[4] * PAGE;
		break;
	}
}

void script_fill_shared(const struct script *script, const uint8_t *step, struct message *m)
{
	m->number = kinds[step[1] % 128 % KINDS];
	switch (m->number) {
	case MSG_cap_look:
	case MSG_cap_next:
	case MSG_cap_derive:
	case MSG_cap_check:
	case MSG_cap_take:
	case MSG_cap_map:
	case MSG_cap_revoke:
	case MSG_cap_delete:
	case MSG_cap_notice_next:
	case MSG_offer_next:
	case MSG_move_look:
	case MSG_move_cancel:
		fill_cap(script, step, m);
		break;
	case MSG_shared_revoke:
	case MSG_next_mapping:
	case MSG_next_cap:
	case MSG_next_shared:
	case MSG_node_use:
	case MSG_shared_accept:
	case MSG_shared_answer:
		fill_tool(script, step, m);
		break;
	case MSG_import_close:
		m->import_close.import = script->seen[step[2] % SEEN];
		break;
	default:
		fill_shared(script, step, m);
		break;
	}
}
