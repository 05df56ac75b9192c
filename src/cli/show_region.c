/* SPDX-License-Identifier: MIT */
/*
 * show_region.c - `tract show r12`: one shared region in full, and who has it mapped
 */
#include "region.h"

#include <errno.h>
#include <stdio.h>

#include "out.h"
#include "words.h"

enum {
	REGION,
	SIZE,
	PROCESS,
	PID,
	OWNER,
	UID,
	USER,
	CEILING,
	STATE,
	MAPPED,
	PENDING,
	CAPABILITIES,
	NODE_TEXT,
	NODE,
	STRICT,
	PLACED,
	RESIDENT,
	HUGE_TEXT,
	HUGE,
	PAGE,
	IN_HUGE,
	FREEZABLE,
	CACHE,
	BACKING,
	FORCE,
	KEPT,
	AGE,
	COLUMNS
};

static const struct out_column columns[COLUMNS] = {
	[REGION] = { "region", "region", OUT_REGION },
	[SIZE] = { "size", "size", OUT_SIZE },
	[PROCESS] = { NULL, "process", OUT_PROCESS },
	[PID] = { NULL, "pid", OUT_COUNT },
	[OWNER] = { "owner", "owner", OUT_TEXT },
	[UID] = { NULL, "uid", OUT_COUNT },
	[USER] = { "charged to", "user", OUT_TEXT },
	[CEILING] = { "ceiling", "ceiling", OUT_TEXT },
	[STATE] = { "state", "state", OUT_TEXT },
	[MAPPED] = { "mapped by", "mapped", OUT_COUNT },
	[PENDING] = { "offers open", "pending", OUT_COUNT },
	[CAPABILITIES] = { "capabilities", "capabilities", OUT_COUNT },
	[NODE_TEXT] = { "NUMA node", NULL, OUT_TEXT },
	[NODE] = { NULL, "numa_node", OUT_COUNT },
	[STRICT] = { NULL, "strict", OUT_YES_NO },
	[PLACED] = { "placed", NULL, OUT_TEXT },
	[RESIDENT] = { "in memory", "resident", OUT_SIZE },
	[HUGE_TEXT] = { "huge pages", NULL, OUT_TEXT },
	[HUGE] = { NULL, "huge_pages", OUT_YES_NO },
	[PAGE] = { NULL, "page_size", OUT_SIZE },
	[IN_HUGE] = { NULL, "in_huge_pages", OUT_SIZE },
	[FREEZABLE] = { "freezable", "freezable", OUT_YES_NO },
	[CACHE] = { "cache", "cache", OUT_TEXT },
	[BACKING] = { "replaced", "backing", OUT_COUNT },
	[FORCE] = { "taken back", "force", OUT_TEXT },
	[KEPT] = { "perhaps kept by", "kept", OUT_COUNT },
	[AGE] = { "age", "age_ms", OUT_AGE },
};

enum {
	M_PROCESS,
	M_PID,
	M_NAME,
	M_UID,
	M_USER,
	M_RIGHTS,
	M_PRIVATE,
	M_CAP,
	M_ADDRESS,
	M_COLUMNS
};

static const struct out_column mapping_columns[M_COLUMNS] = {
	[M_PROCESS] = { "PROCESS", "process", OUT_PROCESS },
	[M_PID] = { "PID", "pid", OUT_COUNT },
	[M_NAME] = { "MAPPED BY", "name", OUT_TEXT },
	[M_UID] = { NULL, "uid", OUT_COUNT },
	[M_USER] = { "USER", "user", OUT_TEXT },
	[M_RIGHTS] = { "RIGHTS", "rights", OUT_TEXT },
	[M_PRIVATE] = { "PRIVATE", "private", OUT_YES_NO },
	[M_CAP] = { "WITH", "capability", OUT_CAPABILITY },
	[M_ADDRESS] = { "ADDRESS", "address", OUT_ADDRESS },
};

enum { P_NODE, P_BYTES, P_COLUMNS };

/* For programs; for people it is a line of the record. */
static const struct out_column placement_columns[P_COLUMNS] = {
	[P_NODE] = { NULL, "numa_node", OUT_COUNT },
	[P_BYTES] = { NULL, "bytes", OUT_SIZE },
};

