/* SPDX-License-Identifier: MIT */
/*
 * cap_past.h - what a holder is still to learn, and what it may still ask, of what has ended
 *
 * Two rings of fixed size: notices, until they are drained, and the tokens that ended last.
 */
#ifndef REGISTRY_CAP_PAST_H
#define REGISTRY_CAP_PAST_H

#include <stdint.h>

#define CAP_NOTICES 256u
#define CAP_REMEMBERED 256u

enum cap_reason {
	CAP_EXPLICIT = 0,
	CAP_PARENT_REVOKED = 1,
	CAP_PROCESS_EXIT = 2,
	CAP_POLICY_ENFORCED = 3,
};

struct cap_notice {
	uint64_t token;
	uint64_t seconds; /* since boot */
	enum cap_reason reason;
};

struct cap_past {
	struct cap_notice notice[CAP_NOTICES];
	uint32_t first; /* the oldest notice */
	uint32_t count;
	uint64_t dropped;
	uint32_t next; /* of the tokens, the oldest, to be overwritten */
	uint64_t token[CAP_REMEMBERED];
	uint8_t fate[CAP_REMEMBERED]; /* enum cap_state; 0: nothing is here yet */
};

void cap_past_notify(struct cap_past *past, struct cap_notice notice);
void cap_past_remember(struct cap_past *past, uint64_t token, uint8_t fate);
/* 0 if it is not, or no longer, remembered. */
uint8_t cap_past_fate(const struct cap_past *past, uint64_t token);

#endif
