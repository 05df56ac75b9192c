/* SPDX-License-Identifier: MIT */
/*
 * load.h - a file's bytes in memory that can be exported as it is
 */
#ifndef CLI_LOAD_H
#define CLI_LOAD_H

#include "cli.h"

struct loaded {
	void *address;	/* attached; given up with tract_detach() */
	size_t size;	/* whole pages, the last padded with zeros */
	uint64_t bytes; /* of the file */
};

/* Attached memory of whole pages for @bytes, all zeros.  As load_file(). */
int load_room(const struct cli *cli, uint64_t bytes, const char *name, struct loaded *ret);

/*
 * Reads @path, or standard input if it is NULL.  An exit status; what went wrong has been said.
 */
int load_file(const struct cli *cli, const char *path, struct loaded *ret);

#endif
