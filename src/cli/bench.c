/* SPDX-License-Identifier: MIT */
#include "bench.h"

#include "out.h"

int verb_bench(const struct cli *cli)
{
	uint32_t id = cli_has(cli, OPTION_ID) ? cli->id : BENCH_ID;
	int end;

	if (cli_has(cli, OPTION_SERVE) == cli_has(cli, OPTION_NODE))
		return out_usage("give `tract bench` --node to measure, or --serve to be "
				 "measured with");
	if (cli_has(cli, OPTION_SERVE) && cli_has(cli, OPTION_JSON))
		return out_usage("--json is for --node");
	if (cli_has(cli, OPTION_NODE) && cli_has(cli, OPTION_MODE))
		return out_usage("--mode is for --serve");
	end = cli_connect(cli);
	if (end != CLI_OK)
		return end;
	return cli_has(cli, OPTION_SERVE) ? bench_serve(cli)
					  : bench_measure(cli, cli->node, id);
}
