/* SPDX-License-Identifier: MIT */
/*
 * words.h - values as people write them
 *
 * Each writes into the caller's buffer and returns it.
 */
#ifndef CLI_WORDS_H
#define CLI_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#define WORDS_MAX 64

const char *words_size(uint64_t bytes, char text[WORDS_MAX]);
/* "0x7f0012345000", as wide as most */
const char *words_address(uint64_t address, char text[WORDS_MAX]);
const char *words_age(uint64_t ms, char text[WORDS_MAX]);
const char *words_mode(uint32_t mode, char text[WORDS_MAX]);
const char *words_rights(uint32_t rights, char text[WORDS_MAX]);
/* A user's name, or the number. */
const char *words_user(uint32_t uid, char text[WORDS_MAX]);
/* A process's name from /proc, or "?". */
const char *words_process(int32_t pid, char text[WORDS_MAX]);
const char *words_backing(uint32_t backing);
/* What a mapping is, one of enum tract_mapping_kind. */
const char *words_mapping(uint32_t kind);
/* "r12": a letter says what is numbered. */
const char *words_name(char letter, uint64_t number, char text[WORDS_MAX]);
/* Of shared regions: enum tract_permission as "rw-", enum tract_shared_state, enum tract_force,
 * enum tract_cache, and enum tract_cap_right as "read write map". */
const char *words_permission(uint32_t permission, char text[WORDS_MAX]);
const char *words_state(uint32_t state);
const char *words_force(uint32_t force);
/* The opposite.  False if it is none. */
bool words_read_force(const char *text, uint32_t *ret_force);
const char *words_cache(uint32_t cache);
const char *words_capability(uint32_t rights, char text[WORDS_MAX]);
/* "rwx", "r--" */
const char *words_access(uint32_t rights, bool executable, char text[WORDS_MAX]);

#endif
