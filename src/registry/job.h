/* SPDX-License-Identifier: MIT */
/*
 * job.h - work on memory that is too much for one go
 *
 * Filling, copying and measuring are done in slices, one of each job between two looks at the
 * clients.
 */
#ifndef REGISTRY_JOB_H
#define REGISTRY_JOB_H

#include <bsd/sys/queue.h>
#include <stdint.h>

/* A millisecond or so.  Pages of the largest size that slices may have fit into it. */
#define JOB_SLICE ((uint64_t)2 << 20)

struct registry;
struct job;

TAILQ_HEAD(jobs, job);

struct job {
	/* Does a slice.  May end its job, and no other. */
	void (*step)(struct registry *registry, struct job *job);
	TAILQ_ENTRY(job) link;
};

void job_begin(struct registry *registry, struct job *job,
	       void (*step)(struct registry *, struct job *));
void job_end(struct registry *registry, struct job *job);
void jobs_step(struct registry *registry);

/* Of @size bytes, what the slice at @offset has. */
uint64_t job_slice(uint64_t size, uint64_t offset);

#endif
