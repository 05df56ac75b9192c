/* SPDX-License-Identifier: MIT */
/*
 * play.h - an exporter that takes memory back from a villain, again and again
 *
 * A round is a cast of exports, so that what the processes have to tell each other is said once
 * for all of them.  They are taken back one after the other, and none before both hostile
 * processes store into its memory: that is what races with the call.  When the call has
 * returned the exporter writes a secret over all of its memory.  None of it may change any
 * more, wherever it is seen, and neither hostile process may read a word of it.
 *
 * What the memory is, is up to the props.
 */
#ifndef TESTS_SYSTEM_PLAY_H
#define TESTS_SYSTEM_PLAY_H

#include "villain.h"

/* One export and the memory that it is bound to, or may be bound to next. */
struct part {
	const struct act *act;
	bool attached; /* the memory is, which is an object's anyway */
	void *memory[2];
	void *view[2];	    /* the same, seen elsewhere in the exporter; or NULL */
	void *there[2];	    /* and in another process; or NULL */
	uint64_t secret[2]; /* what is in it now that it is the exporter's own again; or 0 */
	struct tract_export *export, *other;
};

struct stage {
	struct tract *ctx;
	const struct props *props;
	struct theatre *theatre;
	struct kin hostile;
	struct part part[CAST];
	uint64_t turns, secrets;
	unsigned revocations; /* calls that took back what the hostile process had */
	unsigned raced;	      /* of those, with stores while they lasted */
	struct kin host;      /* a host's, who has a map of its own */
	struct tract_map *map;
	bool withdrawn;
};

struct props {
	bool always;   /* also where private memory would do */
	unsigned most; /* exports, if the test is a deep one */
	/* Memory @m of a part, and where else it is seen: comes, and goes. */
	void (*attach)(struct stage *s, struct part *p, unsigned m);
	void (*detach)(struct stage *s, struct part *p, unsigned m);
	/* Words there that are not this secret. */
	uint64_t (*changed_there)(struct stage *s, void *there, uint64_t secret);
	/* The hostile ones have all of round @n's memory.  May be NULL, as the next two. */
	void (*connected)(struct stage *s, unsigned n);
	/* Before there is a second thread; and at the end. */
	void (*up)(struct stage *s);
	void (*down)(struct stage *s);
};

void play(void (*hostile)(struct kin *parent, void *arg), const struct props *props);

void fill(void *memory, uint64_t secret);
/* Words in it that are not this secret. */
uint64_t count_changed(const void *memory, uint64_t secret);

#endif
