/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <time.h>

#include "compat/rsm/rsm.h"

RSM_API int rsm_intr_signal_post(void *memseg, uint_t flags)
{
	struct rsm_object *object = rsm_handle_find_segment(memseg);
	uint32_t native = flags & RSM_SIGPOST_NO_ACCUMULATE ? TRACT_POST_ONCE : 0u;
	int r;

	if (!object)
		return RSMERR_BAD_SEG_HNDL;
	r = object->kind == RSM_KIND_EXPORT ? tract_export_post(object->export, native)
					    : tract_import_post(object->import, native);
	return rsm_status(RSM_CALL_EVENT, r);
}

static int wait_native(struct rsm_object *object, int timeout)
{
	return object->kind == RSM_KIND_EXPORT ? tract_export_wait(object->export, timeout)
					       : tract_import_wait(object->import, timeout);
}

RSM_API int rsm_intr_signal_wait(void *memseg, int timeout)
{
	struct rsm_object *object = rsm_handle_find_segment(memseg);

	if (!object)
		return RSMERR_BAD_SEG_HNDL;
	return rsm_status(RSM_CALL_EVENT, wait_native(object, timeout));
}

static int get_pollfd_locked(struct rsm_object *object, struct pollfd *fdp)
	REQUIRES(object->lock)
{
	int fd, r;

	r = object->kind == RSM_KIND_EXPORT ? tract_export_pollfd(object->export, &fd)
					    : tract_import_pollfd(object->import, &fd);
	if (r < 0)
		return rsm_status(RSM_CALL_EVENT, r);
	object->polls++;
	atomic_store_explicit(&object->fd, fd, memory_order_release);
	fdp->fd = fd;
	fdp->events = POLLRDNORM;
	return RSM_SUCCESS;
}

RSM_API int rsm_memseg_get_pollfd(void *memseg, struct pollfd *fdp)
{
	struct rsm_object *object = rsm_handle_find_segment(memseg);
	int status;

	if (!object)
		return RSMERR_BAD_SEG_HNDL;
	if (!fdp)
		return RSMERR_BAD_ADDR;
	mutex_lock(&object->lock);
	status = get_pollfd_locked(object, fdp);
	mutex_unlock(&object->lock);
	return status;
}

static void release_pollfd_locked(struct rsm_object *object) REQUIRES(object->lock)
{
	if (object->polls == 0)
		return;
	if (--object->polls == 0)
		atomic_store_explicit(&object->fd, -1, memory_order_release);
	if (object->kind == RSM_KIND_EXPORT)
		tract_export_pollfd_release(object->export);
	else
		tract_import_pollfd_release(object->import);
}

RSM_API int rsm_memseg_release_pollfd(void *memseg)
{
	struct rsm_object *object = rsm_handle_find_segment(memseg);

	if (!object)
		return RSMERR_BAD_SEG_HNDL;
	mutex_lock(&object->lock);
	release_pollfd_locked(object);
	mutex_unlock(&object->lock);
	return RSM_SUCCESS;
}

/* ---- waiting for several ---------------------------------------------------------------- */

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int poll_status(int error)
{
	switch (error) {
	case EINTR:
		return RSMERR_INTERRUPTED;
	case EFAULT:
		return RSMERR_BAD_ADDR;
	case EAGAIN:
	case ENOMEM:
		return RSMERR_INSUFFICIENT_RESOURCES;
	default:
		return RSMERR_BAD_ARGS_ERRORS;
	}
}

/* Takes one event from each segment among the ready; how many elements are left ready. */
static int take_events(struct pollfd fds[], nfds_t nfds)
{
	int ready = 0;

	for (nfds_t i = 0; i < nfds; i++) {
		struct rsm_object *object = NULL;

		if (fds[i].fd >= 0 && fds[i].revents == POLLRDNORM)
			object = rsm_handle_polling(fds[i].fd);
		if (object && wait_native(object, 0) < 0)
			fds[i].revents = 0; /* somebody else was faster */
		ready += fds[i].revents != 0;
	}
	return ready;
}

RSM_API int rsm_intr_signal_wait_pollfd(struct pollfd fds[], nfds_t nfds, int timeout,
					int *numfdsp)
{
	int64_t deadline = now_ms() + timeout;
	int left = timeout, ready;

	if (numfdsp)
		*numfdsp = 0;
	if (nfds > 0 && !fds)
		return RSMERR_BAD_ADDR;
	for (;;) {
		ready = tract_poll(fds, nfds, left);
		if (ready < 0)
			return poll_status(-ready);
		if (ready > 0)
			ready = take_events(fds, nfds);
		if (ready > 0) {
			if (numfdsp)
				*numfdsp = ready;
			return RSM_SUCCESS;
		}
		if (timeout < 0)
			continue;
		left = (int)(deadline - now_ms());
		if (left <= 0)
			return RSMERR_TIMEOUT;
	}
}
