/* SPDX-License-Identifier: MIT */
/*
 * errand.h - what another process wants changed in this one's map
 *
 * Carried out by the service thread, by the rules that the program's own calls keep, and then
 * answered.  It takes no lock that is held across a call to the broker: two processes may be
 * asking each other at the same time.
 */
#ifndef MAP_ERRAND_H
#define MAP_ERRAND_H

#include "map/places.h"

/* False if the event is none.  @fd: the region to attach, or -1. */
bool errand_on_event(struct session *session, const struct message *event, int *fd);

#endif
