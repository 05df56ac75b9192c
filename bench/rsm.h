/* SPDX-License-Identifier: MIT */
/*
 * rsm.h - the few lines every row about ours begins with
 *
 * Everything goes through <rsmapi.h>, as a program's would.
 */
#ifndef BENCH_RSM_H
#define BENCH_RSM_H

#include <rsmapi.h>

#include "pair.h"

/* The loopback controller, found once.  Return: 0, or -1 and a reason on stderr. */
int rsm_start(rsmapi_controller_handle_t *ret_controller, rsm_node_id_t *ret_node);

/* Memory that is exported and published. */
struct rsm_offer {
	void *memory;
	size_t size;
	rsm_memseg_export_handle_t export;
	rsm_memseg_id_t id;
};

/* Fresh, touched, private memory; exported with @flags and published.  Return: 0 or -1. */
int rsm_offer_make(size_t size, uint_t flags, struct rsm_offer *ret);
void rsm_offer_end(struct rsm_offer *offer);

/* Private memory that has been touched; ends the program if there is none. */
void *memory_make(size_t size);

/* In the owner: offers @size bytes and sends the id.  In the measurer: connects.  Both learn
 * whether both could.  Return: 0 or -1. */
struct rsm_link {
	struct rsm_offer offer;		   /* the owner's */
	rsm_memseg_import_handle_t import; /* the measurer's */
};
int rsm_link_open(const struct pair *pair, size_t size, uint_t flags, struct rsm_link *ret);
void rsm_link_close(const struct pair *pair, struct rsm_link *link);

/* Pins the broker to the owner's processor: questions to it then cost what questions to the
 * bare server cost.  Return: its process id, or -1. */
int rsm_pin_broker(const struct pair *pair);

#endif
