/* SPDX-License-Identifier: MIT */
/*
 * exporters.h - which processes' memory this one imports, and what is known of them
 *
 * While there is a broker, it tells of all that they take back, and of their end.  Once it is
 * gone, nobody would, and a barrier would go on closing over memory that nobody holds.  So a
 * process asks for three things when it first connects to an exporter.  In its pledge the
 * exporter writes what it takes back; that is looked at with the board, after every access.  A
 * pidfd tells of its death, and the other end of its lifeline also of exec; the service thread
 * watches both from the broker's end on.
 */
#ifndef SEGMENT_EXPORTERS_H
#define SEGMENT_EXPORTERS_H

#include "client/session.h"

struct exporter;

/*
 * Makes sure of the exporter with @key, known to the broker as the one of @import.  Asks at
 * most once for all that are to be watched, which takes a service thread.  The caller's
 * reference. -ESTALE if @import was taken back meanwhile; -ENOTCONN, -EMFILE, -ENOMEM, -EPROTO.
 */
int exporters_know(struct session *session, uint64_t key, uint64_t import, bool watch,
		   struct exporter **ret_exporter);
/* Not 0 once it has taken back, by itself, what has this slot of the board. */
const _Atomic uint32_t *exporter_word(const struct exporter *exporter, uint32_t slot);
/*
 * For who is not told: has its process ended, or become another program?  As far as can be
 * known, and some milliseconds late.
 */
bool exporter_has_ended(struct exporter *exporter);
/* NULL is allowed. */
void exporter_put(struct exporter *exporter);
DEFINE_SCOPE(exporter, struct exporter, exporter_put);

/*
 * In the service thread, when @session is lost: stays until the session ends, and calls @ended
 * for each exporter that has ended or that cannot be watched.
 */
void exporters_watch(struct session *session,
		     void (*ended)(struct session *session, uint64_t key));

/* A child of fork knows none; those that it has references to it can still look at. */
void exporters_before_fork(void);
void exporters_after_fork(bool in_child);

#endif
