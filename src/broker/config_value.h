/* SPDX-License-Identifier: MIT */
/*
 * config_value.h - what the values in tract.conf look like
 *
 * Pure: text in, a value of the kind out, or the words for what is wrong with it.
 */
#ifndef BROKER_CONFIG_VALUE_H
#define BROKER_CONFIG_VALUE_H

#include <stddef.h>
#include <stdint.h>

#include "broker/config.h"

enum config_kind {
	KIND_NUMBER,
	KIND_SIZE,    /* a number, or one of KiB, MiB, GiB, TiB: 4K 4M 4G 4T */
	KIND_TIME,    /* milliseconds, or "never" */
	KIND_OCTAL,   /* a file mode */
	KIND_ADDRESS, /* HOST or HOST:PORT, into a struct config_address */
	KIND_NAME,    /* into CONFIG_NAME_SIZE bytes */
	KIND_TEXT,    /* anything but nothing, into CONFIG_TEXT_SIZE bytes */
};

struct config_key {
	const char *section, *name;
	enum config_kind kind;
	size_t offset; /* in what the section is about */
	uint64_t fallback, least, most;
};

#define CONFIG_WORDS 160

/* Writes to *(ret_field), which is what @key's kind says.  0, or -EINVAL with the words. */
int config_value_read(const struct config_key *key, const char *text, void *ret_field,
		      char words[CONFIG_WORDS]);
/* The numbers among them.  0, -EINVAL, or -ERANGE if it is one out of @key's range. */
int config_number_read(const struct config_key *key, const char *text, uint64_t *ret_value);
/* Letters, digits, "-", "_", "." and ";", at least one and fewer than CONFIG_NAME_SIZE. */
bool config_is_name(const char *text);

#endif
