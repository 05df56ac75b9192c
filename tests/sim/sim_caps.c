/* SPDX-License-Identifier: MIT */
/*
 * sim_caps.c - capabilities beside a model of them
 *
 *	sim-caps [--seeds COUNT] [--from SEED]
 * makes short runs, in which everything is compared after each step;
 *
 *	sim-caps --steps COUNT [--seeds COUNT] [--from SEED]
 * makes runs of that many steps; in long ones hardly anybody dies, for more to end than fits
 *into what is remembered; and
 *
 *	sim-caps --replay SEED [--steps COUNT]
 * makes one of either, and says every step.
 *
 * Processes derive, offer, take, revoke, delete and die, objects move and end, memory fails,
 *and tokens are presented by whom they do not belong to, or with a bit flipped.  What is said,
 *what is there afterwards and who was told is compared with caps_model.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "caps_sim.h"
#include "chance.h"

#define SHORT_STEPS 500u
/* In a long run the whole is compared once in so many steps. */
#define LONG_CHECK 50u

static uint64_t draw(struct sim *sim)
{
	return chance_draw(&sim->chance);
}

static uint32_t below(struct sim *sim, uint32_t limit)
{
	return (uint32_t)(draw(sim) % limit);
}

bool one_in(struct sim *sim, uint32_t n)
{
	return below(sim, n) == 0;
}

void expect(struct sim *sim, bool kept, const char *rule)
{
	if (!kept && !sim->lie)
		sim->lie = rule;
}

void say(struct sim *sim, const char *what, int by, uint64_t token, uint64_t more, int r)
{
	if (sim->loud)
		(void)printf("%llu: %s by %d, %#llx, %#llx: %d\n",
			     (unsigned long long)sim->model.step, what, by,
			     (unsigned long long)token, (unsigned long long)more, r);
}

int holder_of(const struct sim *sim, const struct cap_table *table)
{
	return table ? (int)(table - sim->table) : NOBODY;
}

/* ---- what is drawn ---------------------------------------------------------------------- */

static int draw_process(struct sim *sim)
{
	return (int)below(sim, MODEL_PROCESSES);
}

static int draw_target(struct sim *sim)
{
	return one_in(sim, 30) ? NOBODY : draw_process(sim);
}

static struct cap_table *table_of(struct sim *sim, int process)
{
	return process == NOBODY ? NULL : &sim->table[process];
}

/* Mostly one that lives, and is in this state. */
static int draw_cap(struct sim *sim, enum cap_state state)
{
	int i = NOBODY;

	for (int n = 0; n < 12 && sim->model.count > 0; n++) {
		i = (int)below(sim, (uint32_t)sim->model.count);
		/* Half of all among the latest, so that trees get deep. */
		if (one_in(sim, 2) && sim->model.count > 20)
			i = sim->model.count - 1 - (int)below(sim, 20);
		if (sim->model.cap[i].state == state || one_in(sim, 40))
			break;
	}
	return i;
}

/* A token, and who presents it: mostly its holder, or one above. */
static uint64_t draw_token(struct sim *sim, enum cap_state state, int *ret_by)
{
	const struct model *m = &sim->model;
	int i = draw_cap(sim, state);
	uint64_t token = i == NOBODY ? draw(sim) : m->cap[i].token;

	*ret_by = draw_process(sim);
	if (i != NOBODY && !one_in(sim, 12)) {
		if (m->cap[i].parent != NOBODY && one_in(sim, 6))
			i = m->cap[i].parent;
		if (m->cap[i].holder != NOBODY)
			*ret_by = m->cap[i].holder;
	}
	return one_in(sim, 20) ? token ^ UINT64_C(1) << below(sim, 64) : token;
}

/* Mostly what the capability of this token has, more or less. */
static uint32_t draw_rights(struct sim *sim, int by, uint64_t token)
{
	int i = model_find(&sim->model, by, token);

	if (one_in(sim, 40))
		return one_in(sim, 2) ? 0 : UINT32_MAX;
	if (i == NOBODY || one_in(sim, 20))
		return below(sim, 256);
	return sim->model.cap[i].rights & ~(one_in(sim, 3) ? below(sim, 128) : 0);
}

static uint32_t draw_ceiling(struct sim *sim)
{
	static const uint32_t ceilings[] = { 3, 3, 3, 7, 1, 5, 4, 7 };

	return ceilings[below(sim, 8)];
}

/* One that is there, or NOBODY. */
static int draw_object(struct sim *sim)
{
	int object = (int)below(sim, MODEL_OBJECTS);

	return sim->model.object[object].live ? object : NOBODY;
}

