/* SPDX-License-Identifier: MIT */
#include "map/map.h"

#include <errno.h>

#include "base/error.h"
#include "map/places.h"
#include "sys/vm.h"

struct tract_map *tract_map_own(void)
{
	static struct tract_map own;

	return &own;
}

int map_refuse_remote(void)
{
	return fail(-EPERM, "another process's map may be changed, not looked at");
}

void tract_map_limits(struct tract_map *map, void **ret_first, void **ret_last)
{
	uintptr_t first, last;

	(void)map;
	vm_limits(&first, &last);
	if (ret_first)
		*ret_first = (void *)first;
	if (ret_last)
		*ret_last = (void *)last;
}
