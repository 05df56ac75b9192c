/* SPDX-License-Identifier: MIT */
/*
 * state.h - what an export may do next; a table
 */
#ifndef SEGMENT_STATE_H
#define SEGMENT_STATE_H

enum export_state { EXPORT_BOUND = 0, EXPORT_PUBLISHED, EXPORT_STATES };

enum export_verb {
	EXPORT_PUBLISH = 0,
	EXPORT_REPUBLISH,
	EXPORT_UNPUBLISH,
	EXPORT_REBIND,
	EXPORT_DESTROY,
	EXPORT_VERBS
};

/* 0, or the error that refuses @verb in @state. */
int export_refusal(enum export_state state, enum export_verb verb);

#endif
