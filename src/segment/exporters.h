/* SPDX-License-Identifier: MIT */
/*
 * exporters.h - which processes' memory this one imports, and whether they live
 *
 * While there is a broker, it tells of every exporter's end.  Once it is gone, nobody would,
 * and a barrier would go on closing over memory that nobody holds.  So a process asks for a
 * pidfd of each exporter when it first connects to one, and its service thread watches them
 * from the broker's end on.
 */
#ifndef SEGMENT_EXPORTERS_H
#define SEGMENT_EXPORTERS_H

#include "client/session.h"

/* Makes sure of @exporter, known to the broker as the one of @import.  Asks at most once. */
void exporters_know(struct session *session, uint64_t exporter, uint64_t import);

/*
 * In the service thread, when @session is lost: stays until the session ends, and calls @ended
 * for each exporter that has ended or that cannot be watched.
 */
void exporters_watch(struct session *session,
		     void (*ended)(struct session *session, uint64_t exporter));

/* A child of fork knows none. */
void exporters_before_fork(void);
void exporters_after_fork(bool in_child);

#endif
