/* SPDX-License-Identifier: MIT */
/*
 * access.h - who may connect
 *
 * Pure functions of an access list, a default mode and two identities.
 */
#ifndef REGISTRY_ACCESS_H
#define REGISTRY_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "registry/registry.h"

/* 0, or -EINVAL and the rule that refuses the list.  @alone: @node has no peers. */
int access_check(const struct wire_access *access, uint32_t node, bool alone,
		 const char **ret_rule);

struct access_question {
	const struct wire_access *access; /* the segment's list */
	uint32_t default_mode;		  /* for an empty list */
	uint32_t uid, gid;		  /* of the exporter, when it made the segment */
	uint32_t node;			  /* where the importer is */
	const struct registry_identity *importer;
	uint32_t rights; /* asked for; 0 always passes */
};

/* 0, -EXDEV if the list leaves @node out, -EACCES if the mode does not give the rights. */
int access_decide(const struct access_question *question);

#endif
