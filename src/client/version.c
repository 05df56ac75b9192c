/* SPDX-License-Identifier: MIT */
#include <tract/context.h>

#ifndef TRACT_VERSION
#define TRACT_VERSION "0.0.0"
#endif

const char *tract_version(void)
{
	return TRACT_VERSION;
}