/* ---- memory ----------------------------------------------------------------------------- */

static void memory_may_fail(struct sim *sim)
{
	sim->failing = one_in(sim, 20);
	if (sim->failing)
		(void)fault_arm("registry.alloc=e12@*");
}

/* Was it as expected?  If so, and it succeeded, true. */
static bool came_out(struct sim *sim, int r, int expected)
{
	(void)fault_arm(NULL);
	if (r == -ENOMEM) {
		expect(sim, sim->failing && expected == 0, "memory is enough");
		return false;
	}
	expect(sim, r == expected, "what is said is what was expected");
	return r == 0 && !sim->lie;
}

static void made(struct sim *sim, const struct model_plan *plan, const struct cap *cap)
{
	expect(sim, cap_unpack(cap->token).flags == (cap->rights & 0xf),
	       "a token's flags are its first rights");
	for (int i = 0; i < sim->model.count; i++)
		expect(sim, cap_unpack(sim->model.cap[i].token).id != cap_unpack(cap->token).id,
		       "an id is never given twice");
	model_add(&sim->model, plan, cap->token);
}

/* ---- steps that make -------------------------------------------------------------------- */

static void step_object(struct sim *sim)
{
	int object = (int)below(sim, MODEL_OBJECTS), owner = draw_process(sim);
	uint32_t ceiling = draw_ceiling(sim);
	struct model_plan plan;
	int r, expected;

	if (sim->model.object[object].live)
		return;
	expected = model_new_object(&sim->model, object, owner, ceiling, &plan);
	memory_may_fail(sim);
	r = cap_object_init(&sim->object[object], &sim->space, (uint64_t)object, ceiling,
			    &sim->table[owner]);
	say(sim, "object", owner, (uint64_t)object, ceiling, r);
	if (!came_out(sim, r, expected))
		return;
	sim->model.object[object] = (struct model_object){ .live = true, .ceiling = ceiling };
	made(sim, &plan, sim->object[object].root);
}

static void step_derive(struct sim *sim)
{
	int by, target = draw_target(sim), expected, r;
	uint64_t token = draw_token(sim, CAP_HELD, &by);
	uint32_t rights = draw_rights(sim, by, token), way = below(sim, 8);
	struct model_plan plan = { 0 };
	struct cap *cap = NULL;

	if (way == 1)
		rights = ~(uint32_t)CAP_GRANT;
	expected = model_derive(&sim->model, by, token, rights, target, way <= 1, &plan);
	memory_may_fail(sim);
	if (way == 0)
		r = cap_derive_within(&sim->table[by], token, rights, table_of(sim, target),
				      &cap);
	else if (way == 1)
		r = cap_delegate(&sim->table[by], token, table_of(sim, target), &cap);
	else
		r = cap_derive(&sim->table[by], token, rights, table_of(sim, target), &cap);
	say(sim, "derive", by, token, rights, r);
	if (came_out(sim, r, expected))
		made(sim, &plan, cap);
}

static void step_create(struct sim *sim)
{
	int object = draw_object(sim), by = draw_process(sim), target = draw_target(sim);
	static const uint32_t modes[] = { 0, 0x100, 1, 1, 1, 2, 3, 0x101 };
	uint32_t mode = modes[below(sim, 8)];
	struct model_plan plan = { 0 };
	struct cap *cap = NULL;
	int r, expected;

	if (object == NOBODY)
		return;
	if (one_in(sim, 2) && sim->object[object].root->holder)
		by = holder_of(sim, sim->object[object].root->holder);
	expected = model_create(&sim->model, by, object, target, mode, &plan);
	memory_may_fail(sim);
	r = cap_create(&sim->table[by], &sim->object[object], table_of(sim, target), mode,
		       &cap);
	say(sim, "create", by, (uint64_t)object, mode, r);
	if (!came_out(sim, r, expected))
		return;
	if (plan.same != NOBODY) {
		expect(sim, cap->token == sim->model.cap[plan.same].token,
		       "a Move to oneself is the root");
		return;
	}
	expect(sim,
	       cap->parent && model_create_under(
				      &sim->model, by,
				      model_find(&sim->model, by, cap->parent->token), &plan),
	       "it acts under the best it holds");
	made(sim, &plan, cap);
}

static void step_hand_over(struct sim *sim)
{
	int object = draw_object(sim), to = draw_target(sim), expected, r;

	if (object == NOBODY)
		return;
	expected = model_hand_over(&sim->model, object, to);
	memory_may_fail(sim);
	r = cap_hand_over(&sim->object[object], table_of(sim, to));
	say(sim, "hand over", to, (uint64_t)object, 0, r);
	if (came_out(sim, r, expected))
		sim->model.cap[model_root(&sim->model, object)].holder = to;
}

