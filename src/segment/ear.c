/* SPDX-License-Identifier: MIT */
#include "segment/ear.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fault.h"
#include "sys/event.h"
#include "sys/futex.h"
#include "sys/vm.h"

void ear_init(struct ear *ear)
{
	*ear = (struct ear){ .slot = WIRE_SLOT_EXPORTER };
	mutex_init(&ear->lock);
	atomic_init(&ear->readable, -1);
	atomic_init(&ear->writable, -1);
}

void ear_deinit(struct ear *ear)
{
	struct shm_bell *bell = ear_bell(ear);
	int readable = atomic_load(&ear->readable), writable = atomic_load(&ear->writable);

	for (unsigned i = 0; i < ear->pipe_count; i++)
		event_pipe_close(ear->pipes[i].fd);
	free(ear->pipes);
	event_pipe_close(readable);
	event_pipe_close(writable);
	if (bell)
		vm_unmap(bell, sizeof(*bell));
	mutex_deinit(&ear->lock);
}

void ear_after_fork(struct ear *ear)
{
	mutex_init(&ear->lock);
}

/* ---- the bell --------------------------------------------------------------------------- */

/*
 * Whoever could post has gone: waiting and polling go on as usual, and nothing comes.  Or is on
 * another node: what comes is told by the broker.
 */
static int make_silent_locked(struct ear *ear) REQUIRES(ear->lock)
{
	void *bell;
	int r;

	r = vm_anonymous(sizeof(struct shm_bell), VM_READ | VM_WRITE, &bell);
	if (r < 0)
		return r;
	ear->slot = 0;
	ear->alone = true;
	atomic_store_explicit(&ear->bell, bell, memory_order_release);
	return 0;
}

static int fetch_locked(struct ear *ear, const struct ear_owner *owner) REQUIRES(ear->lock)
{
	struct message request = { .number = owner->exporter ? MSG_segment_bell
							     : MSG_import_bell };
	struct message reply;
	scoped(fd) int fd = -1;
	void *bell;
	int r;

	if (ear_bell(ear))
		return 0;
	if (ear->far)
		return make_silent_locked(ear);
	if (owner->exporter)
		request.segment_bell.segment = owner->id;
	else
		request.import_bell.import = owner->id;
	r = session_call(owner->session, &request, NULL, 0, &reply, &fd);
	if (r == -ESTALE)
		return make_silent_locked(ear);
	if (r < 0)
		return r;
	if (!owner->exporter && reply.bell.slot >= SHM_BELL_SLOTS - 1)
		return -EPROTO;
	r = vm_place(NULL, sizeof(struct shm_bell), VM_READ | VM_WRITE, fd, 0, &bell);
	if (r < 0)
		return r;
	ear->slot = reply.bell.slot;
	atomic_store_explicit(&ear->bell, bell, memory_order_release);
	return 0;
}

int ear_fetch(struct ear *ear, const struct ear_owner *owner)
{
	int r;

	if (ear_bell(ear))
		return 0;
	mutex_lock(&ear->lock);
	r = fetch_locked(ear, owner);
	mutex_unlock(&ear->lock);
	return r;
}

static struct shm_bell_slot *slot_of(struct shm_bell *bell, uint32_t slot)
{
	return slot == WIRE_SLOT_EXPORTER ? &bell->exporter : &bell->importer[slot];
}

/* ---- posting ---------------------------------------------------------------------------- */

/* Adds them, never beyond what fits; with @once only to a count of none. */
static void raise_pending(struct shm_bell_slot *slot, uint32_t count, bool once)
{
	uint32_t pending = atomic_load_explicit(&slot->pending, memory_order_relaxed);
	uint32_t room;

	do {
		room = UINT32_MAX - pending;
		if (room == 0 || (once && pending > 0))
			return;
		/* Sequentially consistent: before the look at waiters and polled.  Also the
		 * release of what was stored before the post. */
	} while (!atomic_compare_exchange_weak_explicit(
		&slot->pending, &pending, pending + (count < room ? count : room),
		memory_order_seq_cst, memory_order_relaxed));
	(void)fault_point("signal.post.counted");
	if (atomic_load_explicit(&slot->waiters, memory_order_seq_cst) > 0)
		futex_wake(&slot->pending, count < INT32_MAX ? (int)count : INT32_MAX);
}

