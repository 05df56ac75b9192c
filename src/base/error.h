/* SPDX-License-Identifier: MIT */
/*
 * error.h - the words that go with an error
 *
 * Errors travel as -errno.  Beside it, per thread, travels one sentence that says what to do;
 * it is what tract_reason() shows.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

/* Records the sentence and returns @error, so that "return fail(-EINVAL, ...)" reads well. */
int fail(int error, const char *format, ...) __attribute__((format(printf, 2, 3), cold));
void error_clear_reason(void);
const char *error_reason(void);
/* The errno's name, as "ENOENT"; "?" if unknown.  @error may be negative. */
const char *error_name(int error);

#endif
