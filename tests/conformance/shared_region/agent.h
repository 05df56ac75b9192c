/* SPDX-License-Identifier: MIT */
/*
 * agent.h - the inside of an agent
 *
 * An agent is no test and uses nothing of the runner's: what goes wrong beside what it was
 * asked for ends it, and its test hears no more from it.
 */
#ifndef TESTS_CONFORMANCE_SHARED_REGION_AGENT_H
#define TESTS_CONFORMANCE_SHARED_REGION_AGENT_H

#include "rig.h"

struct slot {
	shared_region *region;
	unsigned char *at;
};

struct performer {
	int channel;
	shared_region_client *client;
	struct slot slot[SLOTS];
};

struct answer {
	int64_t code;
	uint64_t v[VALUES];
};

/* Sets answer->v, and returns the code.  @v are the deed's arguments. */
typedef int deed_fn(struct performer *p, const uint64_t *v, uint64_t *said);
extern deed_fn *const deeds[DEEDS];

/* hostile.c */
deed_fn do_hoard, do_keep, do_kept_sees, do_kept_stores, do_tamper, do_babble;
deed_fn do_deaf;
/* grip.c */
deed_fn do_grip, do_grip_look, do_grip_store, do_hammer, do_secede;
/* race.c */
deed_fn do_race;

/* Says why, and ends the agent. */
__attribute__((noreturn, format(printf, 1, 2))) void give_up(const char *format, ...);
/* The slot's number comes from the test. */
struct slot *slot_of(struct performer *p, uint64_t number);
/* load_fault() and store_fault() of an agent. */
int agent_touch(void *at, const unsigned char *store, unsigned char *ret_loaded);

#endif
