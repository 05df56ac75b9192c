/* SPDX-License-Identifier: MIT */
/*
 * revoke.c - taking back what others have of a shared region
 */
#include "cli.h"

#include <errno.h>
#include <stdio.h>

#include "out.h"
#include "region.h"
#include "words.h"

enum { REGION, CAPABILITIES, MAPPINGS, PROCESSES, FORCE, COPIED, COLUMNS };

static const struct out_column columns[COLUMNS] = {
	[REGION] = { NULL, "region", OUT_REGION },
	[CAPABILITIES] = { NULL, "capabilities", OUT_COUNT },
	[MAPPINGS] = { NULL, "mappings", OUT_COUNT },
	[PROCESSES] = { NULL, "processes", OUT_COUNT },
	[FORCE] = { NULL, "force", OUT_TEXT },
	[COPIED] = { NULL, "copied", OUT_SIZE },
};

static void tell(uint64_t region, const struct tract_revoked *revoked)
{
	char text[WORDS_MAX];

	printf("r%llu: ", (unsigned long long)region);
	if (revoked->capabilities + revoked->mappings + revoked->processes == 0 &&
	    revoked->copied == 0) {
		puts("there was nothing to take back");
		return;
	}
	printf("%u capabilit%s and %u mapping%s ended", revoked->capabilities,
	       revoked->capabilities == 1 ? "y" : "ies", revoked->mappings,
	       revoked->mappings == 1 ? "" : "s");
	if (revoked->processes)
		printf("; %u process%s it no more (%s)", revoked->processes,
		       revoked->processes == 1 ? " has" : "es have",
		       words_force(revoked->force));
	if (revoked->copied)
		printf("; %s copied", words_size(revoked->copied, text));
	(void)putchar('\n');
}

static int report(const struct cli *cli, uint64_t region, const struct tract_revoked *revoked)
{
	struct out_table *table;
	int end;

	if (!cli_has(cli, OPTION_JSON)) {
		tell(region, revoked);
		return CLI_OK;
	}
	table = out_table_new(cli, "revocations", columns, COLUMNS);
	out_row(table);
	out_set_number(table, REGION, region);
	out_set_number(table, CAPABILITIES, revoked->capabilities);
	out_set_number(table, MAPPINGS, revoked->mappings);
	out_set_number(table, PROCESSES, revoked->processes);
	out_set_text(table, FORCE, words_force(revoked->force));
	out_set_number(table, COPIED, revoked->copied);
	end = out_print(&table, 1);
	out_table_free(table);
	return end;
}

/* ---- which process is meant ------------------------------------------------------------- */

/* A process of the kernel's may be several on the node: every connection counts as one. */
struct match {
	int32_t pid;
	uint64_t first, second; /* numbers; 0: none */
};

static void consider(struct match *match, int32_t pid, uint64_t number)
{
	if (pid != match->pid || number == 0 || number == match->first)
		return;
	if (match->first == 0)
		match->first = number;
	else
		match->second = number;
}

/* 0, or -errno. */
static int look_for(const struct cli *cli, const struct tract_shared_info *region,
		    struct match *match)
{
	struct tract_mapped_info mapped = { .process = 0 };
	struct tract_capability_info cap = { .id = 0 };
	int r;

	consider(match, region->pid, region->owner);
	while ((r = tract_next_mapping_of(cli->ctx, region->number, mapped.process, &mapped)) ==
	       0)
		consider(match, mapped.pid, mapped.process);
	if (r != -ENOENT)
		return r;
	while ((r = tract_next_capability(cli->ctx, region->number, cap.id, &cap)) == 0)
		consider(match, cap.pid, cap.holder);
	return r == -ENOENT ? 0 : r;
}

static int find_process(const struct cli *cli, const struct tract_shared_info *region,
			uint64_t *ret_number)
{
	struct match match = { .pid = 0 };
	uint64_t pid = 0;
	int r;

	if (options_name(cli->process, 'p', ret_number))
		return CLI_OK;
	(void)options_number(cli->process, INT32_MAX, &pid);
	match.pid = (int32_t)pid;
	r = look_for(cli, region, &match);
	if (r < 0) {
		out_failed(r, "cannot look at region r%llu",
			   (unsigned long long)region->number);
		return out_exit_of(r);
	}
	if (match.first == 0) {
		out_error("process %d has nothing of region r%llu.  `tract show` and `tract "
			  "caps` tell who has.",
			  match.pid, (unsigned long long)region->number);
		return CLI_REFUSED;
	}
	if (match.second != 0) {
		out_error("process %d is on the node more than once, as p%llu and p%llu: say "
			  "which",
			  match.pid, (unsigned long long)match.first,
			  (unsigned long long)match.second);
		return CLI_REFUSED;
	}
	*ret_number = match.first;
	return CLI_OK;
}

/* ---- the verb --------------------------------------------------------------------------- */

static int failed(const struct tract_revocation *what, int r)
{
	switch (r) {
	case -EREMOTEIO:
	case -ETIMEDOUT:
	case -EMFILE:
	case -ENOMEM:
		out_error(
			"region r%llu: rights have ended, but its memory may be in use still: "
			"%s",
			(unsigned long long)what->number, out_reason(r));
		return CLI_KEPT;
	default:
		out_error("cannot take region r%llu back: %s", (unsigned long long)what->number,
			  out_reason(r));
		return out_exit_of(r);
	}
}

static int revoke(const struct cli *cli, struct tract_revocation *what)
{
	struct tract_shared_info region;
	struct tract_revoked revoked;
	int end, r;

	end = region_find(cli, what->number, &region);
	if (end == CLI_OK && cli->process)
		end = find_process(cli, &region, &what->process);
	if (end != CLI_OK)
		return end;
	r = tract_revoke(cli->ctx, what, &revoked);
	return r == 0 ? report(cli, what->number, &revoked) : failed(what, r);
}

int verb_revoke(const struct cli *cli)
{
	struct tract_revocation what = { .capability = cli->capability,
					 .force = cli_has(cli, OPTION_FORCE)
							  ? cli->force
							  : TRACT_FORCE_BY_USER };
	int end = region_operand(cli, 0, &what.number);

	if (end != CLI_OK)
		return end;
	if (cli->process && cli_has(cli, OPTION_CAPABILITY))
		return out_usage("either --capability or --process");
	return revoke(cli, &what);
}
