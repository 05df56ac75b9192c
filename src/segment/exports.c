/* SPDX-License-Identifier: MIT */
#include "segment/exports.h"

#include "client/process.h"

static struct mutex exports_lock = MUTEX_INIT;
static TAILQ_HEAD(, tract_export) exports = TAILQ_HEAD_INITIALIZER(exports);

static void before_fork(void) NO_THREAD_SAFETY
{
	mutex_lock(&exports_lock);
}

static void after_in_parent(void) NO_THREAD_SAFETY
{
	mutex_unlock(&exports_lock);
}

static void after_in_child(void) NO_THREAD_SAFETY
{
	struct tract_export *export;

	TAILQ_FOREACH (export, &exports, entry) {
		mutex_init(&export->lock);
		ear_after_fork(&export->ear);
	}
	mutex_unlock(&exports_lock);
}

static struct process_hook fork_hook = { .rank = PROCESS_EXPORTS,
					 .prepare = before_fork,
					 .parent = after_in_parent,
					 .child = after_in_child };

void exports_add(struct tract_export *export)
{
	process_hook_add(&fork_hook);
	mutex_lock(&exports_lock);
	TAILQ_INSERT_TAIL(&exports, export, entry);
	mutex_unlock(&exports_lock);
}

void exports_remove(struct tract_export *export)
{
	mutex_lock(&exports_lock);
	TAILQ_REMOVE(&exports, export, entry);
	mutex_unlock(&exports_lock);
}

bool export_is_inherited(const struct tract_export *export)
{
	return export->process != process_serial();
}
