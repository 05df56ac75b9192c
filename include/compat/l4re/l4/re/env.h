/* SPDX-License-Identifier: MIT */
/*
 * env.h - what a program finds when it starts
 *
 * The environment names the objects that a task is given: its region map, the memory
 * allocator and others.  It is there before any constructor of the program runs, and stays
 * until the process ends.  It belongs to the library; a program may put other indices into
 * it, which the functions without _srv then use, and must not do so while another thread
 * calls them.
 */
#ifndef L4_RE_ENV_H
#define L4_RE_ENV_H

#include <l4/re/consts.h>
#include <l4/sys/compiler.h>
#include <l4/sys/types.h>
#include <l4/tract/mode.h>

EXTERN_C_BEGIN

/* A further capability, by its name. */
typedef struct l4re_env_cap_entry_t {
	l4_cap_idx_t cap;
	l4_umword_t flags; /* ~0UL in the entry behind the last */
	char name[16];	   /* no null byte at the end of one that has 16 characters */
} l4re_env_cap_entry_t;

typedef struct l4re_env_t {
	l4_cap_idx_t parent;
	l4_cap_idx_t rm;	/* this task's region map */
	l4_cap_idx_t mem_alloc; /* makes dataspaces */
	l4_cap_idx_t log;
	l4_cap_idx_t main_thread;
	l4_cap_idx_t factory;
	l4_cap_idx_t scheduler;
#ifdef L4RE_MODERN
	l4_cap_idx_t itas;
	l4_cap_idx_t dbg_events;
#endif
	l4_cap_idx_t first_free_cap; /* the number of a slot, not an index */
#ifdef L4RE_MODERN
	l4_umword_t first_free_reply_cap;
#endif
	l4_fpage_t utcb_area;
	l4_addr_t first_free_utcb;
	l4re_env_cap_entry_t *caps;
} l4re_env_t;

extern l4re_env_t *l4re_global_env L4_TRACT_LINK(global_env);

/* The environment; never NULL.  Borrowed. */
L4_INLINE l4re_env_t *l4re_env(void) L4_NOTHROW
{
	return l4re_global_env;
}

/**
 * l4re_env_get_cap_l() - look an entry up
 * @name: characters, not necessarily ended by a null byte
 * @len:  how many of them are the name
 * @e:    the environment
 *
 * Return: the entry of exactly this name, borrowed; NULL if there is none.
 */
L4_INLINE l4re_env_cap_entry_t const *l4re_env_get_cap_l(char const *name, unsigned len,
							 l4re_env_t const *e) L4_NOTHROW
{
	unsigned const most = sizeof(((l4re_env_cap_entry_t *)0)->name);
	l4re_env_cap_entry_t const *c;
	unsigned i;

	if (len > most)
		return 0;
	for (c = e->caps; c && c->flags != ~0UL; c++) {
		for (i = 0; i < len && c->name[i] == name[i] && c->name[i]; i++)
			;
		if (i == len && (i == most || !c->name[i]))
			return c;
	}
	return 0;
}

/**
 * l4re_env_get_cap_e() - the capability of a name in an environment
 * @name: the name, ended by a null byte
 * @e:    the environment
 *
 * Return: its index; L4_INVALID_CAP if the environment has no such name.
 */
L4_INLINE l4_cap_idx_t l4re_env_get_cap_e(char const *name, l4re_env_t const *e) L4_NOTHROW
{
	l4re_env_cap_entry_t const *entry;
	unsigned len = 0;

	/* A name that is longer than any can be is not looked at to its end. */
	while (len <= sizeof(entry->name) && name[len])
		len++;
	entry = l4re_env_get_cap_l(name, len, e);
	return entry ? entry->cap : L4_INVALID_CAP;
}

/* The same in this task's environment. */
L4_INLINE l4_cap_idx_t l4re_env_get_cap(char const *name) L4_NOTHROW
{
	return l4re_env_get_cap_e(name, l4re_env());
}

/* What old programs call the three. */
L4_INLINE l4_cap_idx_t l4re_get_env_cap(char const *name) L4_NOTHROW
{
	return l4re_env_get_cap(name);
}

L4_INLINE l4_cap_idx_t l4re_get_env_cap_e(char const *name, l4re_env_t const *e) L4_NOTHROW
{
	return l4re_env_get_cap_e(name, e);
}

L4_INLINE l4re_env_cap_entry_t const *l4re_get_env_cap_l(char const *name, unsigned len,
							 l4re_env_t const *e) L4_NOTHROW
{
	return l4re_env_get_cap_l(name, len, e);
}

EXTERN_C_END

#endif
