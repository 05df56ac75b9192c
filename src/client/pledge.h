/* SPDX-License-Identifier: MIT */
/*
 * pledge.h - what an exporter says of itself where there is no broker
 *
 * A session that exports has a pledge (shm/layout.h), which it writes and its importers read,
 * and a lifeline: the reading end of a pipe that nobody ever writes to.  The kernel closes it
 * when the process ends or becomes another program, and importers hold the other end.
 */
#ifndef CLIENT_PLEDGE_H
#define CLIENT_PLEDGE_H

#include "client/session.h"

/* Before the session's first export; later calls do nothing.  One thread at a time. */
int pledge_make(struct session *session);
/*
 * The segment with this slot of the board is taken back and the broker has not heard of it:
 * from here on no check of an importer's succeeds.  Before a page of it is let go.
 */
void pledge_take_back(struct session *session, uint32_t slot);
/* For session.c: it ends. */
void pledge_end(struct session *session);

#endif
