/* SPDX-License-Identifier: MIT */
/*
 * inspect.h - what a tool may see
 *
 * A user sees what its own processes hold; the broker's user and root see everything.
 */
#ifndef REGISTRY_INSPECT_H
#define REGISTRY_INSPECT_H

#include "registry/call.h"

struct shared;

/* What is @uid's? */
bool inspect_sees(const struct call *call, uint32_t uid);
/* The region, if its payer is seen, or it concerns the caller; or NULL. */
struct shared *inspect_shared(const struct call *call, uint64_t number);
/* In milliseconds. */
uint64_t inspect_age(const struct call *call, uint64_t since);
/* There is no row after this one.  Not logged: every walk ends so. */
int inspect_end(const struct call *call);

#endif
