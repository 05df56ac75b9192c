/* SPDX-License-Identifier: MIT */
/*
 * test.h - one line per test, on libcheck
 *
 * TEST(a_sentence_that_can_be_false) { ... } defines and registers a test.  Each runs in a
 * process of its own, with a time limit, and fails if it leaves a descriptor, a memfd mapping
 * or a child process behind.  SKIP("reason") leaves a test and says why.
 */
#ifndef TESTS_TEST_H
#define TESTS_TEST_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Check's old name for a failed assertion; ours is in base/error.h. */
#undef fail

struct test_case {
	const char *name;
	void (*run)(void);
	double seconds;
	bool leaks_allowed;
	const char *file;
	TTest body; /* the runner's */
	struct test_case *next;
};

void test_register(struct test_case *test);
__attribute__((noreturn)) void test_skip(const char *reason);

#define TEST_WITH(test_name, limit, leaks)                                       \
	static void test_##test_name(void);                                      \
	__attribute__((constructor)) static void test_register_##test_name(void) \
	{                                                                        \
		static struct test_case self = { .name = #test_name,             \
						 .run = test_##test_name,        \
						 .seconds = (limit),             \
						 .leaks_allowed = (leaks),       \
						 .file = __FILE__ };             \
		test_register(&self);                                            \
	}                                                                        \
	static void test_##test_name(void)

#define TEST(name) TEST_WITH(name, 20, false)
/* For tests that need more than twenty seconds. */
#define TEST_SLOW(name, limit) TEST_WITH(name, limit, false)

struct test_place {
	const char *file;
	int line;
};

/* What the test expects last: the runner says where that was if the test fails or crashes. */
void test_came_by(const struct test_place *here);
bool test_same(const char *a, const char *b);

/* One that holds costs next to nothing, which races need, and takes no lock, which a child has
 * for ever if another thread had it at the fork: libcheck's own write to a file, under one. */
#define EXPECT_OR_SAY(condition, ...)                                          \
	do {                                                                   \
		static const struct test_place here_ = { __FILE__, __LINE__ }; \
		test_came_by(&here_);                                          \
		if (!(condition))                                              \
			ck_abort_msg(__VA_ARGS__);                             \
	} while (0)
#define EXPECT(condition) EXPECT_OR_SAY(condition, "not true: %s", #condition)
#define EXPECT_EQ(a, b)                                                                       \
	do {                                                                                  \
		long long a_ = (long long)(a), b_ = (long long)(b);                           \
		EXPECT_OR_SAY(a_ == b_, "%s is %lld (0x%llx), not %s, %lld (0x%llx)", #a, a_, \
			      a_, #b, b_, b_);                                                \
	} while (0)
#define EXPECT_STR(a, b)                                                             \
	do {                                                                         \
		const char *a_ = (a), *b_ = (b);                                     \
		EXPECT_OR_SAY(test_same(a_, b_), "%s is \"%s\", not %s, \"%s\"", #a, \
			      a_ ? a_ : "(null)", #b, b_ ? b_ : "(null)");           \
	} while (0)
/* The condition comes true within @ms milliseconds; for what has no event to wait for. */
#define EXPECT_WITHIN(ms, condition)                                                   \
	do {                                                                           \
		bool true_ = false;                                                    \
		for (int left_ = (ms)*5; !(true_ = (condition)) && left_ > 0; left_--) \
			test_pause_us(200);                                            \
		EXPECT_OR_SAY(true_, "not true within %d ms: %s", (ms), #condition);   \
	} while (0)
#define SKIP(reason) test_skip(reason)

/* For what all tests of a program find: called before and after each, by the runner and not in
 * the test's process, which finds @begin's doings in its memory.  From a constructor. */
void test_surround(void (*begin)(void), void (*end)(void));

void test_pause_us(unsigned us);
/* A fresh directory that is removed, with what is in it, when the test ends.  Borrowed. */
const char *test_directory(void);
/* What the tract.conf in there says, for brokers that start after this. */
void test_configure(const char *format, ...) __attribute__((format(printf, 1, 2)));
unsigned test_count_fds(void);
unsigned test_count_memfd_mappings(void);
unsigned test_count_children(void);

/* 1 in a build with ASan or TSan, which keep books of their own about memory. */
#ifdef __has_feature
#define TEST_SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TEST_SANITIZED 1
#else
#define TEST_SANITIZED 0
#endif

/* 1 in a build with TSan, which takes some things a hostile program does for a data race. */
#ifdef __has_feature
#define TEST_TSAN __has_feature(thread_sanitizer)
#elif defined(__SANITIZE_THREAD__)
#define TEST_TSAN 1
#else
#define TEST_TSAN 0
#endif

/* Addresses in a row for more bytes than there is memory; TSan leaves a program no more. */
#define TEST_VAST ((size_t)1 << (TEST_TSAN ? 38 : 42))

/* How many times longer than usual things may take here (sanitizers, valgrind). */
double test_patience(void);

/* What memory of other nodes is reached over, and at which address of this host:
 * TRACT_TEST_PROVIDER and TRACT_TEST_ADDRESS, or "tcp" and "127.0.0.1". */
const char *test_provider(void);
const char *test_provider_address(void);

/* TRACT_DEEP is set: do what a promise names rather than a sample of it.  Tests may then take
 * longer as a whole; no promise may. */
bool test_is_deep(void);

#endif