enum { T_REGION, T_MAPPINGS, T_PLACEMENT, TABLES };

/* What was asked of one region. */
struct found {
	struct tract_shared_info region;
	struct tract_placement placement;
	int placed; /* 0, or why that is not known, -errno */
};

static uint64_t bytes_of(uint64_t pages)
{
	return pages * tract_page_size();
}

static void set_owner(const struct cli *cli, struct out_table *table,
		      const struct tract_shared_info *region)
{
	char name[WORDS_MAX], all[2 * WORDS_MAX];

	out_set_number(table, REGION, region->number);
	out_set_number(table, SIZE, region->size);
	if (cli_has(cli, OPTION_JSON))
		out_set_number(table, PROCESS, region->owner);
	if (region->owner) {
		(void)words_process(region->pid, name);
		(void)snprintf(all, sizeof(all), "%s (process %d, p%llu)", name, region->pid,
			       (unsigned long long)region->owner);
		out_set_number(table, PID, (uint64_t)region->pid);
		out_set_text(table, OWNER, cli_has(cli, OPTION_JSON) ? name : all);
	} else if (!cli_has(cli, OPTION_JSON)) {
		out_set_text(table, OWNER, "nobody: it has ended");
	}
	out_set_number(table, UID, region->uid);
	out_set_text(table, USER, words_user(region->uid, name));
}

static void set_rights(struct out_table *table, const struct tract_shared_info *region)
{
	char text[WORDS_MAX];

	out_set_text(table, CEILING, words_permission(region->ceiling, text));
	out_set_text(table, STATE, words_state(region->state));
	out_set_number(table, MAPPED, region->mapped);
	out_set_number(table, PENDING, region->pending);
	out_set_number(table, CAPABILITIES, region->capabilities);
}

static void set_node(struct out_table *table, const struct tract_shared_info *region)
{
	bool strict = region->flags & TRACT_SHARED_STRICT_NODE;
	char text[WORDS_MAX];

	(void)snprintf(text, sizeof(text), "%u%s", region->numa_node,
		       strict ? ", and no other" : ", preferably");
	out_set_text(table, NODE_TEXT, region->numa_node == TRACT_NODE_ANY ? "any" : text);
	if (region->numa_node != TRACT_NODE_ANY)
		out_set_number(table, NODE, region->numa_node);
	out_set_number(table, STRICT, strict);
}

/* "node 0: 8.0 KiB, node 1: 4.0 KiB" */
static void set_placed(struct out_table *table, const struct found *found)
{
	const struct tract_placement *placement = &found->placement;
	char text[2048] = "", size[WORDS_MAX];
	size_t used = 0;

	for (uint32_t i = 0; i < placement->nodes && i < TRACT_PLACEMENT_NODES; i++)
		if (placement->node[i])
			used += (size_t)snprintf(
				text + used, sizeof(text) - used, "%snode %u: %s",
				used ? ", " : "", i,
				words_size(bytes_of(placement->node[i]), size));
	if (placement->unknown)
		(void)snprintf(text + used, sizeof(text) - used, "%selsewhere: %s",
			       used ? ", " : "",
			       words_size(bytes_of(placement->unknown), size));
	if (found->placed < 0)
		(void)snprintf(text, sizeof(text), "unknown: %s", out_reason(found->placed));
	out_set_text(table, PLACED, *text ? text : "nowhere yet");
}

static void set_huge(struct out_table *table, const struct found *found)
{
	const struct tract_shared_info *region = &found->region;
	bool all = region->flags & TRACT_SHARED_HUGE_PAGES;
	uint64_t huge = found->placed == 0 ? bytes_of(found->placement.huge) : 0;
	char text[2 * WORDS_MAX], size[WORDS_MAX];

	(void)snprintf(text, sizeof(text), "%s", all ? "yes" : "no");
	if (region->align > tract_page_size())
		(void)snprintf(text, sizeof(text), "yes, of %s, which the host had set aside",
			       words_size(region->align, size));
	else if (huge > 0)
		(void)snprintf(text, sizeof(text), "%s, %s now", all ? "yes" : "not all",
			       words_size(huge, size));
	out_set_text(table, HUGE_TEXT, text);
	out_set_number(table, HUGE, all);
	out_set_number(table, PAGE, region->align);
	if (found->placed == 0)
		out_set_number(table, IN_HUGE, huge);
}

