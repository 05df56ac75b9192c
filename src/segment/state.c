/* SPDX-License-Identifier: MIT */
#include "segment/state.h"

#include <assert.h>
#include <errno.h>

static const int refusal[EXPORT_STATES][EXPORT_VERBS] = {
	[EXPORT_BOUND] = { [EXPORT_REPUBLISH] = -ENOENT, [EXPORT_UNPUBLISH] = -ENOENT },
	[EXPORT_PUBLISHED] = { [EXPORT_PUBLISH] = -EALREADY },
};

int export_refusal(enum export_state state, enum export_verb verb)
{
	assert(state < EXPORT_STATES && verb < EXPORT_VERBS);
	return refusal[state][verb];
}
