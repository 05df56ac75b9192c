/* SPDX-License-Identifier: MIT */
#include "client/pledge.h"

#include <errno.h>

#include "base/fault.h"
#include "sys/vm.h"

static int ask(struct session *session, int *ret_fd)
{
	struct message request = { .number = MSG_pledge };
	struct message reply;
	scoped(fd) int far_end = -1;
	int r;

	r = session_open_lifeline(session, &far_end);
	if (r < 0)
		return r;
	return session_call(session, &request, &far_end, 1, &reply, ret_fd);
}

int pledge_make(struct session *session)
{
	scoped(fd) int fd = -1;
	void *mapped;
	int r;

	if (session->pledge)
		return 0;
	r = ask(session, &fd);
	if (r == 0)
		r = fault_point("pledge.make.answered");
	if (r == 0)
		r = vm_place(NULL, sizeof(struct shm_pledge), VM_READ | VM_WRITE, fd, 0,
			     &mapped);
	if (r == 0)
		session->pledge = mapped;
	return r;
}

void pledge_take_back(struct session *session, uint32_t slot)
{
	atomic_store_explicit(&session->pledge->ended[slot], 1u, memory_order_seq_cst);
	/* Pairs with the fence in import_judge(): whoever still saw the old word made its
	 * access before this, to memory that was held. */
	atomic_thread_fence(memory_order_seq_cst);
}

void pledge_end(struct session *session)
{
	if (session->pledge)
		vm_unmap(session->pledge, sizeof(struct shm_pledge));
	session->pledge = NULL;
	session_close_fd(session, &session->lifeline);
}
