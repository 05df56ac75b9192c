/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <tract/types.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fault.h"
#include "fabric/fabric.h"
#include "sys/vm.h"
#include "test.h"

struct pair {
	struct fabric *fabric;
	struct fabric_window *window;
	struct fabric_peer *peer;
	struct fabric_target *target;
	char *memory;
};

static int pair_up(struct pair *pair)
{
	struct fabric_config config = { .provider = "inside", .serve = true };
	struct fabric_window_spec window = { .size = vm_page_size(),
					     .rights = TRACT_RIGHT_READ_WRITE };
	struct fabric_target_spec target = { .size = vm_page_size(),
					     .rights = TRACT_RIGHT_READ_WRITE,
					     .name = 7 };
	struct fabric_address address;
	int r = fabric_open(&config, &pair->fabric);

	if (r < 0)
		return r;
	EXPECT_EQ(vm_anonymous(window.size, VM_READ | VM_WRITE, &window.memory), 0);
	pair->memory = window.memory;
	r = fabric_window_open(pair->fabric, &window, &pair->window);
	if (r < 0)
		return r;
	EXPECT_EQ(fabric_address(pair->fabric, &address), 0);
	r = fabric_peer_open(pair->fabric, &address, CLOCK_NEVER, &pair->peer);
	if (r < 0)
		return r;
	target.base = fabric_window_base(pair->window);
	target.key = fabric_window_key(pair->window);
	return fabric_target_open(pair->peer, &target, &pair->target);
}

static void pair_down(struct pair *pair)
{
	fabric_target_close(pair->target);
	fabric_peer_close(pair->peer);
	fabric_window_close(pair->window);
	fabric_close(pair->fabric);
	if (pair->memory)
		vm_unmap(pair->memory, vm_page_size());
}

static int put_text(const struct pair *pair, uint64_t offset, const char *text)
{
	int r = fabric_put(pair->target, offset, text, strlen(text) + 1, 0, CLOCK_NEVER, NULL);

	return r < 0 ? r : fabric_wait(pair->target, CLOCK_NEVER);
}

static int get_text(const struct pair *pair, uint64_t offset, char *text, size_t size)
{
	int r = fabric_get(pair->target, offset, text, size, CLOCK_NEVER, NULL);

	return r < 0 ? r : fabric_wait(pair->target, CLOCK_NEVER);
}

TEST(inside_a_process_what_is_put_can_be_got)
{
	struct pair pair = { 0 };
	char text[8];

	EXPECT_EQ(pair_up(&pair), 0);
	EXPECT_EQ(put_text(&pair, 100, "hello"), 0);
	EXPECT_STR(pair.memory + 100, "hello");
	EXPECT_EQ(get_text(&pair, 100, text, 6), 0);
	EXPECT_STR(text, "hello");
	pair_down(&pair);
}

TEST(inside_a_process_a_buried_window_is_zeros_and_a_closed_one_an_error)
{
	struct pair pair = { 0 };
	char text[8] = "nothing";

	EXPECT_EQ(pair_up(&pair), 0);
	EXPECT_EQ(put_text(&pair, 0, "hello"), 0);
	EXPECT_EQ(fabric_window_bury(pair.window), 0);
	EXPECT_EQ(get_text(&pair, 0, text, 6), 0);
	EXPECT_STR(text, "");
	fabric_window_close(pair.window);
	pair.window = NULL;
	EXPECT_EQ(put_text(&pair, 0, "hello"), -ECONNRESET);
	EXPECT(strstr(error_reason(), "window 0x7") != NULL);
	pair_down(&pair);
}

TEST(a_peer_that_is_not_there_is_refused)
{
	struct pair pair = { 0 };
	struct fabric_address address;
	struct fabric_peer *peer;

	EXPECT_EQ(pair_up(&pair), 0);
	EXPECT_EQ(fabric_address(pair.fabric, &address), 0);
	address.bytes[0] ^= 1;
	EXPECT_EQ(fabric_peer_open(pair.fabric, &address, CLOCK_NEVER, &peer), -ECONNREFUSED);
	address.size--;
	EXPECT_EQ(fabric_peer_open(pair.fabric, &address, CLOCK_NEVER, &peer), -EINVAL);
	pair_down(&pair);
}

/* Whatever fails, everything can be closed, and the transfer is not half done. */
TEST(every_step_that_fails_leaves_nothing_behind)
{
	unsigned n = 0;
	bool visited;

	do {
		struct pair pair = { 0 };
		char text[8] = "";
		int r;

		fault_arm_nth(n++);
		r = pair_up(&pair);
		if (r == 0)
			r = put_text(&pair, 0, "hello");
		if (r == 0)
			r = get_text(&pair, 0, text, 6);
		if (r == 0)
			r = fabric_window_bury(pair.window);
		visited = fault_nth_visited();
		EXPECT_EQ(r, visited ? -ENOMEM : 0);
		fault_arm(NULL);
		pair_down(&pair);
	} while (visited);
	EXPECT_EQ(n, 8);
}
