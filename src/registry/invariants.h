/* SPDX-License-Identifier: MIT */
/*
 * invariants.h - parts of registry_check()
 *
 * Each function returns the name of the first invariant that is not true, or NULL.
 */
#ifndef REGISTRY_INVARIANTS_H
#define REGISTRY_INVARIANTS_H

#include "registry/state.h"

#define EXPECT_THAT(condition, name) \
	do {                         \
		if (!(condition))    \
			return name; \
	} while (0)

bool is_client(const struct registry *registry, const struct client *client);

const char *check_shareds(const struct registry *registry);
const char *check_holdings(const struct registry *registry);
const char *check_remote_import(const struct registry *registry, const struct import *import);
const char *check_remotes(const struct registry *registry);

#endif
