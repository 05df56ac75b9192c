/* SPDX-License-Identifier: MIT */
/*
 * call.h - one message from one client, and what may be said to it
 *
 * Every handler has the signature of call_handler and sits beside its noun.  It answers exactly
 * once, now or through a round, and returns 0; or it returns -errno, and the client is dropped.
 */
#ifndef REGISTRY_CALL_H
#define REGISTRY_CALL_H

#include "registry/registry.h"

struct client;

struct call {
	struct registry *registry;
	struct client *client;
	const struct message *message;
};

typedef int call_handler(const struct call *call);

/* All return 0, so that handlers can end with them. */
int call_answer(const struct call *call, struct message *answer, struct attachment attachment);
int call_done(const struct call *call);
/* @rule: a sentence that names the rule and says what to do; cut to WIRE_TEXT_MAX. */
int call_refuse(const struct call *call, int error, const char *rule, ...)
	__attribute__((format(printf, 3, 4)));
int call_refuse_memory(const struct call *call);

static inline struct attachment attach(enum attachment_kind kind, uint64_t object)
{
	return (struct attachment){ .kind = kind, .object = object };
}

#define ATTACH_NOTHING attach(ATTACH_NONE, 0)

/* One line of the log, "what key=value ...". */
void note(const struct registry *registry, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Zeroed memory, or NULL. */
void *registry_alloc(size_t size);
uint64_t registry_now(const struct registry *registry);
uint64_t registry_new_key(struct registry *registry);
uint64_t registry_new_object(struct registry *registry);

call_handler hello, events, heard;
call_handler region_create, region_offer, region_sysv, region_close;
call_handler region_fence, region_fenced, region_absorbed;
call_handler segment_create, segment_destroy, segment_rebind;
call_handler segment_publish, segment_republish, segment_unpublish;
call_handler import_connect, import_connect_through, import_post_far;
call_handler import_close, import_inherit;
call_handler pledge, import_exporter, import_lifeline, import_pledge;
call_handler segment_bell, import_bell, bell_poll, bell_poller;
call_handler map_offer, map_withdraw, map_get, map_change, map_answer;
call_handler shared_create, shared_open, shared_destroy, shared_give, shared_lower;
call_handler shared_map, shared_unmap, shared_where, shared_grant;
call_handler held_root, held_look, held_next, held_check, held_derive;
call_handler held_mark, held_pass, held_ticket, held_redeem;
call_handler held_take, held_map, held_revoke, held_delete, held_notice;
call_handler shared_accept, shared_map_into, shared_answer;
call_handler shared_export;
call_handler shared_place, shared_physical, node_use;
call_handler next_shared, next_mapping, next_cap, shared_revoke;
call_handler offer_make, offer_next, move_look, move_cancel;
call_handler next_segment, next_import, next_client;

#endif