static void step_redeem(struct sim *sim)
{
	int by, r;
	uint64_t token = draw_token(sim, CAP_OFFERED, &by);
	struct cap *cap;

	r = cap_redeem(&sim->table[by], token, &cap);
	say(sim, "redeem", by, token, 0, r);
	expect(sim, r == model_redeem(&sim->model, by, token), "an offer is redeemed");
}

static void step_lower(struct sim *sim)
{
	int object = draw_object(sim);
	uint32_t ceiling = draw_ceiling(sim);

	if (object == NOBODY || (ceiling & ~sim->model.object[object].ceiling))
		return;
	cap_object_lower(&sim->object[object], ceiling);
	model_lower(&sim->model, object, ceiling);
	say(sim, "lower", NOBODY, (uint64_t)object, ceiling, 0);
}

/* ---- steps that end --------------------------------------------------------------------- */

static void step_revoke(struct sim *sim)
{
	int by, r, expected, past;
	uint64_t token = draw_token(sim, one_in(sim, 4) ? CAP_OFFERED : CAP_HELD, &by);
	uint32_t count = 0, expected_count;

	past = model_past(&sim->model, by, token);
	expected = model_revoke(&sim->model, by, token, &expected_count);
	r = cap_revoke(&sim->table[by], token, &sim->end, &count);
	say(sim, "revoke", by, token, count, r);
	/* Whether a token that is just being forgotten is still known is not promised. */
	if (past == -1 && sim->model.ended == 0 && expected == -EBADF && r == 0)
		return;
	expect(sim, r == expected, "who may revoke does");
	expect(sim, count == expected_count, "what was revoked is counted");
}

static void step_delete(struct sim *sim)
{
	int by, r;
	uint64_t token = draw_token(sim, one_in(sim, 4) ? CAP_OFFERED : CAP_HELD, &by);
	int expected = model_delete(&sim->model, by, token);

	r = cap_delete(&sim->table[by], token, &sim->end);
	say(sim, "delete", by, token, 0, r);
	expect(sim, r == expected, "a holder deletes what is not the root");
}

static void step_move(struct sim *sim)
{
	int by, r, expected, object = draw_object(sim), move;
	uint64_t token = draw_token(sim, one_in(sim, 4) ? CAP_OFFERED : CAP_HELD, &by);

	move = object == NOBODY ? NOBODY : model_moving(&sim->model, object);
	if (move != NOBODY && !one_in(sim, 10)) {
		token = sim->model.cap[move].token;
		by = sim->model.cap[move].holder;
	}
	expected = model_move(&sim->model, by, token);
	r = cap_move(&sim->table[by], token, &sim->end);
	say(sim, "move", by, token, 0, r);
	expect(sim, r == expected, "a Move is its target's, once");
}

static void step_policy(struct sim *sim)
{
	int i = draw_cap(sim, CAP_HELD);
	uint32_t count;

	if (i == NOBODY || !model_is_live(&sim->model.cap[i]) ||
	    sim->model.cap[i].parent == NOBODY)
		return;
	model_policy(&sim->model, i);
	count = cap_revoke_by_policy(
		cap_find(&sim->table[sim->model.cap[i].holder], sim->model.cap[i].token),
		&sim->end);
	say(sim, "policy", NOBODY, sim->model.cap[i].token, count, 0);
	expect(sim, count == sim->model.ended, "what policy revokes is counted");
}

static void step_end_object(struct sim *sim)
{
	int object = draw_object(sim);
	enum cap_reason reason = one_in(sim, 2) ? CAP_EXPLICIT : CAP_PROCESS_EXIT;

	if (object == NOBODY)
		return;
	say(sim, "end of object", NOBODY, (uint64_t)object, reason, 0);
	model_end_object(&sim->model, object, reason);
	cap_object_end(&sim->object[object], reason, &sim->end);
}

static void step_exit(struct sim *sim)
{
	int process = draw_process(sim);

	say(sim, "exit", process, 0, 0, 0);
	model_exit(&sim->model, process);
	cap_table_end(&sim->table[process], &sim->end);
	/* Another process takes its place. */
	cap_table_init(&sim->table[process], &sim->space, sim->model.limit);
}

/* ---- runs ------------------------------------------------------------------------------- */

