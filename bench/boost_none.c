/* SPDX-License-Identifier: MIT */
/* boost_none.c - in place of boost_open.cpp where Boost is not installed */
#include "boost_open.h"

int boost_make(size_t bytes)
{
	(void)bytes;
	return -1;
}

int boost_open_once(void)
{
	return -1;
}

void boost_end(void)
{
}
