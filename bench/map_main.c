/* SPDX-License-Identifier: MIT */
/*
 * map_main.c - the region map: attaching, finding, paging
 *
 *	bench-map RESULTS
 *
 * One process and no broker.  What one thread does alone is timed by the time that it had the
 * processor: who else runs here does not count.
 */
#include <tract/region.h>

#include "harness.h"
#include "map.h"

int main(int argc, char **argv)
{
	const struct tract_region_spec spec = { .size = PAGE };
	struct tract_region *region;

	if (argc != 2)
		die("usage: bench-map RESULTS");
	if (tract_page_size() != PAGE)
		die("pages here are not of 4096 bytes");
	report_open(argv[1]);
	if (tract_region_create_local(&spec, &region) < 0)
		die("cannot make a region: %s", tract_reason());
	row_attach(region);
	row_find(region);
	row_fault();
	tract_region_close(region);
	return 0;
}
