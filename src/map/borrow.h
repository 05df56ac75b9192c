/* SPDX-License-Identifier: MIT */
/*
 * borrow.h - memory that other processes attached in this one's map
 *
 * To the map it is a region like any other: it is found, split, replaced and detached by the
 * same rules.  But it can be taken back: then there are zeros of this process's own, and they
 * stay until they are detached.  While its owner moves it, accesses to it wait.
 *
 * The service thread hears of all that; it takes the map's lock and never calls the broker.
 */
#ifndef MAP_BORROW_H
#define MAP_BORROW_H

#include "map/places.h"

/* A region of the memory that came with @asked.  -ENOMEM; -EMFILE if its descriptor is missing.
 */
int borrow_take(struct session *session, const struct msg_map_asked *asked, int *fd,
		struct tract_region **ret_region);

/* A private view is a copy from the beginning, which no taking back concerns.  -ENOMEM. */
int borrow_part(const struct place *place) REQUIRES(places_lock);

/* False if the event is about nothing that was borrowed. */
bool borrow_on_event(struct session *session, const struct message *event, int *fd);
/* There is no broker any more, and will be no event: nobody waits for one. */
void borrow_lost(const struct session *session);

#endif
