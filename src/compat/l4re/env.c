/* SPDX-License-Identifier: MIT */
/*
 * env.c - what a program finds when it starts, as both generations lay it out
 *
 * Initialised by the compiler, so that it is there before any constructor runs.
 */
#include <l4/re/env.h>

#include "compat/l4re/l4re.h"

/* Of the environment's objects, programs look these up by name. */
static l4re_env_cap_entry_t caps[] = {
	{ .cap = L4_RM_CAP, .name = "rm" },
	{ .cap = L4_MEM_ALLOC_CAP, .name = "mem_alloc" },
	{ .cap = L4_BASE_LOG_CAP, .name = "log" },
	{ .cap = L4_BASE_FACTORY_CAP, .name = "factory" },
	{ .cap = L4_BASE_SCHEDULER_CAP, .name = "scheduler" },
	{ .cap = L4_INVALID_CAP, .flags = ~0UL },
};

static l4re_env_t classic = {
	.parent = L4_INVALID_CAP,
	.rm = L4_RM_CAP,
	.mem_alloc = L4_MEM_ALLOC_CAP,
	.log = L4_BASE_LOG_CAP,
	.main_thread = L4_BASE_THREAD_CAP,
	.factory = L4_BASE_FACTORY_CAP,
	.scheduler = L4_BASE_SCHEDULER_CAP,
	.first_free_cap = L4_FIRST_FREE,
	.caps = caps,
};

L4_API l4re_env_t *l4re_global_env = &classic;
