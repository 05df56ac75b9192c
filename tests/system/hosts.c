/* SPDX-License-Identifier: MIT */
#include "hosts.h"

#include <signal.h>

/* ---- hosts ------------------------------------------------------------------------------ */

uint64_t kind_at(uint64_t addr)
{
	struct tract_span span;

	return tract_map_find(tract_map_own(), (void *)addr, 1, &span) == 0 ? span.kind : 0;
}

static uint64_t tag_at(uint64_t addr)
{
	struct tract_detached done;

	if (tract_map_detach(tract_map_own(), (void *)addr, 1, TRACT_DETACH_WHOLE, &done) < 0)
		return 1;
	return done.has_tag ? done.tag : 0;
}

void catch_up(uint64_t addr)
{
	char name[TRACT_ATTACH_NAME_MAX + 1];
	uint64_t offset;

	(void)tract_map_name(tract_map_own(), (void *)addr, name, &offset);
}

static uint64_t obey(struct tract *ctx, enum order order, uint64_t addr, uint64_t value,
		     struct tract_export **export)
{
	const struct tract_access all = { .mode = 0666 };

	catch_up(addr);
	switch (order) {
	case OFFER:
		return (uint64_t)-tract_map_offer(ctx, NULL, 0);
	case OFFER_OTHERS:
		return (uint64_t)-tract_map_offer(ctx, &all, 1);
	case WITHDRAW:
		return (uint64_t)-tract_map_withdraw(ctx);
	case PEEK:
		return *(volatile uint64_t *)addr;
	case POKE:
		*(volatile uint64_t *)addr = value;
		return 0;
	case KIND:
		return kind_at(addr);
	case DETACH:
		return (uint64_t)-tract_detach((void *)addr);
	case TAG:
		return tag_at(addr);
	case EXPORT:
		return (uint64_t)-tract_export_create(ctx, (void *)addr, value, 0, export);
	case CHECK:
		return (uint64_t)-tract_check_range((void *)addr, PAGE);
	default:
		return 0;
	}
}

void host_body(struct kin *parent, void *arg)
{
	struct tract_export *export = NULL;
	struct tract *ctx = node_open();
	enum order order;
	uint64_t addr, value;

	(void)arg;
	/* A sanitizer would say something, and end it otherwise. */
	EXPECT(signal(SIGSEGV, SIG_DFL) != SIG_ERR);
	while ((order = (enum order)kin_hear(parent)) != END) {
		addr = kin_hear(parent);
		value = kin_hear(parent);
		kin_tell(parent, obey(ctx, order, addr, value, &export));
	}
	if (export)
		EXPECT_EQ(tract_export_destroy(export), 0);
	tract_close(ctx);
}

uint64_t host_do(struct kin *host, enum order order, const void *addr, uint64_t value)
{
	kin_tell(host, order);
	kin_tell(host, (uintptr_t)addr);
	kin_tell(host, value);
	return kin_hear(host);
}

void host_up(struct kin *host)
{
	kin_start(host, host_body, NULL);
	EXPECT_EQ(host_do(host, OFFER, NULL, 0), 0);
}

void host_down(struct kin *host)
{
	kin_tell(host, END);
	kin_finish(host);
}

uint64_t peek(struct kin *host, const void *addr)
{
	return host_do(host, PEEK, addr, 0);
}

/* ---- what is attached there ------------------------------------------------------------- */

struct tract_region *region_up(size_t pages, char **ret_here)
{
	const struct tract_region_spec spec = { .size = pages * PAGE };
	struct tract_region *region = NULL;
	void *here = NULL;

	EXPECT_EQ(tract_region_create_local(&spec, &region), 0);
	EXPECT_EQ(tract_attach(region, &here, 0, 0, RW, 0), 0);
	*ret_here = here;
	return region;
}

void region_down(struct tract_region *region, char *here)
{
	EXPECT_EQ(tract_detach(here), 0);
	tract_region_close(region);
}

struct tract_map *map_up(struct tract *ctx, const struct kin *host)
{
	struct tract_map *map = NULL;

	EXPECT_EQ(tract_map_of(ctx, host->pid, &map), 0);
	return map;
}

int attach_at(struct tract_map *map, struct tract_region *region, uint32_t rights,
	      uint32_t flags, void **at)
{
	const struct tract_attachment what = {
		.region = region, .rights = rights, .flags = flags, .tag = 4711, .name = "lent"
	};

	return tract_map_attach(map, &what, at);
}

char *attach(struct tract_map *map, struct tract_region *region, uint32_t rights)
{
	void *at = NULL;

	EXPECT_EQ(attach_at(map, region, rights, 0, &at), 0);
	return at;
}

int detach(struct tract_map *map, const void *at)
{
	return tract_map_detach(map, at, 1, TRACT_DETACH_WHOLE, NULL);
}

void store(char *at, uint64_t value)
{
	catch_up((uintptr_t)at);
	*(volatile uint64_t *)(void *)at = value;
}

uint64_t load(const char *at)
{
	catch_up((uintptr_t)at);
	return *(const volatile uint64_t *)(const void *)at;
}

struct scene scene_up(size_t pages)
{
	struct scene s;

	host_up(&s.host);
	s.ctx = node_open();
	s.map = map_up(s.ctx, &s.host);
	s.region = region_up(pages, &s.here);
	return s;
}

void scene_down(struct scene *s)
{
	region_down(s->region, s->here);
	tract_map_close(s->map);
	host_down(&s->host);
	tract_close(s->ctx);
}
