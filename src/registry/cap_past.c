/* SPDX-License-Identifier: MIT */
#include "registry/cap_past.h"

void cap_past_notify(struct cap_past *past, struct cap_notice notice)
{
	if (past->count == CAP_NOTICES) {
		past->first = (past->first + 1) % CAP_NOTICES;
		past->count--;
		past->dropped++;
	}
	past->notice[(past->first + past->count) % CAP_NOTICES] = notice;
	past->count++;
}

void cap_past_remember(struct cap_past *past, uint64_t token, uint8_t fate)
{
	past->token[past->next] = token;
	past->fate[past->next] = fate;
	past->next = (past->next + 1) % CAP_REMEMBERED;
}

uint8_t cap_past_fate(const struct cap_past *past, uint64_t token)
{
	for (uint32_t i = 0; i < CAP_REMEMBERED; i++)
		if (past->token[i] == token && past->fate[i])
			return past->fate[i];
	return 0;
}