static void step_end(struct sim *sim)
{
	static void (*const small[])(struct sim *) = {
		step_revoke,
		step_revoke,
		step_delete,
		step_move,
	};
	static void (*const large[])(struct sim *) = {
		step_revoke,
		step_policy,
		step_end_object,
		step_exit,
	};

	if (one_in(sim, sim->harsh))
		large[below(sim, 4)](sim);
	else
		small[below(sim, 4)](sim);
}

static void step(struct sim *sim)
{
	static void (*const makes[])(struct sim *) = {
		step_derive, step_derive, step_derive, step_derive,    step_redeem, step_redeem,
		step_redeem, step_create, step_object, step_hand_over, step_lower,
	};

	model_step(&sim->model);
	sim->told = 0;
	sim->end.seconds = SECONDS + sim->model.step;
	if (one_in(sim, sim->busy))
		step_end(sim);
	else if (one_in(sim, 1 + sim->steps / 4))
		drain(sim, draw_process(sim));
	else
		makes[below(sim, 11)](sim);
	expect(sim, sim->told == sim->model.ended, "the user is told of each that ends");
	if (sim->steps <= SHORT_STEPS || one_in(sim, LONG_CHECK))
		compare(sim);
}

static void begin(struct sim *sim, uint64_t seed, uint32_t steps, bool loud)
{
	static const uint32_t limits[] = { 3, 10, 40, 256 };

	(void)memset(sim, 0, sizeof(*sim));
	sim->chance = seed * 2 + 1;
	sim->loud = loud;
	sim->busy = 2 + below(sim, 12);
	sim->harsh = 2 + below(sim, one_in(sim, 2) ? 4 : 40);
	sim->steps = steps;
	if (steps > SHORT_STEPS) {
		sim->busy = 3;
		sim->harsh = steps;
	}
	sim->model.limit = limits[below(sim, 4)];
	sim->end = (struct cap_end){ .ended = ended, .arg = sim };
	cap_space_init(&sim->space, draw(sim));
	for (int p = 0; p < MODEL_PROCESSES; p++)
		cap_table_init(&sim->table[p], &sim->space, sim->model.limit);
}

static void end(struct sim *sim)
{
	model_step(&sim->model);
	for (int o = 0; o < MODEL_OBJECTS; o++) {
		if (!sim->model.object[o].live)
			continue;
		model_end_object(&sim->model, o, CAP_EXPLICIT);
		cap_object_end(&sim->object[o], CAP_EXPLICIT, &sim->end);
	}
	expect(sim, sim->space.index.count == 0, "nothing is left in the end");
	for (int p = 0; p < MODEL_PROCESSES; p++) {
		drain(sim, p);
		cap_table_end(&sim->table[p], &sim->end);
	}
	cap_space_deinit(&sim->space);
	model_deinit(&sim->model);
}

static const char *run(uint64_t seed, uint32_t steps, bool loud, uint64_t *ret_step)
{
	static struct sim sim;

	begin(&sim, seed, steps, loud);
	for (*ret_step = 0; *ret_step < steps && !sim.lie; ++*ret_step)
		step(&sim);
	if (!sim.lie)
		end(&sim);
	return sim.lie;
}

struct options {
	uint64_t from, seeds;
	uint32_t steps;
	bool loud;
};

static void read_options(int argc, char **argv, struct options *o)
{
	for (int i = 1; i + 1 < argc; i += 2) {
		uint64_t value = strtoull(argv[i + 1], NULL, 0);

		if (strcmp(argv[i], "--seeds") == 0)
			o->seeds = value;
		if (strcmp(argv[i], "--steps") == 0 && value > 0)
			o->steps = (uint32_t)value;
		if (strcmp(argv[i], "--from") == 0 || strcmp(argv[i], "--replay") == 0)
			o->from = value;
		if (strcmp(argv[i], "--replay") == 0) {
			o->seeds = 1;
			o->loud = true;
		}
	}
}

int main(int argc, char **argv)
{
	struct options o = { .from = 1, .seeds = 300, .steps = SHORT_STEPS };
	uint64_t seed, at = 0;

	read_options(argc, argv, &o);
	for (seed = o.from; seed < o.from + o.seeds; seed++) {
		const char *rule = run(seed, o.steps, o.loud, &at);

		if (!rule)
			continue;
		(void)fprintf(stderr,
			      "seed %llu, step %llu: not true: %s\n"
			      "replay with: %s --replay %llu --steps %u\n",
			      (unsigned long long)seed, (unsigned long long)at, rule, argv[0],
			      (unsigned long long)seed, o.steps);
		return 1;
	}
	(void)printf("seeds %llu to %llu: no difference\n", (unsigned long long)o.from,
		     (unsigned long long)(seed - 1));
	return 0;
}
