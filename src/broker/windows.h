/* SPDX-License-Identifier: MIT */
/*
 * windows.h - the memory that other nodes' processes read and write by themselves
 *
 * A window is a mapping of a part of an object, or of a System V segment, registered with the
 * fabric of one of this node's controllers.  Fabrics are opened with the broker, for a node
 * that has peers, from the module that libtract loads, too; what cannot be opened is logged,
 * and leads nowhere.
 */
#ifndef BROKER_WINDOWS_H
#define BROKER_WINDOWS_H

#include "broker/config.h"
#include "broker/idmap.h"
#include "broker/objects.h"
#include "fabric/module.h"
#include "registry/ports.h"

/* A controller of this node's, and where windows are found through it. */
struct window_way {
	const struct config_controller *config;
	struct fabric *fabric;	       /* NULL: it does not work */
	struct fabric_address address; /* of the windows */
	struct wire_text why;	       /* it does not */
};

struct windows {
	const struct config *config;
	const struct fabric_module *fabric; /* NULL: no peers, or it cannot be loaded */
	struct idmap by_id;
	bool leaving; /* others' processes learn of it by their connections' end */
	unsigned count;
	struct window_way way[CONFIG_CONTROLLERS_MAX];
};

/* @c is borrowed. */
int windows_init(struct windows *w, const struct config *c);
/* What is open is closed. */
void windows_deinit(struct windows *w, struct objects *o);

/* Names of the fabrics that work, with spaces between them. */
struct wire_text windows_fabrics(const struct windows *w);
/* As the ports of these names. */
int windows_controller_find(const struct windows *w, const struct wire_text *name,
			    const struct wire_text *provider, struct controller_facts *ret);
int windows_open(struct windows *w, struct objects *o, uint64_t id,
		 const struct window_spec *spec, struct window_place *ret_place);
void windows_bury(struct windows *w, struct objects *o, uint64_t id);
void windows_close(struct windows *w, struct objects *o, uint64_t id);

#endif
