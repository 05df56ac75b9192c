/* SPDX-License-Identifier: MIT */
#include "registry/job.h"

#include "registry/state.h"

void job_begin(struct registry *registry, struct job *job,
	       void (*step)(struct registry *, struct job *))
{
	job->step = step;
	TAILQ_INSERT_TAIL(&registry->jobs, job, link);
}

void job_end(struct registry *registry, struct job *job)
{
	TAILQ_REMOVE(&registry->jobs, job, link);
}

void jobs_step(struct registry *registry)
{
	/* What begins meanwhile is behind it, and has its turn the next time. */
	struct job *last = TAILQ_LAST(&registry->jobs, jobs);
	struct job *job = TAILQ_FIRST(&registry->jobs), *next;

	for (; job; job = next) {
		next = job == last ? NULL : TAILQ_NEXT(job, link);
		job->step(registry, job);
	}
}

uint64_t job_slice(uint64_t size, uint64_t offset)
{
	uint64_t left = size - offset;

	return left < JOB_SLICE ? left : JOB_SLICE;
}
