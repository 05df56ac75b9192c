/* SPDX-License-Identifier: MIT */
#include "caps_model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FORGOTTEN 256u

static void *more(void *array, size_t size)
{
	void *larger = realloc(array, size);

	if (!larger)
		abort();
	return larger;
}

void model_deinit(struct model *m)
{
	for (int p = 0; p < MODEL_PROCESSES; p++) {
		free(m->process[p].notices.event);
		free(m->process[p].past.event);
	}
	free(m->cap);
	(void)memset(m, 0, sizeof(*m));
}

void model_step(struct model *m)
{
	for (int p = 0; p < MODEL_PROCESSES; p++) {
		struct model_events *past = &m->process[p].past;

		for (uint32_t i = past->count; i > 0 && past->event[i - 1].step == m->step; i--)
			past->event[i - 1].after = past->count;
	}
	m->step++;
	m->ended = 0;
}

/* ---- looking ---------------------------------------------------------------------------- */

bool model_is_live(const struct model_cap *cap)
{
	return cap->state == CAP_OFFERED || cap->state == CAP_HELD;
}

int model_find(const struct model *m, int by, uint64_t token)
{
	for (int i = 0; i < m->count; i++)
		if (m->cap[i].token == token && m->cap[i].holder == by &&
		    model_is_live(&m->cap[i]))
			return i;
	return NOBODY;
}

static int find_anywhere(const struct model *m, uint64_t token)
{
	for (int i = 0; i < m->count; i++)
		if (m->cap[i].token == token && model_is_live(&m->cap[i]))
			return i;
	return NOBODY;
}

int model_root(const struct model *m, int object)
{
	for (int i = 0; i < m->count; i++)
		if (m->cap[i].object == object && model_is_live(&m->cap[i]) &&
		    m->cap[i].parent == NOBODY)
			return i;
	return NOBODY;
}

int model_moving(const struct model *m, int object)
{
	for (int i = 0; i < m->count; i++)
		if (m->cap[i].object == object && m->cap[i].state == CAP_OFFERED &&
		    m->cap[i].mode == CAP_MOVE)
			return i;
	return NOBODY;
}

uint32_t model_held(const struct model *m, int holder)
{
	uint32_t count = 0;

	for (int i = 0; i < m->count; i++)
		count += model_is_live(&m->cap[i]) && m->cap[i].holder == holder &&
			 m->cap[i].parent != NOBODY;
	return count;
}

int model_past(const struct model *m, int by, uint64_t token)
{
	const struct model_events *past = &m->process[by].past;

	for (uint32_t i = past->count; i > 0; i--) {
		const struct model_event *event = &past->event[i - 1];
		uint32_t after = event->step == m->step ? past->count : event->after;

		if (event->token != token)
			continue;
		if (past->count - after >= FORGOTTEN)
			return 0;
		if (past->count - event->before > FORGOTTEN)
			return -1;
		return event->fate == CAP_REVOKED ? 1 : 2;
	}
	return 0;
}

/* ---- making ----------------------------------------------------------------------------- */

static int room_for(const struct model *m, const struct model_plan *plan)
{
	if (plan->holder == NOBODY)
		return -ESRCH;
	if (plan->parent != NOBODY && model_moving(m, plan->object) != NOBODY)
		return -EBUSY;
	/* Roots take no room. */
	if (plan->parent == NOBODY)
		return 0;
	return model_held(m, plan->holder) < m->limit ? 0 : -EDQUOT;
}

int model_new_object(const struct model *m, int object, int owner, uint32_t ceiling,
		     struct model_plan *ret)
{
	*ret = (struct model_plan){ .object = object,
				    .holder = owner,
				    .parent = NOBODY,
				    .rights = ceiling | 0x78,
				    .state = CAP_HELD,
				    .mode = CAP_SHARE,
				    .same = NOBODY };
	return room_for(m, ret);
}

int model_derive(const struct model *m, int by, uint64_t parent, uint32_t rights, int target,
		 bool within, struct model_plan *ret)
{
	int i = model_find(m, by, parent);

	if (rights == 0)
		return -EINVAL;
	if (i == NOBODY)
		return -EBADF;
	if (within)
		rights &= m->cap[i].rights;
	if (rights == 0 || m->cap[i].state != CAP_HELD || !(m->cap[i].rights & CAP_GRANT) ||
	    (m->cap[i].rights & rights) != rights)
		return -EACCES;
	*ret = (struct model_plan){ .object = m->cap[i].object,
				    .holder = target,
				    .parent = i,
				    .rights = rights,
				    .state = target == by ? CAP_HELD : CAP_OFFERED,
				    .mode = CAP_SHARE,
				    .same = NOBODY };
	return room_for(m, ret);
}

/* Rights that a mode gives under the ceiling. */
static uint32_t wanted_of(const struct model *m, int object, enum cap_mode mode)
{
	static const uint32_t rights[] = { 0x4b, 0x43, 0x41 };

	return rights[mode] & (m->object[object].ceiling | CAP_GRANT | CAP_MAP);
}

