/* SPDX-License-Identifier: MIT */
/*
 * context.h - what stands behind a struct tract
 *
 * A context knows its node's directory and the session this process has there, if any.  A
 * session that was lost stays with the context until tract_reconnect(), so that every call
 * says so; one inherited through fork is replaced by the child's own at its first need.
 */
#ifndef CLIENT_CONTEXT_H
#define CLIENT_CONTEXT_H

#include <tract/context.h>

#include "client/session.h"

struct tract {
	struct ref ref;
	char dir[112];
	struct mutex lock;
	struct session *session; /* under lock */
	struct tract *next;	 /* of all in the process, for fork */
};

struct tract *context_ref(struct tract *ctx);
/* NULL is allowed. */
void context_unref(struct tract *ctx);
DEFINE_SCOPE(context, struct tract, context_unref);

/* This process's session, opened now if need be.  The caller's reference. */
int context_session(struct tract *ctx, struct session **ret_session);
/* The same, but -ENOENT rather than start a broker. */
int context_session_if_any(struct tract *ctx, struct session **ret_session);

#endif
