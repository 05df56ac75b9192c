/* SPDX-License-Identifier: MIT */
/*
 * inspect.h - what questions for tools have in common
 */
#ifndef CLIENT_INSPECT_H
#define CLIENT_INSPECT_H

#include <tract/shared.h>

#include "wire/wire.h"

/*
 * Asks, and expects @expected in *@reply; what goes to *@ret is -EINVAL if that is NULL.  An
 * empty node and a node without a broker look the same: nothing is there, -ENOENT.
 */
int inspect_ask(struct tract *ctx, struct message *request, enum msg_number expected,
		const void *ret, struct message *reply);

/* The answer to "where are its pages?", for programs. */
struct tract_placement inspect_placement(const struct msg_shared_placed *placed);

#endif
