/* SPDX-License-Identifier: MIT */
/*
 * scene.h - everything an exporter and its importers do with each other, once through
 *
 * An exporter, an importer, one that waits, and a bystander who looks at the node; and a broker
 * that the test started.  The scene plays to its end whoever dies meanwhile: each of the others
 * answers every question within a second.
 */
#ifndef TESTS_FAULT_SCENE_H
#define TESTS_FAULT_SCENE_H

#include "crew.h"

enum role { EXPORTER, IMPORTER, WAITER, BYSTANDER, ROLES };

struct scene {
	struct member cast[ROLES];
	pid_t broker;  /* 0: died, and reaped */
	bool replaced; /* the first one died before it could serve */
	int memfds;    /* of the broker's, before anything was made */
	int failed;    /* deeds of the one with the fault that did not succeed at once */
	enum role who; /* has the fault; ROLES: nobody, or the broker */
	bool may_fail; /* that one's deeds, once each */
	bool died;     /* that one of itself, not when all were ended */
	char visits[ROLES + 1][128];
};

extern const char *const role_names[ROLES + 1];

/* @fault: TRACT_FAULT for @who; for the broker if that is ROLES; NULL: for nobody. */
void scene_up(struct scene *s, enum role who, const char *fault);
void scene_play(struct scene *s);
void scene_down(struct scene *s);
/* Survivors give up what they hold; then nothing of theirs or of the dead's is in the broker,
 * and ids can be used again. */
void scene_expect_nothing_left(struct scene *s);
/* Did a process come by there?  ROLES: the broker. */
bool scene_visited(const struct scene *s, enum role who, const char *point);

#endif
