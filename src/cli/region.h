/* SPDX-License-Identifier: MIT */
/*
 * region.h - shared regions, as verbs are told of them
 */
#ifndef CLI_REGION_H
#define CLI_REGION_H

#include "cli.h"

/* The operand is a region's name, and nothing that could be something else's.  CLI_OK, or
 * CLI_USAGE having said why. */
int region_operand(const struct cli *cli, int index, uint64_t *ret_number);
/* Finds it, without starting a broker.  CLI_OK, or how the command ends, having said why. */
int region_find(const struct cli *cli, uint64_t number, struct tract_shared_info *ret);

/* `tract show r12` */
int show_region(const struct cli *cli, uint64_t number);

#endif
