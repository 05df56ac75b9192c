/* SPDX-License-Identifier: MIT */
/*
 * hosts.h - processes that hand their maps out, for tests of maps of other processes
 *
 * A host is a child that hands its map out and does what it is told on the channel: looks,
 * stores, gives up.  A scene is one, and memory of the test's that is to be attached there.
 * Everything here fails the test where it fails.
 */
#ifndef TESTS_SYSTEM_HOSTS_H
#define TESTS_SYSTEM_HOSTS_H

#include "kin.h"

#define RW TRACT_RIGHT_READ_WRITE
#define RO TRACT_RIGHT_READ

enum order { END, OFFER, OFFER_OTHERS, WITHDRAW, PEEK, POKE, KIND, DETACH, EXPORT, CHECK, TAG };

/* For kin_start(): it has not handed its map out yet. */
void host_body(struct kin *parent, void *arg);
/* What it answers: of a call an errno; of PEEK a word, of KIND one of TRACT_SPAN_*, or 0. */
uint64_t host_do(struct kin *host, enum order order, const void *addr, uint64_t value);
void host_up(struct kin *host);
void host_down(struct kin *host);
uint64_t peek(struct kin *host, const void *addr);

/* A local region, attached at *ret_here, too. */
struct tract_region *region_up(size_t pages, char **ret_here);
void region_down(struct tract_region *region, char *here);
struct tract_map *map_up(struct tract *ctx, const struct kin *host);
int attach_at(struct tract_map *map, struct tract_region *region, uint32_t rights,
	      uint32_t flags, void **at);
/* Wherever there is room, and it works. */
char *attach(struct tract_map *map, struct tract_region *region, uint32_t rights);
int detach(struct tract_map *map, const void *at);

/* In this process.  Which thread mapped it, and before what, another process has been told:
 * TSan knows of no order but that of the map's lock, which catch_up() takes. */
void catch_up(uint64_t addr);
void store(char *at, uint64_t value);
uint64_t load(const char *at);
/* One of TRACT_SPAN_*, or 0. */
uint64_t kind_at(uint64_t addr);

struct scene {
	struct tract *ctx;
	struct kin host;
	struct tract_map *map;
	struct tract_region *region;
	char *here;
};

struct scene scene_up(size_t pages);
void scene_down(struct scene *s);

#endif
