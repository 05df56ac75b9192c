/* SPDX-License-Identifier: MIT */
/*
 * env_modern.c - the environment, as the modern generation lays it out
 */
#define L4RE_MODERN
#include <l4/re/env.h>

#include "compat/l4re/l4re.h"

static l4re_env_cap_entry_t caps[] = {
	{ .cap = L4_RM_CAP, .name = "rm" },
	{ .cap = L4_MEM_ALLOC_CAP, .name = "mem_alloc" },
	{ .cap = L4_BASE_LOG_CAP, .name = "log" },
	{ .cap = L4_BASE_FACTORY_CAP, .name = "factory" },
	{ .cap = L4_BASE_SCHEDULER_CAP, .name = "scheduler" },
	{ .cap = L4_INVALID_CAP, .flags = ~0UL },
};

static l4re_env_t modern = {
	.parent = L4_INVALID_CAP,
	.rm = L4_RM_CAP,
	.mem_alloc = L4_MEM_ALLOC_CAP,
	.log = L4_BASE_LOG_CAP,
	.main_thread = L4_BASE_THREAD_CAP,
	.factory = L4_BASE_FACTORY_CAP,
	.scheduler = L4_BASE_SCHEDULER_CAP,
	.itas = L4_INVALID_CAP,
	.dbg_events = L4_INVALID_CAP,
	.first_free_cap = L4_FIRST_FREE,
	.first_free_reply_cap = L4_INVALID_CAP,
	.caps = caps,
};

L4_API l4re_env_t *l4re_global_env = &modern;
