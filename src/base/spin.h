/* SPDX-License-Identifier: MIT */
/*
 * spin.h - whether to look again for a moment before falling asleep
 *
 * Falling asleep and being woken costs several times what most messages do.  Looking again
 * instead is worth it only while it pays: after some wake-ups in short order, and for longer
 * and longer not at all once it was in vain.  Who looks again yields each time, for whoever is
 * to answer may need this very processor; and who comes back from that late is not alone here
 * and gives way.
 *
 *	if (spin_pays(l)) {
 *		found = spin_until(l->ns, look, arg, &took);
 *		spin_looked(l, found, took);
 *	}
 *	... sleep, if nothing was found ...
 *	spin_slept(l, how long);
 *
 * Times are in nanoseconds.  No lock: one thread at a time, but for spin_until().
 */
#ifndef BASE_SPIN_H
#define BASE_SPIN_H

#include <stdbool.h>
#include <stdint.h>

/* About what falling asleep and being woken takes. */
#define SPIN_NS 50000u

struct spin {
	uint64_t ns; /* how long to look again; 0: not at all */
	int credit;  /* positive: looking again would have paid lately */
	int price;   /* what looking in vain costs */
};

struct spin spin_for(uint64_t ns);
/* As if it had paid lately: for who knows that answers are soon. */
struct spin spin_at_once(uint64_t ns);
bool spin_pays(const struct spin *spin);
/* Looks until @found says so, which is returned, or for @ns, or as long as nobody else wants
 * this processor. */
bool spin_until(uint64_t ns, bool (*found)(void *arg), void *arg, uint64_t *ret_took);
void spin_looked(struct spin *spin, bool found, uint64_t took);
void spin_slept(struct spin *spin, uint64_t took);

#endif
