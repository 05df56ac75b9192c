/* SPDX-License-Identifier: MIT */
#include "broker/cache.h"

#include <errno.h>

int cache_check(uint32_t policy)
{
	switch (policy) {
	case CACHE_WRITE_BACK:
		return 0;
	/* Linux has no way to ask for these of ordinary memory, and what a driver exports is
	 * not among our objects. */
	case CACHE_WRITE_THROUGH:
	case CACHE_UNCACHED:
	case CACHE_WRITE_COMBINING:
		return -EOPNOTSUPP;
	default:
		return -EINVAL;
	}
}
