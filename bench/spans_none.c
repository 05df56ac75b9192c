/* SPDX-License-Identifier: MIT */
#include "spans_map.h"

int map_fill(const uintptr_t *start, const uintptr_t *last, size_t count)
{
	(void)start;
	(void)last;
	(void)count;
	return -1;
}

uintptr_t map_find(const uintptr_t *address, size_t count, size_t times, int waiting)
{
	(void)address;
	(void)count;
	(void)times;
	(void)waiting;
	return 0;
}

void map_change(const uintptr_t *start, size_t count, size_t times)
{
	(void)start;
	(void)count;
	(void)times;
}