static bool may_act(const struct model *m, int by, int object, int i)
{
	const struct model_cap *cap = &m->cap[i];

	return cap->object == object && cap->state == CAP_HELD && cap->holder == by &&
	       (cap->rights & CAP_GRANT) && (cap->rights & CAP_READ);
}

/* One that it may act under: the root, or what has all of @wanted, or any. */
static int best_of(const struct model *m, int by, int object, uint32_t wanted)
{
	int best = NOBODY;

	if (may_act(m, by, object, model_root(m, object)))
		return model_root(m, object);
	for (int i = 0; i < m->count; i++)
		if (may_act(m, by, object, i) &&
		    (best == NOBODY || (m->cap[i].rights & wanted) == wanted))
			best = i;
	return best;
}

int model_create(const struct model *m, int by, int object, int target, uint32_t mode,
		 struct model_plan *ret)
{
	int root = model_root(m, object), best;

	if (mode > 2 && mode != 0x100)
		return -EINVAL;
	if (by == target && (mode & 0xff) != CAP_MOVE)
		return -EINVAL;
	best = best_of(m, by, object, wanted_of(m, object, mode & 0xff));
	if (best == NOBODY || ((mode & 0xff) == CAP_MOVE && best != root))
		return -EACCES;
	*ret = (struct model_plan){ .object = object,
				    .holder = target,
				    .parent = best,
				    .state = CAP_OFFERED,
				    .mode = mode & 0xff,
				    .exclusive = mode & 0x100,
				    .same = target == by ? root : NOBODY };
	return target == by ? 0 : room_for(m, ret);
}

bool model_create_under(const struct model *m, int by, int parent, struct model_plan *plan)
{
	const struct model_cap *best = &m->cap[plan->parent];
	uint32_t wanted = wanted_of(m, plan->object, plan->mode);

	if (parent == NOBODY || !may_act(m, by, plan->object, parent))
		return false;
	plan->rights = m->cap[parent].rights & wanted;
	if (parent == plan->parent)
		return true;
	plan->parent = parent;
	/* Not the root though one has it, nor less than one could. */
	return best->parent != NOBODY &&
	       (plan->rights == wanted || (best->rights & wanted) != wanted);
}

int model_hand_over(const struct model *m, int object, int to)
{
	if (to == NOBODY)
		return -ESRCH;
	if (model_moving(m, object) != NOBODY)
		return -EBUSY;
	return 0;
}

void model_add(struct model *m, const struct model_plan *plan, uint64_t token)
{
	if (m->count == m->room) {
		m->room = m->room ? 2 * m->room : 64;
		m->cap = more(m->cap, (size_t)m->room * sizeof(*m->cap));
	}
	m->cap[m->count++] = (struct model_cap){ .token = token,
						 .object = plan->object,
						 .holder = plan->holder,
						 .parent = plan->parent,
						 .rights = plan->rights,
						 .state = plan->state,
						 .mode = plan->mode,
						 .exclusive = plan->exclusive };
}

int model_redeem(struct model *m, int by, uint64_t token)
{
	int i = model_find(m, by, token);

	if (i == NOBODY || m->cap[i].mode == CAP_MOVE)
		return -EBADF;
	m->cap[i].state = CAP_HELD;
	return 0;
}

/* ---- ending ----------------------------------------------------------------------------- */

static void append(struct model_events *events, struct model_event event)
{
	if (events->count == events->room) {
		events->room = events->room ? 2 * events->room : 16;
		events->event = more(events->event, events->room * sizeof(event));
	}
	events->event[events->count++] = event;
}

static void notify(struct model *m, int holder, int cap, enum cap_reason reason)
{
	struct model_event event = { .token = m->cap[cap].token,
				     .step = m->step,
				     .reason = reason };

	if (holder != NOBODY)
		append(&m->process[holder].notices, event);
}

static void remember(struct model *m, int holder, int cap, enum cap_state fate)
{
	struct model_events *past;
	struct model_event event = { .token = m->cap[cap].token,
				     .step = m->step,
				     .fate = fate };

	if (holder == NOBODY)
		return;
	past = &m->process[holder].past;
	event.before = past->count;
	if (past->count > 0 && past->event[past->count - 1].step == m->step)
		event.before = past->event[past->count - 1].before;
	append(past, event);
}

static void end_one(struct model *m, int i, enum cap_state fate, enum cap_reason reason, int by)
{
	struct model_cap *cap = &m->cap[i];
	int granter = cap->parent == NOBODY ? NOBODY : m->cap[cap->parent].holder;

	remember(m, cap->holder, i, fate);
	if (granter != cap->holder)
		remember(m, granter, i, fate);
	if (by != cap->holder && by != granter)
		remember(m, by, i, fate);
	if (fate == CAP_REVOKED)
		notify(m, cap->holder, i, reason);
	cap->was = cap->state;
	cap->state = fate;
	cap->reason = reason;
	cap->ended_at = m->step;
	cap->held_by = cap->holder;
	m->ended++;
}

