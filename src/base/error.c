/* SPDX-License-Identifier: MIT */
/*
 * error.c - the words that go with an error, one sentence per thread
 */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define REASON_MAX 320

static _Thread_local char reason[REASON_MAX];

int fail(int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(reason, sizeof(reason), format, args);
	va_end(args);
	return error;
}

void error_clear_reason(void)
{
	reason[0] = '\0';
}

const char *error_reason(void)
{
	return reason;
}

const char *error_name(int error)
{
	const char *name = strerrorname_np(error < 0 ? -error : error);

	return name ? name : "?";
}
