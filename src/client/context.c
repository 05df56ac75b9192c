/* SPDX-License-Identifier: MIT */
#include "client/context.h"

#include <tract/shared.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "client/locate.h"
#include "client/process.h"
#include "sys/dir.h"
#include "sys/vm.h"

static struct mutex all_lock = MUTEX_INIT;
static struct tract *all;

static void before_fork(void) NO_THREAD_SAFETY
{
	mutex_lock(&all_lock);
}

static void after_in_parent(void) NO_THREAD_SAFETY
{
	mutex_unlock(&all_lock);
}

/* Another thread may have held a context's lock: nobody does in the child. */
static void after_in_child(void) NO_THREAD_SAFETY
{
	for (struct tract *c = all; c; c = c->next)
		mutex_init(&c->lock);
	mutex_unlock(&all_lock);
}

static struct process_hook fork_hook = { .rank = PROCESS_CONTEXTS,
					 .prepare = before_fork,
					 .parent = after_in_parent,
					 .child = after_in_child };

struct tract *context_ref(struct tract *ctx)
{
	ref_get(&ctx->ref);
	return ctx;
}

void context_unref(struct tract *ctx)
{
	if (!ctx || !ref_put(&ctx->ref))
		return;
	mutex_lock(&all_lock);
	for (struct tract **at = &all; *at; at = &(*at)->next)
		if (*at == ctx) {
			*at = ctx->next;
			break;
		}
	mutex_unlock(&all_lock);
	session_unref(ctx->session);
	mutex_deinit(&ctx->lock);
	free(ctx);
}

static int current_locked(struct tract *ctx, bool may_start, struct session **ret_session)
	REQUIRES(ctx->lock)
{
	int r;

	if (ctx->session && !session_is_inherited(ctx->session)) {
		*ret_session = session_ref(ctx->session);
		return 0;
	}
	session_unref(steal(ctx->session));
	r = session_get(ctx->dir, may_start, &ctx->session);
	if (r < 0)
		return r;
	*ret_session = session_ref(ctx->session);
	return 0;
}

int context_session(struct tract *ctx, struct session **ret_session)
{
	int r;

	mutex_lock(&ctx->lock);
	r = current_locked(ctx, true, ret_session);
	mutex_unlock(&ctx->lock);
	return r;
}

int context_session_if_any(struct tract *ctx, struct session **ret_session)
{
	int r;

	mutex_lock(&ctx->lock);
	r = current_locked(ctx, false, ret_session);
	mutex_unlock(&ctx->lock);
	return r;
}

static void drop_lost_locked(struct tract *ctx) REQUIRES(ctx->lock)
{
	if (ctx->session && !session_is_usable(ctx->session))
		session_unref(steal(ctx->session));
}

/* ---- the public face -------------------------------------------------------------------- */

/* The path a broker listens at, in a directory that has its name for good. */
static int choose_directory(const char *dir, char *ret_dir, unsigned capacity)
{
	char chosen[108], socket[108];
	int r = 0;

	if (!dir) {
		r = locate_directory(chosen, sizeof(chosen));
		dir = r == 0 ? chosen : "the directory in TRACT_DIR or XDG_RUNTIME_DIR";
	}
	if (r == 0)
		r = dir_absolute(dir, ret_dir, capacity);
	if (r == 0 &&
	    (unsigned)snprintf(socket, sizeof(socket), "%s/broker", ret_dir) >= sizeof(socket))
		r = -ENAMETOOLONG;
	if (r == -ENAMETOOLONG)
		return fail(r,
			    "a socket in %s would have too long a name; choose a shorter one",
			    dir);
	return r;
}

int tract_open(const char *dir, struct tract **ret_ctx)
{
	char chosen[sizeof(((struct tract *)NULL)->dir)];
	struct tract *ctx;
	int r;

	error_clear_reason();
	if (!ret_ctx || (dir && !*dir))
		return -EINVAL;
	r = choose_directory(dir, chosen, sizeof(chosen));
	if (r < 0)
		return r;
	ctx = calloc(1, sizeof(*ctx));
	if (!ctx)
		return -ENOMEM;
	ref_init(&ctx->ref);
	mutex_init(&ctx->lock);
	(void)strcpy(ctx->dir, chosen);
	process_hook_add(&fork_hook);
	mutex_lock(&all_lock);
	ctx->next = all;
	all = ctx;
	mutex_unlock(&all_lock);
	*ret_ctx = ctx;
	return 0;
}

void tract_close(struct tract *ctx)
{
	context_unref(ctx);
}

int tract_reconnect(struct tract *ctx)
{
	scoped(session) struct session *session = NULL;

	error_clear_reason();
	if (!ctx)
		return -EINVAL;
	mutex_lock(&ctx->lock);
	/* Nobody may have asked it anything since it went. */
	if (ctx->session)
		session_look(ctx->session);
	drop_lost_locked(ctx);
	mutex_unlock(&ctx->lock);
	return context_session(ctx, &session);
}

const char *tract_directory(const struct tract *ctx)
{
	return ctx->dir;
}

int tract_node_id(struct tract *ctx, uint32_t *ret_node)
{
	scoped(session) struct session *session = NULL;
	int r;

	error_clear_reason();
	if (!ctx || !ret_node)
		return -EINVAL;
	r = context_session(ctx, &session);
	if (r < 0)
		return r;
	*ret_node = session->welcome.node;
	return 0;
}

int tract_process(struct tract *ctx, uint64_t *ret_process)
{
	scoped(session) struct session *session = NULL;
	int r;

	error_clear_reason();
	if (!ctx || !ret_process)
		return -EINVAL;
	r = context_session(ctx, &session);
	if (r == 0)
		*ret_process = session->welcome.process;
	return r;
}

int tract_limits(struct tract *ctx, struct tract_limits *ret_limits)
{
	scoped(session) struct session *session = NULL;
	int r;

	error_clear_reason();
	if (!ctx || !ret_limits)
		return -EINVAL;
	r = context_session(ctx, &session);
	if (r < 0)
		return r;
	*ret_limits = (struct tract_limits){
		.segment_bytes = session->welcome.segment_bytes,
		.total_bytes = session->welcome.total_bytes,
		.export_count = session->welcome.exports,
		.import_count = session->welcome.imports,
	};
	return 0;
}

int tract_is_strong(struct tract *ctx)
{
	scoped(session) struct session *session = NULL;
	int r;

	error_clear_reason();
	if (!ctx)
		return -EINVAL;
	r = context_session(ctx, &session);
	return r < 0 ? r : (int)session->welcome.strong;
}

const char *tract_reason(void)
{
	return error_reason();
}

int tract_broker_program(char *ret_path, size_t capacity)
{
	char path[PATH_MAX];
	int r;

	error_clear_reason();
	if (!ret_path)
		return -EINVAL;
	r = locate_program(path, sizeof(path));
	if (r < 0)
		return r;
	if (strlen(path) >= capacity)
		return -ENAMETOOLONG;
	memcpy(ret_path, path, strlen(path) + 1);
	return 0;
}

size_t tract_page_size(void)
{
	return vm_page_size();
}