static void adopt(struct model *m, int parent, int by)
{
	for (int i = 0; i < m->count; i++)
		if (model_is_live(&m->cap[i]) && m->cap[i].parent == parent)
			m->cap[i].parent = by;
}

static void revoke_below(struct model *m, int top, enum cap_reason reason, int by)
{
	for (int i = 0; i < m->count; i++)
		if (model_is_live(&m->cap[i]) && m->cap[i].parent == top)
			revoke_below(m, i, reason == CAP_EXPLICIT ? CAP_PARENT_REVOKED : reason,
				     by);
	end_one(m, top, CAP_REVOKED, reason, by);
}

static bool is_below_revoker(const struct model *m, int i, int by)
{
	int parent = m->cap[i].parent;

	if (parent == NOBODY)
		return false;
	if (m->cap[parent].holder == by && (m->cap[parent].rights & CAP_REVOKE))
		return true;
	return is_below_revoker(m, parent, by);
}

int model_revoke(struct model *m, int by, uint64_t token, uint32_t *ret_count)
{
	int i = find_anywhere(m, token), related = 0;

	*ret_count = 0;
	if (i == NOBODY)
		return model_past(m, by, token) == 1 ? 0 : -EBADF;
	if (m->cap[i].holder == by && m->cap[i].parent == NOBODY)
		return -EACCES;
	if (m->cap[i].holder != by && !is_below_revoker(m, i, by)) {
		for (int k = 0; k < m->count; k++)
			related += model_is_live(&m->cap[k]) && m->cap[k].holder == by &&
				   m->cap[k].object == m->cap[i].object;
		return related ? -EACCES : -EBADF;
	}
	revoke_below(m, i, CAP_EXPLICIT, by);
	*ret_count = m->ended;
	return 0;
}

void model_policy(struct model *m, int cap)
{
	revoke_below(m, cap, CAP_POLICY_ENFORCED, NOBODY);
}

void model_end_object(struct model *m, int object, enum cap_reason reason)
{
	revoke_below(m, model_root(m, object), reason, NOBODY);
	m->object[object].live = false;
}

int model_delete(struct model *m, int by, uint64_t token)
{
	int i = model_find(m, by, token);

	if (i == NOBODY)
		return -EBADF;
	if (m->cap[i].parent == NOBODY)
		return -EACCES;
	end_one(m, i, CAP_DELETED, CAP_EXPLICIT, NOBODY);
	adopt(m, i, m->cap[i].parent);
	return 0;
}

void model_exit(struct model *m, int process)
{
	/* The latest first: nobody is asked for his parent after that has ended. */
	for (int i = m->count - 1; i >= 0; i--) {
		int owner;

		if (!model_is_live(&m->cap[i]) || m->cap[i].holder != process)
			continue;
		if (m->cap[i].parent == NOBODY) {
			m->cap[i].holder = NOBODY;
			continue;
		}
		owner = m->cap[model_root(m, m->cap[i].object)].holder;
		if (owner != process)
			notify(m, owner, i, CAP_PROCESS_EXIT);
		end_one(m, i, CAP_DELETED, CAP_PROCESS_EXIT, NOBODY);
		adopt(m, i, m->cap[i].parent);
	}
	m->process[process].notices.count = 0;
	m->process[process].past.count = 0;
}

static void end_moved(struct model *m, int at, int move, int sender)
{
	bool senders = m->cap[at].holder == sender;

	for (int i = 0; i < m->count; i++)
		if (model_is_live(&m->cap[i]) && m->cap[i].parent == at)
			end_moved(m, i, move, sender);
	if (m->cap[at].parent == NOBODY || at == move)
		return;
	if (m->cap[move].exclusive ? m->cap[at].holder == m->cap[move].holder : !senders)
		return;
	end_one(m, at, CAP_REVOKED, senders ? CAP_EXPLICIT : CAP_PARENT_REVOKED, sender);
	adopt(m, at, m->cap[at].parent);
}

int model_move(struct model *m, int to, uint64_t token)
{
	int move = model_find(m, to, token), old, sender;

	if (move == NOBODY || m->cap[move].mode != CAP_MOVE ||
	    m->cap[move].state != CAP_OFFERED)
		return -EBADF;
	old = model_root(m, m->cap[move].object);
	sender = m->cap[old].holder;
	end_moved(m, old, move, sender);
	end_one(m, old, CAP_REVOKED, CAP_EXPLICIT, sender);
	m->cap[move].parent = NOBODY;
	adopt(m, old, move);
	m->cap[move].state = CAP_HELD;
	m->cap[move].rights = m->cap[old].rights;
	return 0;
}

void model_lower(struct model *m, int object, uint32_t ceiling)
{
	m->object[object].ceiling = ceiling;
	for (int i = 0; i < m->count; i++)
		if (m->cap[i].object == object && model_is_live(&m->cap[i]))
			m->cap[i].rights &= ceiling | 0x78;
}
