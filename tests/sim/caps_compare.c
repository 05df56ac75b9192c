/* SPDX-License-Identifier: MIT */
#include "caps_sim.h"

#include <errno.h>

void ended(void *arg, struct cap *cap)
{
	struct sim *sim = arg;

	sim->told++;
	for (int i = sim->model.count - 1; i >= 0; i--) {
		struct model_cap *known = &sim->model.cap[i];

		if (known->token != cap->token || known->ended_at != sim->model.step)
			continue;
		expect(sim, known->state == cap->state, "it ended as it was to end");
		expect(sim, known->was == cap->was, "it was what it was");
		expect(sim, known->reason == cap->reason, "it ended for the true reason");
		expect(sim, known->held_by == holder_of(sim, cap->holder),
		       "it ended in its holder's hands");
		expect(sim, !cap_index_find(&sim->space.index, cap->token),
		       "nobody finds what has ended");
		known->ended_at = 0; /* once only */
		return;
	}
	expect(sim, false, "what ends was to end");
}

/* ---- notices ---------------------------------------------------------------------------- */

static bool take(struct model_events *events, const struct cap_notice *notice)
{
	for (uint32_t i = 0; i < events->count; i++) {
		struct model_event *event = &events->event[i];

		if (event->token != notice->token || event->reason != notice->reason)
			continue;
		event->token = 0;
		return true;
	}
	return false;
}

void drain(struct sim *sim, int process)
{
	static struct cap_notice notice[CAP_NOTICES + 1];
	struct model_events *events = &sim->model.process[process].notices;
	uint32_t got, kept = events->count < CAP_NOTICES ? events->count : CAP_NOTICES;
	uint64_t dropped, last = 0;

	expect(sim, cap_notices_count(&sim->table[process]) == kept, "notices are counted");
	got = cap_notices_drain(&sim->table[process], notice, CAP_NOTICES + 1, &dropped);
	say(sim, "drain", process, got, dropped, 0);
	expect(sim, got == kept, "all notices are drained");
	expect(sim, dropped == events->count - kept, "dropped notices are counted");
	for (uint32_t i = 0; i < got; i++) {
		expect(sim, take(events, &notice[i]), "a notice is the holder's");
		expect(sim, notice[i].seconds >= last, "notices are in order");
		last = notice[i].seconds;
	}
	/* What is left was dropped, and came before what was not. */
	for (uint32_t i = 0; i < events->count; i++)
		expect(sim,
		       events->event[i].token == 0 || got == 0 ||
			       events->event[i].step <= notice[0].seconds - SECONDS,
		       "the oldest notices are dropped");
	events->count = 0;
}

/* ---- comparing -------------------------------------------------------------------------- */

static void compare_live(struct sim *sim, int i)
{
	const struct model_cap *known = &sim->model.cap[i];
	const struct cap *cap = cap_index_find(&sim->space.index, known->token);

	expect(sim, cap != NULL, "what lives is found");
	if (!cap)
		return;
	expect(sim, holder_of(sim, cap->holder) == known->holder, "it has its holder");
	expect(sim, cap->object == &sim->object[known->object], "it is on its object");
	expect(sim, cap->rights == known->rights, "it has its rights");
	expect(sim, cap->state == known->state, "it is in its state");
	expect(sim, cap->mode == known->mode && cap->exclusive == known->exclusive,
	       "it has its mode");
	expect(sim,
	       cap->parent ? known->parent != NOBODY &&
				     cap->parent->token == sim->model.cap[known->parent].token
			   : known->parent == NOBODY,
	       "it has its parent");
}

static void compare_for(struct sim *sim, int i, int process)
{
	const struct model_cap *known = &sim->model.cap[i];
	enum cap_state fate = cap_fate(&sim->table[process], known->token);
	bool here = model_is_live(known) && known->holder == process;
	struct cap_info info;
	struct cap *cap = NULL;
	int past = model_past(&sim->model, process, known->token);
	/* All up to the lowest that it does not have. */
	uint32_t lacking = known->rights ^ (known->rights + 1);

	expect(sim, (cap_info(&sim->table[process], known->token, &info) == 0) == here,
	       "only the holder has it");
	expect(sim,
	       cap_require(&sim->table[process], known->token, known->rights, &cap) ==
		       (here ? 0 : -EBADF),
	       "only to the holder is it worth something");
	expect(sim,
	       cap_require(&sim->table[process], known->token, lacking, &cap) ==
		       (here ? -EACCES : -EBADF),
	       "it is worth no more than its rights");
	if (here)
		expect(sim, fate == known->state, "its fate is that it lives");
	else if (past >= 0)
		expect(sim,
		       fate == (past == 1   ? CAP_REVOKED
				: past == 2 ? CAP_DELETED
					    : 0),
		       "who knew it knows how it ended");
}

void compare(struct sim *sim)
{
	struct model *m = &sim->model;
	uint32_t live = 0;

	(void)cap_check(&sim->space, &sim->lie);
	for (int i = 0; i < m->count; i++) {
		if (model_is_live(&m->cap[i])) {
			compare_live(sim, i);
			live++;
		} else if (!one_in(sim, 20)) {
			continue;
		}
		for (int p = 0; p < MODEL_PROCESSES; p++)
			compare_for(sim, i, p);
	}
	expect(sim, sim->space.index.count == live, "nothing else lives");
	for (int p = 0; p < MODEL_PROCESSES; p++)
		expect(sim, sim->table[p].count == model_held(m, p), "a table has its own");
}
