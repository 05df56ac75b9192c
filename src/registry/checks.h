/* SPDX-License-Identifier: MIT */
/*
 * checks.h - for the files that registry_check() is made of
 *
 * Each function returns the name of the first invariant that is not true, or NULL.
 */
#ifndef REGISTRY_CHECKS_H
#define REGISTRY_CHECKS_H

#define EXPECT_THAT(condition, name) \
	do {                         \
		if (!(condition))    \
			return name; \
	} while (0)

struct registry;
struct import;

const char *check_remote_import(const struct registry *registry, const struct import *import);
const char *check_remotes(const struct registry *registry);

#endif