static struct ear_pipe *find_pipe(struct ear *ear, uint32_t slot) REQUIRES(ear->lock)
{
	for (unsigned i = 0; i < ear->pipe_count; i++)
		if (ear->pipes[i].slot == slot)
			return &ear->pipes[i];
	return NULL;
}

static struct ear_pipe *add_pipe(struct ear *ear, uint32_t slot) REQUIRES(ear->lock)
{
	struct ear_pipe *grown =
		reallocarray(ear->pipes, ear->pipe_count + 1, sizeof(*ear->pipes));

	if (!grown)
		return NULL;
	ear->pipes = grown;
	grown[ear->pipe_count] = (struct ear_pipe){ .slot = slot, .fd = -1 };
	return &grown[ear->pipe_count++];
}

static int fetch_pipe(const struct ear_owner *owner, uint32_t slot, int *ret_fd)
{
	struct message request = { .number = MSG_bell_poller };
	struct message reply;

	request.bell_poller.from = owner->id;
	request.bell_poller.slot = slot;
	return session_call(owner->session, &request, NULL, 0, &reply, ret_fd);
}

static int fill_pipe_locked(struct ear *ear, const struct ear_owner *owner, uint32_t slot,
			    uint32_t polled) REQUIRES(ear->lock)
{
	struct ear_pipe *pipe = find_pipe(ear, slot);
	int fd, r;

	if (!pipe)
		pipe = add_pipe(ear, slot);
	if (!pipe)
		return -ENOMEM;
	if (pipe->fd < 0 || pipe->polled != polled) {
		r = fetch_pipe(owner, slot, &fd);
		if (r < 0)
			return r == -ENOENT ? 0 : r; /* its owner has just gone */
		event_pipe_close(pipe->fd);
		pipe->fd = fd;
		pipe->polled = polled;
	}
	event_pipe_fill(pipe->fd);
	return 0;
}

uint32_t ear_raise(struct ear *ear, uint32_t slot, bool once)
{
	struct shm_bell_slot *target = slot_of(ear_bell(ear), slot);

	raise_pending(target, 1, once);
	return atomic_load_explicit(&target->polled, memory_order_seq_cst);
}

static void hear_locked(struct ear *ear, uint64_t count) REQUIRES(ear->lock)
{
	int writable = atomic_load_explicit(&ear->writable, memory_order_relaxed);

	/* Without memory for it an event is lost; they are hints. */
	if (!ear_bell(ear) && make_silent_locked(ear) < 0)
		return;
	if (count == 0)
		return;
	raise_pending(&ear_bell(ear)->importer[ear->slot],
		      count < UINT32_MAX ? (uint32_t)count : UINT32_MAX, false);
	if (writable >= 0)
		event_pipe_fill(writable);
}

void ear_hear(struct ear *ear, uint64_t count)
{
	/* Making the pipe takes the lock, too: it sees the events, or is seen. */
	mutex_lock(&ear->lock);
	hear_locked(ear, count);
	mutex_unlock(&ear->lock);
}

int ear_fill(struct ear *ear, const struct ear_owner *owner, uint32_t slot, uint32_t polled)
{
	int r;

	mutex_lock(&ear->lock);
	r = fill_pipe_locked(ear, owner, slot, polled);
	mutex_unlock(&ear->lock);
	return r;
}

/* ---- taking ----------------------------------------------------------------------------- */

/* The pipe holds a byte exactly while events are pending; a post may come in between. */
static void settle_pipe(struct ear *ear, struct shm_bell_slot *slot)
{
	int readable = atomic_load_explicit(&ear->readable, memory_order_acquire);

	if (readable < 0 || atomic_load_explicit(&slot->pending, memory_order_seq_cst) > 0)
		return;
	event_pipe_drain(readable);
	if (atomic_load_explicit(&slot->pending, memory_order_seq_cst) > 0)
		event_pipe_fill(atomic_load_explicit(&ear->writable, memory_order_relaxed));
}

