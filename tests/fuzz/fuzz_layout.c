/* SPDX-License-Identifier: MIT */
/*
 * fuzz_layout.c - whatever is asked of it, a layout does what its model does
 *
 * The first byte chooses the limits and the size of a page; then a step is eight bytes:
 *
 *	0     the deed
 *	1     the flags of a wish, and whether a search resumes; how a cut is made
 *	2     what kind of address it is about, and whether the alignment is a page's
 *	3     what kind of size, and of address for a search to resume at
 *	4, 5  which address
 *	6, 7  which size, alignment, and address to resume at
 */
#include "fuzz.h"

#include "layout_twin.h"

#define STEP_SIZE 8u
#define STEPS_MAX 100u

static uintptr_t address(const struct layout_twin *t, uint8_t how, uint16_t offset)
{
	const struct layout_model *m = &t->model;

	switch (how & 15) {
	case 0:
		return 0;
	case 1:
		return UINTPTR_MAX - offset;
	case 2:
		return m->low - 1 + (offset & 3);
	case 3:
		return m->high - 1 + (offset & 3);
	case 4:
		return (uintptr_t)offset << (how >> 2);
	case 5:
	case 6:
	case 7:
		return m->base + offset % MODEL_BYTES;
	default:
		return (m->base + offset % MODEL_BYTES) & ~(m->page - 1);
	}
}

static uintptr_t size_of(const struct layout_twin *t, uint8_t how, uint16_t size)
{
	if (how < 4)
		return UINTPTR_MAX - size;
	if (how < 8)
		return t->model.high - t->model.low - 1 + (size & 3);
	if (how < 64)
		return size % MODEL_BYTES;
	return (1 + size % 16u) * t->model.page;
}

static void take_step(struct layout_twin *t, const uint8_t *step)
{
	uint16_t offset = (uint16_t)(step[4] | step[5] << 8);
	uint16_t size = (uint16_t)(step[6] | step[7] << 8);
	struct layout_wish wish = {
		.start = address(t, step[2], offset),
		.size = size_of(t, step[3], size),
		.align = step[2] & 16 ? t->layout.page_bits : size >> 8,
		.flags = step[1] & 31,
		.resume = step[1] & 32 ? address(t, step[3], size) : 0,
	};
	uintptr_t last = wish.start + (wish.size - 1);

	if (last < wish.start)
		last = UINTPTR_MAX;
	switch (step[0] & 7) {
	case 0:
	case 1:
	case 2:
		twin_attach(t, &wish);
		break;
	case 3:
	case 4:
		twin_reserve(t, &wish);
		break;
	case 5:
		twin_free_area(t, wish.start);
		break;
	case 6:
		twin_find(t, wish.start, last);
		if (!(step[1] & 1)) {
			twin_cut(t, wish.start, wish.start, LAYOUT_OVERLAP);
			break;
		}
		/* fall through */
	default:
		layout_widen(&t->layout, &wish.start, &last);
		twin_cut(t, wish.start, last, step[1] & 2 ? LAYOUT_OVERLAP : LAYOUT_EXACT);
		break;
	}
}

static void begin(struct layout_twin *t, uint8_t how)
{
	uintptr_t bases[] = { 0, UINTPTR_MAX - MODEL_BYTES + 1, UINT64_C(0x7ffe80001000),
			      4096 };
	uintptr_t base = bases[how & 3], page = how & 4 ? 16 : 64;
	uintptr_t low = base + (how & 8 ? 0 : 4 * page);
	uintptr_t high = base + (MODEL_BYTES - 1) - (how & 16 ? 0 : 4 * page);

	twin_init(t, base, low, high, page);
	if (how & 32)
		t->layout.floor = t->model.floor = low + 1000;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct layout_twin twin;

	if (size < 1)
		return 0;
	begin(&twin, data[0]);
	data++;
	size--;
	for (size_t i = 0; i < STEPS_MAX && size >= STEP_SIZE && !twin.lie; i++) {
		take_step(&twin, data);
		twin_compare(&twin);
		data += STEP_SIZE;
		size -= STEP_SIZE;
	}
	if (!twin.lie)
		twin_empty(&twin);
	if (twin.lie)
		(void)fprintf(stderr, "not true: %s\n", twin.lie);
	FUZZ_EXPECT(!twin.lie);
	twin_deinit(&twin);
	return 0;
}
