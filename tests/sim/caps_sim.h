/* SPDX-License-Identifier: MIT */
/*
 * caps_sim.h - capabilities, the model beside them, and how the two are compared
 */
#ifndef TESTS_SIM_CAPS_SIM_H
#define TESTS_SIM_CAPS_SIM_H

#include "caps_model.h"

/* The time of a step is its number, and this. */
#define SECONDS 77u

struct sim {
	struct model model;
	struct cap_space space;
	struct cap_table table[MODEL_PROCESSES];
	struct cap_object object[MODEL_OBJECTS];
	struct cap_end end;
	uint64_t chance;
	uint32_t busy;	/* one step in so many ends something */
	uint32_t harsh; /* one end in so many is a large one */
	uint32_t steps;
	uint32_t told; /* of ends, at this step */
	bool loud;
	bool failing; /* memory, at this step */
	const char *lie;
};

/* The first @rule that was not kept is the run's lie. */
void expect(struct sim *sim, bool kept, const char *rule);
/* With --replay. */
void say(struct sim *sim, const char *what, int by, uint64_t token, uint64_t more, int r);
bool one_in(struct sim *sim, uint32_t n);
int holder_of(const struct sim *sim, const struct cap_table *table);

/* What the capabilities' user is told; each that ends was to end, in that way, once. */
void ended(void *arg, struct cap *cap);
/* Drains a process' notices: they are what the model has. */
void drain(struct sim *sim, int process);
/* Everything. */
void compare(struct sim *sim);

#endif
