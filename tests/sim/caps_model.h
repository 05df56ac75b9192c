/* SPDX-License-Identifier: MIT */
/*
 * caps_model.h - what registry/cap.h promises, so simple that it is right
 *
 * One array of all capabilities there ever were, which is walked, and recursion.  Who holds and
 * what is governed are small numbers.
 */
#ifndef TESTS_SIM_CAPS_MODEL_H
#define TESTS_SIM_CAPS_MODEL_H

#include "registry/cap.h"

#define MODEL_PROCESSES 5
#define MODEL_OBJECTS 3
#define NOBODY (-1)

struct model_cap {
	uint64_t token;
	int object, holder, parent; /* parent: an index; NOBODY: the root */
	uint32_t rights;
	enum cap_state state, was;
	enum cap_mode mode;
	bool exclusive;
	enum cap_reason reason;
	uint64_t ended_at; /* step */
	int held_by;	   /* when it ended */
};

/* What a holder was told, or remembers, of what ended at one step. */
struct model_event {
	uint64_t token, step;
	enum cap_reason reason;
	enum cap_state fate;
	/* How many it remembered before that step and after it. */
	uint32_t before, after;
};

struct model_events {
	struct model_event *event;
	uint32_t count, room;
};

struct model_process {
	struct model_events notices;
	struct model_events past;
};

struct model_object {
	bool live;
	uint32_t ceiling;
};

struct model {
	struct model_cap *cap;
	int count, room;
	uint32_t limit;
	uint64_t step;
	uint32_t ended; /* at this step */
	struct model_process process[MODEL_PROCESSES];
	struct model_object object[MODEL_OBJECTS];
};

/* What is to be made, if there is memory. */
struct model_plan {
	int object, holder, parent;
	uint32_t rights;
	enum cap_state state;
	enum cap_mode mode;
	bool exclusive;
	int same; /* nothing is made: this one is returned; or NOBODY */
};

void model_deinit(struct model *m);
/* Goes on to the next step. */
void model_step(struct model *m);

bool model_is_live(const struct model_cap *cap);
/* Indices, or NOBODY. */
int model_find(const struct model *m, int by, uint64_t token);
int model_root(const struct model *m, int object);
int model_moving(const struct model *m, int object);
uint32_t model_held(const struct model *m, int holder);
/* 0, or 1 or 2 if it is CAP_REVOKED or CAP_DELETED; -1: whether it is forgotten is not said. */
int model_past(const struct model *m, int by, uint64_t token);

/* What is expected: 0 or an error.  Nothing changes before model_add(). */
int model_new_object(const struct model *m, int object, int owner, uint32_t ceiling,
		     struct model_plan *ret);
int model_derive(const struct model *m, int by, uint64_t parent, uint32_t rights, int target,
		 bool within, struct model_plan *ret);
int model_create(const struct model *m, int by, int object, int target, uint32_t mode,
		 struct model_plan *ret);
/* Might it act under @parent?  Then the plan is for that one. */
bool model_create_under(const struct model *m, int by, int parent, struct model_plan *plan);
int model_hand_over(const struct model *m, int object, int to);
void model_add(struct model *m, const struct model_plan *plan, uint64_t token);

/* These do it, too, if 0 is expected. */
int model_redeem(struct model *m, int by, uint64_t token);
int model_revoke(struct model *m, int by, uint64_t token, uint32_t *ret_count);
int model_delete(struct model *m, int by, uint64_t token);
int model_move(struct model *m, int to, uint64_t token);
void model_policy(struct model *m, int cap);
void model_exit(struct model *m, int process);
void model_end_object(struct model *m, int object, enum cap_reason reason);
void model_lower(struct model *m, int object, uint32_t ceiling);

#endif
