/* SPDX-License-Identifier: MIT */
/*
 * script.h - what the steps of fuzz_registry.c have in common
 */
#ifndef TESTS_FUZZ_SCRIPT_H
#define TESTS_FUZZ_SCRIPT_H

#include "registry/fake_body.h"

#define CLIENTS 4u
#define SEEN 16u
#define PAGE 4096u
/* More than the registry makes, copies or measures at once. */
#define LARGE (UINT64_C(5) << 20)

struct script {
	struct fake_body fake;
	struct registry *registry;
	struct fake_client *client[CLIENTS];
	uint64_t process[CLIENTS];
	uint64_t seen[SEEN]; /* ids, the latest last */
	uint64_t cap[SEEN];  /* tokens, likewise */
	uint64_t token;
	uint32_t published;
	uint64_t map;
	uint64_t shared; /* the last */
};

/* The latest of SEEN ids. */
void script_see(uint64_t *ids, uint64_t id);

/* What is about regions that have an owner: a message, by a step; and what an answer says. */
void script_fill_shared(const struct script *script, const uint8_t *step, struct message *m);
void script_learn_shared(struct script *script, const struct message *answer);

#endif
