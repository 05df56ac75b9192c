/* SPDX-License-Identifier: MIT */
#include "broker/board_map.h"

#include "base/bytes.h"
#include "base/scope.h"
#include "sys/memfd.h"
#include "sys/vm.h"

static uint64_t board_bytes(void)
{
	return round_up(sizeof(struct shm_board), vm_page_size());
}

int board_map_open(struct board_map *b)
{
	scoped(fd) int fd = -1, reader_fd = -1;
	void *mapped;
	int r;

	r = memfd_new("tract-board", board_bytes(), &fd);
	if (r < 0)
		return r;
	r = memfd_reopen_readonly(fd, &reader_fd);
	if (r < 0)
		return r;
	r = vm_place(NULL, board_bytes(), VM_READ | VM_WRITE, fd, 0, &mapped);
	if (r < 0)
		return r;
	*b = (struct board_map){ .shared = mapped };
	b->shared->magic = SHM_BOARD_MAGIC;
	b->shared->version = SHM_VERSION;
	b->shared->slots = SHM_BOARD_SLOTS;
	b->fd = steal_fd(&fd);
	b->reader_fd = steal_fd(&reader_fd);
	return 0;
}

void board_map_close(struct board_map *b)
{
	if (!b->shared)
		return;
	vm_unmap(b->shared, board_bytes());
	fd_scope_end(&b->fd);
	fd_scope_end(&b->reader_fd);
	*b = (struct board_map){ .fd = -1, .reader_fd = -1 };
}

void board_map_set(struct board_map *b, uint32_t slot, uint64_t generation, uint64_t epoch)
{
	struct shm_board_slot *s = &b->shared->slot[slot];

	assert(slot < SHM_BOARD_SLOTS);
	atomic_store_explicit(&s->epoch, epoch, memory_order_seq_cst);
	atomic_store_explicit(&s->generation, generation, memory_order_seq_cst);
	/* Pairs with the fence that clients make between an access and their look at the
	 * slot: whoever still saw the old generation made its access before this. */
	atomic_thread_fence(memory_order_seq_cst);
}

void board_map_promise(struct board_map *b, uint64_t until)
{
	/* After what was written of slots.  Pairs with the look at a slot before this. */
	atomic_store_explicit(&b->shared->sure_until, until, memory_order_release);
}
