/* SPDX-License-Identifier: MIT */
#include "broker/config.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tract/types.h>

#include "base/bytes.h"
#include "base/error.h"
#include "broker/config_parse.h"

#define HOST_FILE "/etc/tract/tract.conf"
#define KEY_FILE "cluster.key"

#define IDLE_KEY 0

#define KEY(section, name, kind, field, fallback, least, most)                             \
	{                                                                                  \
		section, name, kind, offsetof(struct config, field), fallback, least, most \
	}

/* clang-format off */
const struct config_key config_keys[] = {
	/* [0] is IDLE_KEY */
	KEY("broker", "idle-timeout-ms", KIND_TIME, idle_timeout_ms, 10000, 0, INT64_MAX / 1000000),
	KEY("limits", "max-segments", KIND_NUMBER, max_segments,
	    TRACT_SEGMENTS_MAX, 1, TRACT_SEGMENTS_MAX),
	KEY("limits", "max-imports", KIND_NUMBER, max_imports, 262144, 1, 1 << 24),
	KEY("limits", "max-per-process", KIND_NUMBER, max_per_process, 196608, 1, 1 << 24),
	KEY("limits", "max-capabilities", KIND_NUMBER, max_capabilities, 256, 1, 1 << 20),
	KEY("limits", "max-exported-memory", KIND_NUMBER, max_exported_memory, 75, 1, 100),
	KEY("limits", "max-user-memory", KIND_NUMBER, max_user_memory, 50, 1, 100),
	KEY("limits", "max-segment-size", KIND_SIZE, max_segment_size, 0, 4096, INT64_MAX),
	KEY("limits", "ack-timeout-ms", KIND_NUMBER, ack_timeout_ms, 1000, 1, 3600000),
	KEY("node", "id", KIND_NUMBER, node, 0, 0, TRACT_NODES_MAX - 1),
	KEY("node", "address", KIND_ADDRESS, address, 0, 0, 0),
	KEY("broker", "socket-mode", KIND_OCTAL, socket_mode, 0, 0600, 0666),
	KEY("link", "peer-timeout-ms", KIND_NUMBER, peer_timeout_ms, 5000, 100, 3600000),
	KEY("link", "store-delay-ms", KIND_NUMBER, store_delay_ms, 5, 1, 3600000),
	KEY("link", "heartbeat-ms", KIND_NUMBER, heartbeat_ms, 0, 10, 3600000),
	KEY("cluster", "key", KIND_TEXT, key, 0, 0, 0),
	KEY("cluster", "certificate", KIND_TEXT, certificate, 0, 0, 0),
	KEY("cluster", "private-key", KIND_TEXT, private_key, 0, 0, 0),
	KEY("cluster", "authority", KIND_TEXT, authority, 0, 0, 0),
};
/* clang-format on */
const size_t config_key_count = ARRAY_LEN(config_keys);

void config_default(struct config *c)
{
	*c = (struct config){ .key = KEY_FILE };
	for (size_t i = 0; i < ARRAY_LEN(config_keys); i++) {
		const struct config_key *key = &config_keys[i];

		if (key->kind <= KIND_OCTAL)
			*(uint64_t *)(void *)((char *)c + key->offset) = key->fallback;
	}
}

int config_path(const struct config *c, const char *written, char ret_path[PATH_MAX])
{
	int length = *written == '/'
			     ? snprintf(ret_path, PATH_MAX, "%s", written)
			     : snprintf(ret_path, PATH_MAX, "%s/%s", c->directory, written);

	return length < 0 || length >= PATH_MAX ? fail(-ENAMETOOLONG, "%s: too long", written)
						: 0;
}

/* What whoever starts us may say for want of a file; tests do. */
static void idle_from_environment(struct config *c)
{
	const char *text = secure_getenv("TRACT_IDLE_MS");
	uint64_t ms;

	if (text && strcmp(text, "-1") == 0)
		ms = CONFIG_NEVER;
	else if (!text || config_number_read(&config_keys[IDLE_KEY], text, &ms) < 0)
		return;
	c->idle_timeout_ms = ms;
	c->idle_given = true;
}

int config_load(const char *directory, struct config *c)
{
	char path[PATH_MAX];
	int r;

	config_default(c);
	idle_from_environment(c);
	if ((size_t)snprintf(path, sizeof(path), "%s/tract.conf", directory) >= sizeof(path))
		return fail(-ENAMETOOLONG, "%s: too long", directory);
	r = config_read(path, c);
	if (r == -ENOENT)
		r = config_read(HOST_FILE, c);
	return r == -ENOENT ? 0 : r;
}
