/* SPDX-License-Identifier: MIT */
#include "region.h"

#include <errno.h>

#include "out.h"

int region_operand(const struct cli *cli, int index, uint64_t *ret_number)
{
	const char *text = cli->operands[index];
	uint64_t number;

	if (options_name(text, 'r', ret_number))
		return CLI_OK;
	if (options_number(text, UINT64_MAX - 1, &number))
		return out_usage("\"%s\" might be a segment's id; a region has an r in front, "
				 "as in r12",
				 text);
	return out_usage("\"%s\" is no region; those are called r12 and so on", text);
}

static int there_is_none(uint64_t number)
{
	out_error("no region r%llu: there is none of yours on this node under that number.  "
		  "`tract regions` shows what is.",
		  (unsigned long long)number);
	return CLI_REFUSED;
}

int region_find(const struct cli *cli, uint64_t number, struct tract_shared_info *ret)
{
	int end, r;

	if (!cli_has_broker(cli))
		return there_is_none(number);
	end = cli_connect(cli);
	if (end != CLI_OK)
		return end;
	r = tract_next_shared(cli->ctx, number - 1, ret);
	if (r == -ENOENT || (r == 0 && ret->number != number))
		return there_is_none(number);
	if (r == 0)
		return CLI_OK;
	out_failed(r, "cannot look at region r%llu", (unsigned long long)number);
	return out_exit_of(r);
}