static void set_memory(struct out_table *table, const struct found *found)
{
	const struct tract_shared_info *region = &found->region;

	out_set_number(table, RESIDENT, region->resident);
	set_huge(table, found);
	out_set_number(table, FREEZABLE, (region->flags & TRACT_SHARED_FREEZABLE) != 0);
	out_set_text(table, CACHE, words_cache(region->cache));
	out_set_number(table, BACKING, region->backing);
	out_set_text(table, FORCE, words_force(region->force));
	out_set_number(table, KEPT, region->kept);
}

static void fill(const struct cli *cli, struct out_table *table, const struct found *found)
{
	const struct tract_shared_info *region = &found->region;

	out_row(table);
	set_owner(cli, table, region);
	set_rights(table, region);
	set_node(table, region);
	set_placed(table, found);
	set_memory(table, found);
	out_set_number(table, AGE, region->age_ms);
}

/* 0, or -errno. */
static int fill_mappings(const struct cli *cli, struct out_table *table, uint64_t number)
{
	struct tract_mapped_info mapped = { .process = 0 };
	char text[WORDS_MAX];
	int r;

	while ((r = tract_next_mapping_of(cli->ctx, number, mapped.process, &mapped)) == 0) {
		out_row(table);
		out_set_number(table, M_PROCESS, mapped.process);
		out_set_number(table, M_PID, (uint64_t)mapped.pid);
		out_set_text(table, M_NAME, words_process(mapped.pid, text));
		out_set_number(table, M_UID, mapped.uid);
		out_set_text(table, M_USER, words_user(mapped.uid, text));
		out_set_text(table, M_RIGHTS, words_permission(mapped.permission, text));
		out_set_number(table, M_PRIVATE, mapped.alone);
		out_set_number(table, M_CAP, mapped.capability);
		if (mapped.address)
			out_set_number(table, M_ADDRESS, mapped.address);
		else if (!cli_has(cli, OPTION_JSON))
			out_set_text(table, M_ADDRESS, "-");
	}
	return r == -ENOENT ? 0 : r;
}

static void add_place(struct out_table *table, uint64_t pages)
{
	out_row(table);
	out_set_number(table, P_BYTES, bytes_of(pages));
}

static void fill_placement(struct out_table *table, const struct tract_placement *placement)
{
	for (uint32_t i = 0; i < placement->nodes && i < TRACT_PLACEMENT_NODES; i++) {
		if (!placement->node[i])
			continue;
		add_place(table, placement->node[i]);
		out_set_number(table, P_NODE, i);
	}
	/* Without a node. */
	if (placement->unknown)
		add_place(table, placement->unknown);
}

static int show(const struct cli *cli, struct found *found, struct out_table *tables[TABLES])
{
	uint64_t number = found->region.number;
	int r;

	found->placed = tract_placement_of(cli->ctx, number, &found->placement);
	fill(cli, tables[T_REGION], found);
	fill_placement(tables[T_PLACEMENT], &found->placement);
	r = fill_mappings(cli, tables[T_MAPPINGS], number);
	if (r == 0)
		return out_print(tables, cli_has(cli, OPTION_JSON) ? TABLES : T_PLACEMENT);
	out_failed(r, "cannot show region r%llu", (unsigned long long)number);
	return out_exit_of(r);
}

int show_region(const struct cli *cli, uint64_t number)
{
	struct found found = { .placed = 0 };
	struct out_table *tables[TABLES];
	int end = region_find(cli, number, &found.region);

	if (end != CLI_OK)
		return end;
	tables[T_REGION] = out_record_new(cli, "regions", columns, COLUMNS);
	tables[T_MAPPINGS] = out_table_new(cli, "mappings", mapping_columns, M_COLUMNS);
	tables[T_PLACEMENT] = out_table_new(cli, "placement", placement_columns, P_COLUMNS);
	end = show(cli, &found, tables);
	for (unsigned i = 0; i < TABLES; i++)
		out_table_free(tables[i]);
	return end;
}
