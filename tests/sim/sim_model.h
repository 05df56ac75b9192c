/* SPDX-License-Identifier: MIT */
/*
 * sim_model.h - what the clients of a simulated registry believe
 *
 * The model learns from answers and events alone, as a client would, and knows which object
 * each import has mapped.  Its rules are the promises to the outside: a check that succeeds is
 * never a lie, what was taken back stays taken back, exposure is told truly.
 */
#ifndef SIM_MODEL_H
#define SIM_MODEL_H

#include "registry/fake_body.h"

#define MODEL_MAX 192u

struct model_region {
	uint64_t id; /* 0: free */
	uint64_t client;
	uint64_t object; /* its current backing; 0: System V's */
	uint64_t fresh;	 /* while copying */
	bool closed;
};

struct model_segment {
	uint64_t id;
	uint64_t client;
	uint64_t region;
	uint32_t published;
};

struct model_import {
	uint64_t id;
	uint64_t client;
	uint64_t segment;
	uint64_t token;
	uint64_t object; /* that its holder has mapped; 0: none */
	uint64_t generation;
	uint64_t epoch;
	uint32_t slot;
	uint32_t rights;
};

struct model {
	struct fake_body *fake;
	struct message pending[FAKE_CLIENTS]; /* not answered yet; number 0: none */
	struct model_region region[MODEL_MAX];
	struct model_segment segment[MODEL_MAX];
	struct model_import import[MODEL_MAX];
	const char *lie; /* the first promise that was broken */
};

/* @client has sent @message, and it was taken. */
void model_asked(struct model *model, const struct fake_client *client,
		 const struct message *message);
/* Learns from every answer that has come since. */
void model_learn(struct model *model);
/* @client reads an event. */
void model_event(struct model *model, const struct fake_client *client,
		 const struct fake_said *said);
/* It is closed. */
void model_forget_import(struct model *model, uint64_t id);
/* @client closes a region. */
void model_closed(struct model *model, uint64_t client, uint64_t id);
void model_left(struct model *model, uint64_t client);
/* Is every promise kept now? */
void model_check(struct model *model);
/* Once everybody has read every event: whoever stalled has moved or was cut off. */
void model_check_settled(struct model *model);

#endif
