/* SPDX-License-Identifier: MIT */
/*
 * switches.c - what a process may choose where generations, or tastes, differ
 */
#include <l4/re/c/tract.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "compat/l4re/l4re.h"

/* -1: the environment has not been looked at. */
static _Atomic int executable = -1;
static _Atomic int strict_rights = -1;

static int value_of(_Atomic int *setting, const char *variable)
{
	int value = atomic_load_explicit(setting, memory_order_relaxed), unset = -1;
	const char *text;

	if (value >= 0)
		return value;
	text = secure_getenv(variable);
	value = text && strcmp(text, "1") == 0;
	/* Whoever set it meanwhile meant it. */
	if (!atomic_compare_exchange_strong_explicit(
		    setting, &unset, value, memory_order_relaxed, memory_order_relaxed))
		return unset;
	return value;
}

static int choose(_Atomic int *setting, const char *variable, int on)
{
	int before = value_of(setting, variable);

	if (on < 0)
		return before;
	return atomic_exchange_explicit(setting, on != 0, memory_order_relaxed);
}

bool l4_is_executable(void)
{
	return value_of(&executable, "TRACT_L4RE_EXECUTABLE");
}

bool l4_has_strict_rights(void)
{
	return value_of(&strict_rights, "TRACT_L4RE_STRICT_RIGHTS");
}

L4_API int l4re_tract_executable(int on)
{
	return choose(&executable, "TRACT_L4RE_EXECUTABLE", on);
}

L4_API int l4re_tract_strict_rights(int on)
{
	return choose(&strict_rights, "TRACT_L4RE_STRICT_RIGHTS", on);
}
