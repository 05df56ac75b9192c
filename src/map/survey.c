/* SPDX-License-Identifier: MIT */
/*
 * survey.c - what another process has mapped, and what of that is tract's
 *
 * All that is known of it the kernel says: bounds, rights, offsets and numbers by themselves,
 * and the rest by the names that our memory objects were given when they were made.  Names can
 * be forged, by a process that lies about itself: what is said here may be wrong then, but is
 * always in order and free of overlaps.
 */
#include <tract/inspect.h>

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bsd/sys/queue.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/scope.h"
#include "sys/proc.h"

#define AREA "/memfd:tract-area:"
#define BLOCKED_AREA "/memfd:tract-blocked-area:"
#define DELETED " (deleted)"
#define ANCHOR "/memfd:tract-anchor" DELETED

/* What neighbours have in common is kept once. */
struct name {
	SLIST_ENTRY(name) entry;
	char text[];
};

struct tract_survey {
	SLIST_HEAD(, name) names;	     /* the latest first */
	struct tract_mapping_info *mappings; /* in order, without overlap, as are the areas */
	size_t mapping_count, mapping_room;
	struct tract_area_info *areas;
	size_t area_count, area_room;
	bool passing; /* what is read is about a mapping that is left out */
};

/* @items with room for one more of @size bytes, or NULL, and they are as they were. */
static void *with_room(void *items, size_t count, size_t *room, size_t size)
{
	size_t more = *room ? 2 * *room : 64;
	void *grown;

	if (count < *room)
		return items;
	grown = reallocarray(items, more, size);
	if (grown)
		*room = more;
	return grown;
}

/* ---- areas ------------------------------------------------------------------------------ */

static bool take_prefix(const char **text, const char *prefix)
{
	size_t length = strlen(prefix);

	if (strncmp(*text, prefix, length) != 0)
		return false;
	*text += length;
	return true;
}

/* "START-LAST (deleted)" behind one of two words; see ground_sign(). */
static bool parse_area(const char *name, struct tract_area_info *ret)
{
	bool blocked = take_prefix(&name, BLOCKED_AREA);
	uint64_t start, last;
	int length = 0;

	if (!blocked && !take_prefix(&name, AREA))
		return false;
	if (sscanf(name, "%" SCNx64 "-%" SCNx64 DELETED "%n", &start, &last, &length) < 2)
		return false;
	if (name[length] != '\0' || start > last || (start == 0 && last == UINT64_MAX))
		return false;
	*ret = (struct tract_area_info){ start, last - start + 1, blocked };
	return true;
}

static int add_area(struct tract_survey *survey, const char *name)
{
	struct tract_area_info area, *areas;

	if (!parse_area(name, &area))
		return 0;
	areas = with_room(survey->areas, survey->area_count, &survey->area_room, sizeof(area));
	if (!areas)
		return -ENOMEM;
	survey->areas = areas;
	areas[survey->area_count++] = area;
	return 0;
}

static uint64_t area_last(const struct tract_area_info *area)
{
	return area->start + (area->size - 1);
}

