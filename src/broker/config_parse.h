/* SPDX-License-Identifier: MIT */
/*
 * config_parse.h - a tract.conf being read; for config*.c only
 */
#ifndef BROKER_CONFIG_PARSE_H
#define BROKER_CONFIG_PARSE_H

#include <stddef.h>
#include <stdio.h>

#include "broker/config_value.h"

/* Every field that can be set, once. */
#define CONFIG_FIELDS_MAX 256u

struct config_section {
	char word[CONFIG_NAME_SIZE]; /* "peer" of [peer 2] */
	void *about;		     /* what its settings go to; NULL: it is not understood */
	const struct config_key *keys;
	size_t key_count;
	int line;
};

struct config_parse {
	struct config *config;
	FILE *file;
	const char *path;
	char *text; /* the line that was read, whole */
	size_t text_size;
	int line;  /* last one read */
	int wrong; /* line of the first mistake; 0: none */
	char words[CONFIG_WORDS];
	struct config_section section;
	int peer_lines[CONFIG_PEERS_MAX], controller_lines[CONFIG_CONTROLLERS_MAX];
	int alias_lines[CONFIG_ALIASES_MAX];
	unsigned set_count;
	struct {
		const void *field;
		int line;
	} set[CONFIG_FIELDS_MAX];
};

/* Remembers the first mistake.  Returns 0, which libinih takes for one. */
int config_mistake(struct config_parse *p, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The line that set a field, or 0. */
int config_line_of(const struct config_parse *p, const void *field);

/* The settings that belong to no named thing. */
extern const struct config_key config_keys[];
extern const size_t config_key_count;

/* [word name], where @name is "" for [word].  Sets p->section, or makes a mistake. */
void config_section_begin(struct config_parse *p, const char *word, const char *name);
/* A setting of [alias], where every name is allowed.  As libinih wants it. */
int config_alias_add(struct config_parse *p, const char *name, const char *value);
/* Once everything is read: does it fit together?  Adds what goes without saying. */
void config_nodes_finish(struct config_parse *p);

#endif
