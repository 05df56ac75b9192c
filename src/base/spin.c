/* SPDX-License-Identifier: MIT */
#include "base/spin.h"

#include <sched.h>

#include "base/clock.h"

/* A sleep this many times shorter than spinning could have been spun through, had the
 * peer not been slowed by waking us. */
#define SHORT_SLEEP 4
#define CREDIT_MAX 8
#define PRICE_FIRST 1
#define PRICE_MAX 64
/* Who yields to nobody is back before: it takes about a microsecond. */
#define ALONE_NS 20000u

struct spin spin_for(uint64_t ns)
{
	return (struct spin){ .ns = ns, .price = PRICE_FIRST };
}

struct spin spin_at_once(uint64_t ns)
{
	struct spin spin = spin_for(ns);

	spin.credit = CREDIT_MAX;
	return spin;
}

bool spin_pays(const struct spin *spin)
{
	return spin->ns > 0 && spin->credit > 1;
}

bool spin_until(uint64_t ns, bool (*found)(void *arg), void *arg, uint64_t *ret_took)
{
	const uint64_t start = clock_now();
	uint64_t before;
	bool is_found, alone;

	do {
		before = clock_now();
		(void)sched_yield();
		alone = clock_now() - before < ALONE_NS;
		is_found = found(arg);
		*ret_took = clock_now() - start;
	} while (!is_found && alone && *ret_took < ns);
	return is_found;
}

void spin_looked(struct spin *spin, bool found, uint64_t took)
{
	/* Who yields on a busy processor may come back long after what was waited for. */
	if (found && took <= SHORT_SLEEP * spin->ns) {
		spin->price = PRICE_FIRST;
		return;
	}
	spin->credit = -spin->price;
	if (spin->price < PRICE_MAX)
		spin->price *= 2;
}

void spin_slept(struct spin *spin, uint64_t took)
{
	if (took > SHORT_SLEEP * spin->ns)
		spin->credit = spin->credit < 0 ? spin->credit : 0;
	else if (spin->credit < CREDIT_MAX)
		spin->credit++;
}