static int compare_areas(const void *a, const void *b)
{
	const struct tract_area_info *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

/* One is seen as often as something is attached in its middle. */
static void order_areas(struct tract_survey *survey)
{
	size_t kept = 0;

	if (survey->area_count > 1)
		qsort(survey->areas, survey->area_count, sizeof(*survey->areas), compare_areas);
	for (size_t i = 0; i < survey->area_count; i++)
		if (kept == 0 || survey->areas[i].start > area_last(&survey->areas[kept - 1]))
			survey->areas[kept++] = survey->areas[i];
	survey->area_count = kept;
}

/* The lowest one that ends at or after an address, or NULL. */
static const struct tract_area_info *area_from(const struct tract_survey *survey, uint64_t addr)
{
	size_t low = 0, high = survey->area_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (area_last(&survey->areas[middle]) < addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low < survey->area_count ? &survey->areas[low] : NULL;
}

static bool is_in_area(const struct tract_survey *survey, uint64_t addr)
{
	const struct tract_area_info *area = area_from(survey, addr);

	return area && area->start <= addr;
}

/* ---- mappings --------------------------------------------------------------------------- */

static enum tract_mapping_kind kind_of(const struct vm_area *a, const char *name)
{
	static const struct {
		const char *name;
		enum tract_mapping_kind kind;
	} known[] = {
		{ "/memfd:tract" DELETED, TRACT_MAPPING_OBJECT },
		{ "/memfd:tract-region" DELETED, TRACT_MAPPING_REGION },
		{ "/memfd:tract-pager" DELETED, TRACT_MAPPING_PAGER },
		{ "/memfd:tract-board" DELETED, TRACT_MAPPING_CONTROL },
		{ "/memfd:tract-bell" DELETED, TRACT_MAPPING_CONTROL },
	};
	struct tract_area_info area;

	if (a->sysv)
		return TRACT_MAPPING_SYSV;
	if (!a->memfd)
		return TRACT_MAPPING_OTHER;
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strcmp(name, known[i].name) == 0)
			return known[i].kind;
	return parse_area(name, &area) ? TRACT_MAPPING_HELD : TRACT_MAPPING_OTHER;
}

/* Between two looks of the kernel's the part that was seen may have become one with more. */
static void cut_what_was_seen(const struct tract_survey *survey, struct vm_area *a)
{
	const struct tract_mapping_info *before;

	if (survey->mapping_count == 0)
		return;
	before = &survey->mappings[survey->mapping_count - 1];
	if (a->start < before->start + before->size) {
		a->offset += before->start + before->size - a->start;
		a->start = before->start + before->size;
	}
}

/* NULL if there is no memory. */
static const char *keep_name(struct tract_survey *survey, const char *text)
{
	struct name *name = SLIST_FIRST(&survey->names);
	size_t room = strlen(text) + 1;

	if (room == 1)
		return "";
	if (name && strcmp(name->text, text) == 0)
		return name->text;
	name = malloc(sizeof(*name) + room);
	if (!name)
		return NULL;
	(void)memcpy(name->text, text, room);
	SLIST_INSERT_HEAD(&survey->names, name, entry);
	return name->text;
}

static int add_mapping(struct tract_survey *survey, const char *line)
{
	struct tract_mapping_info *mappings;
	struct vm_area a;
	const char *name;
	int r;

	if (!proc_parse_mapping(line, &a, &name))
		return -EIO;
	cut_what_was_seen(survey, &a);
	/* The anchor is nobody's memory (places.c). */
	survey->passing = strcmp(name, ANCHOR) == 0;
	if (a.start >= a.end || survey->passing)
		return 0;
	r = add_area(survey, name);
	if (r < 0)
		return r;
	mappings = with_room(survey->mappings, survey->mapping_count, &survey->mapping_room,
			     sizeof(*mappings));
	if (!mappings)
		return -ENOMEM;
	survey->mappings = mappings;
	name = keep_name(survey, name);
	if (!name)
		return -ENOMEM;
	mappings[survey->mapping_count++] = (struct tract_mapping_info){
		.start = a.start,
		.size = a.end - a.start,
		.kind = kind_of(&a, name),
		.rights = (a.prot & VM_READ ? (uint32_t)TRACT_RIGHT_READ : 0u) |
			  (a.prot & VM_WRITE ? (uint32_t)TRACT_RIGHT_WRITE : 0u),
		.executable = a.prot & VM_EXEC,
		.shared = a.shared,
		.object = a.inode,
		.device = (uint64_t)a.dev_major << 32 | a.dev_minor,
		.offset = a.offset,
		.name = name,
	};
	return 0;
}

static int add_line(struct tract_survey *survey, const char *line)
{
	uint64_t bytes;

	if (proc_line_is_mapping(line))
		return add_mapping(survey, line);
	if (survey->mapping_count > 0 && !survey->passing && proc_parse_resident(line, &bytes))
		survey->mappings[survey->mapping_count - 1].resident = bytes;
	return 0;
}

static int read_mappings(struct tract_survey *survey, int32_t pid)
{
	scoped(proc_lines) struct proc_lines in = { .fd = -1 };
	char line[PATH_MAX + 256];
	int r;

	r = proc_open_maps(&in, pid, true);
	/* Kernels may be built without the counts. */
	if (r == -ESRCH)
		r = proc_open_maps(&in, pid, false);
	while (r >= 0) {
		r = proc_next_line(&in, line, sizeof(line));
		if (r <= 0)
			break;
		r = add_line(survey, line);
	}
	if (r < 0)
		return r;
	/* One of the kernel's, or one that nobody has waited for yet. */
	return survey->mapping_count > 0 ? 0 : -ESRCH;
}

/* ---- what has no name ------------------------------------------------------------------- */

/*
 * The map's searches begin at one of these addresses (see choose_floor()) and take the lowest
 * place that is free.  Nobody else puts anything near by himself.
 */
static const uint64_t floors[] = { (uint64_t)1 << 36, (uint64_t)1 << 40, (uint64_t)1 << 45 };
#define NEAR ((uint64_t)256 << 30)

static bool is_near(uint64_t addr, uint64_t floor, uint64_t reach)
{
	return addr >= floor && addr < reach;
}

/* The one that this process's map seems to use. */
static uint64_t find_floor(const struct tract_survey *survey)
{
	for (size_t i = 0; i < survey->mapping_count; i++) {
		const struct tract_mapping_info *mapping = &survey->mappings[i];

		for (size_t f = 0; f < ARRAY_LEN(floors); f++)
			if (mapping->kind != TRACT_MAPPING_OTHER &&
			    is_near(mapping->start, floors[f], floors[f] + NEAR))
				return floors[f];
	}
	return floors[0];
}

/* What is the map's is near to something that is, or to where it begins. */
static void extend(uint64_t floor, uint64_t start, uint64_t size, uint64_t *reach)
{
	uint64_t end;

	if (is_near(start, floor, *reach) && add_fits(start, size + NEAR, &end) && end > *reach)
		*reach = end;
}

static bool is_nameless(const struct tract_mapping_info *mapping)
{
	return mapping->kind == TRACT_MAPPING_OTHER && mapping->name[0] == '\0' &&
	       mapping->device == 0 && mapping->object == 0;
}

/* What may not be touched at all is attached so, or held: ground that was built on has no name.
 */
static enum tract_mapping_kind judge(const struct tract_mapping_info *mapping)
{
	if (mapping->rights || mapping->executable)
		return TRACT_MAPPING_ANONYMOUS;
	return mapping->in_area ? TRACT_MAPPING_HELD : TRACT_MAPPING_BLOCKED;
}

/* Private memory that is nobody's is told by where it lies. */
static void judge_nameless(struct tract_survey *survey)
{
	uint64_t floor = find_floor(survey), reach = floor + NEAR;
	size_t area = 0;

	for (size_t i = 0; i < survey->mapping_count; i++) {
		struct tract_mapping_info *mapping = &survey->mappings[i];

		for (; area < survey->area_count && survey->areas[area].start <= mapping->start;
		     area++)
			extend(floor, survey->areas[area].start, survey->areas[area].size,
			       &reach);
		mapping->in_area = is_in_area(survey, mapping->start);
		if (is_nameless(mapping) &&
		    (mapping->in_area || is_near(mapping->start, floor, reach)))
			mapping->kind = judge(mapping);
		if (mapping->kind != TRACT_MAPPING_OTHER)
			extend(floor, mapping->start, mapping->size, &reach);
	}
}

/* ---- the public face -------------------------------------------------------------------- */

void tract_survey_close(struct tract_survey *survey)
{
	struct name *name;

	if (!survey)
		return;
	while ((name = SLIST_FIRST(&survey->names))) {
		SLIST_REMOVE_HEAD(&survey->names, entry);
		free(name);
	}
	free(survey->mappings);
	free(survey->areas);
	free(survey);
}

DEFINE_SCOPE(survey, struct tract_survey, tract_survey_close);

static int explain(int r)
{
	if (r == -ESRCH)
		return fail(r, "there is no such process, or it has ended");
	if (r == -EACCES)
		return fail(r, "it belongs to another user, or keeps its memory secret");
	return r;
}

int tract_survey_open(int32_t pid, struct tract_survey **ret)
{
	scoped(survey) struct tract_survey *survey = NULL;
	int r;

	error_clear_reason();
	if (!ret || pid <= 0)
		return -EINVAL;
	survey = calloc(1, sizeof(*survey));
	if (!survey)
		return -ENOMEM;
	r = read_mappings(survey, pid);
	if (r < 0)
		return explain(r);
	order_areas(survey);
	judge_nameless(survey);
	*ret = steal(survey);
	return 0;
}

int tract_survey_next_mapping(const struct tract_survey *survey, uint64_t from,
			      struct tract_mapping_info *ret)
{
	size_t low = 0, high;

	if (!survey || !ret)
		return -EINVAL;
	high = survey->mapping_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct tract_mapping_info *mapping = &survey->mappings[middle];

		if (mapping->start + (mapping->size - 1) < from)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == survey->mapping_count)
		return -ENOENT;
	*ret = survey->mappings[low];
	return 0;
}

int tract_survey_next_area(const struct tract_survey *survey, uint64_t from,
			   struct tract_area_info *ret)
{
	const struct tract_area_info *area;

	if (!survey || !ret)
		return -EINVAL;
	area = area_from(survey, from);
	if (!area)
		return -ENOENT;
	*ret = *area;
	return 0;
}
