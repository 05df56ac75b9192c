/* SPDX-License-Identifier: MIT */
#include "registry/access.h"

#include <errno.h>

#define MODE_MAX 0666u

int access_check(const struct wire_access *access, uint32_t node, bool alone,
		 const char **ret_rule)
{
	if (alone && access->count > 1) {
		*ret_rule = "a node without peers takes at most one access entry; name this "
			    "node alone";
		return -EINVAL;
	}
	for (uint32_t i = 0; i < access->count; i++) {
		if (access->entry[i].mode > MODE_MAX) {
			*ret_rule = "an access entry's mode is at most 0666; use 4 for reading "
				    "and 2 for writing in each digit";
			return -EINVAL;
		}
		if (access->entry[i].node >= TRACT_NODES_MAX) {
			*ret_rule = "there is no such node as an access entry names; ids are "
				    "below 64";
			return -EINVAL;
		}
		if (alone && access->entry[i].node != node) {
			*ret_rule = "an access entry of a node without peers names that node; "
				    "use its own id";
			return -EINVAL;
		}
	}
	return 0;
}

static bool is_in_group(const struct registry_identity *who, uint32_t gid)
{
	if (who->gid == gid)
		return true;
	for (uint32_t i = 0; i < who->groups.count; i++)
		if (who->groups.gid[i] == gid)
			return true;
	return false;
}

/* There may be more that nobody has told. */
static bool knows_all_groups(const struct registry_identity *who)
{
	return who->groups.count < WIRE_GROUPS_MAX;
}

/* The classes are exclusive, as for files: an owner is judged by the owner's digit alone.  Who
 * may be of the group, and may be of the others, has what both have. */
static uint32_t digit_for(const struct access_question *question, uint32_t mode)
{
	const uint32_t owner = mode >> 6 & 7, group = mode >> 3 & 7, others = mode & 7;

	if (question->importer->uid == question->uid)
		return owner;
	if (is_in_group(question->importer, question->gid))
		return group;
	return knows_all_groups(question->importer) ? others : group & others;
}

int access_decide(const struct access_question *question)
{
	const struct wire_access *access = question->access;
	uint32_t mode = question->default_mode;
	uint32_t i = 0;

	if (access->count > 0) {
		/* The first entry for a node counts. */
		while (i < access->count && access->entry[i].node != question->node)
			i++;
		if (i == access->count)
			return -EXDEV;
		mode = access->entry[i].mode;
	}
	if (question->rights == 0 || question->importer->uid == 0)
		return 0;
	return question->rights & ~digit_for(question, mode & MODE_MAX) ? -EACCES : 0;
}