static bool try_take(struct shm_bell_slot *slot)
{
	uint32_t pending = atomic_load_explicit(&slot->pending, memory_order_relaxed);

	while (pending > 0)
		/* Acquires what was stored before the post. */
		if (atomic_compare_exchange_weak_explicit(&slot->pending, &pending, pending - 1,
							  memory_order_seq_cst,
							  memory_order_relaxed))
			return true;
	return false;
}

static int sleep_and_take(struct shm_bell_slot *slot, uint64_t deadline)
{
	int r;

	/* Announced before the count is looked at again: pairs with raise_pending(). */
	atomic_fetch_add_explicit(&slot->waiters, 1u, memory_order_seq_cst);
	(void)fault_point("signal.wait.announced");
	for (;;) {
		if (try_take(slot)) {
			r = 0;
			break;
		}
		r = futex_wait(&slot->pending, 0, deadline);
		if (r < 0 && r != -EAGAIN)
			break;
	}
	atomic_fetch_sub_explicit(&slot->waiters, 1u, memory_order_relaxed);
	/* An event that came with the time-out is not left behind. */
	if (r == -ETIMEDOUT && try_take(slot))
		r = 0;
	return r;
}

int ear_wait(struct ear *ear, int timeout_ms)
{
	struct shm_bell_slot *slot = slot_of(ear_bell(ear), ear->slot);
	int r = 0;

	if (!try_take(slot))
		r = timeout_ms == 0 ? -ETIMEDOUT
				    : sleep_and_take(slot, clock_deadline_ms(timeout_ms));
	if (r == 0 || r == -ETIMEDOUT)
		settle_pipe(ear, slot);
	return r;
}

/* ---- polling ---------------------------------------------------------------------------- */

static int make_pipe_locked(struct ear *ear, const struct ear_owner *owner) REQUIRES(ear->lock)
{
	struct message request = { .number = MSG_bell_poll };
	struct message reply;
	struct shm_bell_slot *slot = slot_of(ear_bell(ear), ear->slot);
	int fds[2], r;

	r = event_pipe_new(fds);
	if (r < 0)
		return r;
	request.bell_poll.target = owner->id;
	if (!ear->alone)
		r = session_call(owner->session, &request, &fds[1], 1, &reply, NULL);
	/* Taken back since: nobody will ask for the pipe. */
	if (r < 0 && r != -ESTALE) {
		fd_scope_end(&fds[0]);
		fd_scope_end(&fds[1]);
		return r;
	}
	(void)fault_point("signal.poll.told");
	atomic_store_explicit(&ear->writable, fds[1], memory_order_relaxed);
	atomic_store_explicit(&ear->readable, fds[0], memory_order_release);
	/* Posts from before anybody knew of the pipe. */
	if (atomic_load_explicit(&slot->pending, memory_order_seq_cst) > 0)
		event_pipe_fill(fds[1]);
	return 0;
}

static int pollfd_locked(struct ear *ear, const struct ear_owner *owner, int *ret_fd)
	REQUIRES(ear->lock)
{
	int r = 0;

	if (atomic_load_explicit(&ear->readable, memory_order_relaxed) < 0)
		r = make_pipe_locked(ear, owner);
	if (r < 0)
		return r;
	ear->polls++;
	*ret_fd = atomic_load_explicit(&ear->readable, memory_order_relaxed);
	return 0;
}

int ear_pollfd(struct ear *ear, const struct ear_owner *owner, int *ret_fd)
{
	int r;

	mutex_lock(&ear->lock);
	r = fetch_locked(ear, owner);
	if (r == 0)
		r = pollfd_locked(ear, owner, ret_fd);
	mutex_unlock(&ear->lock);
	return r;
}

void ear_pollfd_release(struct ear *ear)
{
	mutex_lock(&ear->lock);
	if (ear->polls > 0)
		ear->polls--;
	mutex_unlock(&ear->lock);
}

unsigned ear_polls(struct ear *ear)
{
	unsigned polls;

	mutex_lock(&ear->lock);
	polls = ear->polls;
	mutex_unlock(&ear->lock);
	return polls;
}
