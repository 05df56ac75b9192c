/* SPDX-License-Identifier: MIT */
/*
 * bytes.h - arithmetic that notices overflow, and cursors over byte strings
 *
 * Integers on the wire are little-endian and unaligned.
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BIT(n) (UINT32_C(1) << (n))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* True, and *ret set, unless the result does not fit. */
#define add_fits(a, b, ret) (!__builtin_add_overflow((a), (b), (ret)))
#define mul_fits(a, b, ret) (!__builtin_mul_overflow((a), (b), (ret)))

static inline bool is_multiple(uint64_t value, uint64_t power_of_two)
{
	return (value & (power_of_two - 1)) == 0;
}

/* The least multiple of @power_of_two not below @value; the caller has checked that it fits. */
static inline uint64_t round_up(uint64_t value, uint64_t power_of_two)
{
	return (value + power_of_two - 1) & ~(power_of_two - 1);
}

struct reader {
	const uint8_t *at;
	size_t left;
	bool failed; /* sticky: something was read past the end */
};

struct writer {
	uint8_t *at;
	size_t left;
	size_t used;
	bool failed; /* sticky: something did not fit */
};

struct reader reader_of(const void *bytes, size_t size);
uint8_t read_u8(struct reader *r);
uint16_t read_u16(struct reader *r);
uint32_t read_u32(struct reader *r);
uint64_t read_u64(struct reader *r);
/* Borrowed bytes inside the buffer, or NULL (and failed). */
const void *read_bytes(struct reader *r, size_t size);

struct writer writer_of(void *bytes, size_t size);
void write_u8(struct writer *w, uint8_t value);
void write_u16(struct writer *w, uint16_t value);
void write_u32(struct writer *w, uint32_t value);
void write_u64(struct writer *w, uint64_t value);
void write_bytes(struct writer *w, const void *bytes, size_t size);

#endif
