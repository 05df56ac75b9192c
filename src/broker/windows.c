/* SPDX-License-Identifier: MIT */
#include "broker/windows.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/log.h"
#include "base/scope.h"
#include "fabric/load.h"
#include "sys/dir.h"
#include "sys/sysv.h"
#include "sys/vm.h"

struct window {
	struct idmap_node node;
	struct object *object; /* held; NULL: none */
	bool buried;
	void *memory;
	size_t size;
	struct window_way *way;
	struct fabric_window *open;
};

/* ---- fabrics ---------------------------------------------------------------------------- */

/* Where nothing is said, the address at which peers find this node. */
static const char *local_address(const struct windows *w, const struct config_controller *c)
{
	if (*c->address)
		return c->address;
	return strcmp(c->provider, "tcp") == 0 ? w->config->address.host : "";
}

static void way_is_down(struct window_way *way, const char *why)
{
	char quoted[2 * WIRE_TEXT_MAX];

	way->why = wire_text_of(why);
	log_event(LOG_LEVEL_WARNING, "controller.down name=%s provider=%s why=%s",
		  way->config->name, way->config->provider,
		  log_quote(way->why.text, quoted, sizeof(quoted)));
}

static void open_way(const struct windows *w, struct window_way *way)
{
	const struct config_controller *c = way->config;
	const char *local = local_address(w, c);
	struct fabric_config config = {
		.provider = c->provider,
		.domain = *c->domain ? c->domain : NULL,
		.address = *local ? local : NULL,
		.serve = true,
	};
	int r;

	r = w->fabric->open(&config, &way->fabric);
	if (r == 0)
		r = w->fabric->address(way->fabric, &way->address);
	if (r == 0)
		return;
	way_is_down(way, *w->fabric->reason() ? w->fabric->reason() : error_name(r));
	w->fabric->close(way->fabric);
	way->fabric = NULL;
}

/* Beside this program, as it is built or installed, before where it was configured to be. */
static int load_module(const struct fabric_module **ret_module)
{
	static const char *const places[] = {
		"../fabric",
		"../" TRACT_LIBDIR_NAME "/tract",
		"../lib/tract",
	};
	char path[PATH_MAX], *slash;

	if (dir_of_code((const void *)(uintptr_t)windows_init, path, sizeof(path)) == 0 &&
	    (slash = strrchr(path, '/')))
		for (size_t i = 0; i < ARRAY_LEN(places); i++) {
			(void)snprintf(slash, sizeof(path) - (size_t)(slash - path), "/%s/%s",
				       places[i], FABRIC_MODULE_FILE);
			if (access(path, R_OK) == 0)
				return fabric_load(path, ret_module);
		}
	return fabric_load(TRACT_LIBDIR "/tract/" FABRIC_MODULE_FILE, ret_module);
}

int windows_init(struct windows *w, const struct config *c)
{
	int r;

	*w = (struct windows){ .config = c };
	r = idmap_init(&w->by_id);
	if (r < 0 || c->peer_count == 0)
		return r;
	(void)load_module(&w->fabric);
	for (unsigned i = 0; i < c->controller_count; i++) {
		struct window_way *way = &w->way[w->count++];

		way->config = &c->controllers[i];
		if (w->fabric)
			open_way(w, way);
		else
			way_is_down(way, error_reason());
	}
	return 0;
}

static bool has_word(const char *words, const char *word)
{
	size_t length = strlen(word);
	const char *at = words;

	while (*at) {
		size_t next = strcspn(at, " ");

		if (next == length && strncmp(at, word, length) == 0)
			return true;
		at += next + strspn(at + next, " ");
	}
	return false;
}

struct wire_text windows_fabrics(const struct windows *w)
{
	char words[WIRE_TEXT_MAX + 1] = "";
	size_t used = 0;

	for (unsigned i = 0; i < w->count; i++) {
		const char *provider = w->way[i].config->provider;
		size_t length = strlen(provider);

		if (!w->way[i].fabric || has_word(words, provider) ||
		    used + length + 1 >= sizeof(words))
			continue;
		if (used > 0)
			words[used++] = ' ';
		(void)memcpy(words + used, provider, length + 1);
		used += length;
	}
	return wire_text_of(words);
}

static const char *real_name(const struct windows *w, const char *name)
{
	const struct config *c = w->config;

	for (unsigned i = 0; i < c->alias_count; i++)
		if (strcmp(c->aliases[i].name, name) == 0)
			return c->aliases[i].controller;
	return name;
}

int windows_controller_find(const struct windows *w, const struct wire_text *name,
			    const struct wire_text *provider, struct controller_facts *ret)
{
	const char *real = real_name(w, name->text);

	for (unsigned i = 0; i < w->count; i++) {
		const struct config_controller *c = w->way[i].config;

		if (!w->way[i].fabric ||
		    (name->length ? strcmp(c->name, real) != 0
				  : strcmp(c->provider, provider->text) != 0))
			continue;
		*ret = (struct controller_facts){
			.provider = wire_text_of(c->provider),
			.domain = wire_text_of(c->domain),
			.local = wire_text_of(local_address(w, c)),
		};
		return 0;
	}
	return -ENODEV;
}

/* ---- windows ---------------------------------------------------------------------------- */

static struct window_way *choose_way(struct windows *w, const struct window_spec *spec)
{
	const struct window *beside = spec->beside ? idmap_find(&w->by_id, spec->beside) : NULL;
	const char *at = spec->fabrics.text;

	if (beside)
		return beside->way;
	/* In the order of who asks. */
	while (*at) {
		size_t length = strcspn(at, " ");

		for (unsigned i = 0; i < w->count; i++) {
			const char *provider = w->way[i].config->provider;

			if (w->way[i].fabric && strlen(provider) == length &&
			    strncmp(provider, at, length) == 0)
				return &w->way[i];
		}
		at += length + strspn(at + length, " ");
	}
	return NULL;
}

static void window_free(const struct windows *w, struct objects *o, struct window *window)
{
	if (window->open)
		w->fabric->window_close(window->open);
	if (window->memory)
		vm_unmap(window->memory, window->size);
	if (window->object)
		objects_release(o, window->object);
	free(window);
}

/* Nothing leads to the object any more.  What cannot be buried is closed. */
static void window_bury(const struct windows *w, struct objects *o, struct window *window)
{
	if (window->buried)
		return;
	window->buried = true;
	if (w->fabric->window_bury(window->open) < 0) {
		w->fabric->window_close(window->open);
		window->open = NULL;
		vm_unmap(window->memory, window->size);
		window->memory = NULL;
	}
	if (window->object)
		objects_release(o, window->object);
	window->object = NULL;
}

/* Its pages are a device's to write to. */
static bool way_pins(const struct windows *w, const struct window_way *way)
{
	return !(w->fabric->facts(way->fabric)->abilities & FABRIC_BURIES_ALONE);
}

static int map_object(struct objects *o, struct window *window, const struct window_spec *spec,
		      unsigned prot)
{
	uint64_t page = objects_page(o, spec->object);
	int fd, r;

	/* Neither mapped nor unmapped otherwise. */
	if (page > 0 && (!is_multiple(spec->offset, page) || !is_multiple(spec->size, page)))
		return -EINVAL;
	r = objects_hold(o, spec->object, prot & VM_WRITE, &window->object, &fd);
	if (r < 0)
		return r;
	return vm_place(NULL, spec->size, prot, fd, spec->offset, &window->memory);
}

/* Pages are pinned for writing whatever the rights, which the device keeps to itself. */
static int window_make(const struct windows *w, struct objects *o, struct window *window,
		       const struct window_spec *spec)
{
	bool write = spec->rights & TRACT_RIGHT_WRITE || way_pins(w, window->way);
	struct fabric_window_spec asked = { .size = spec->size, .rights = spec->rights };
	unsigned prot = write ? VM_READ | VM_WRITE : VM_READ;
	int r;

	if (spec->object)
		r = map_object(o, window, spec, prot);
	else
		r = sysv_attach_shown(spec->shmid, spec->owner, spec->offset, spec->size, prot,
				      &window->memory);
	if (r < 0)
		return r;
	asked.memory = window->memory;
	return w->fabric->window_open(window->way->fabric, &asked, &window->open);
}

static struct window_place place_of(const struct windows *w, const struct window *window)
{
	const struct fabric_address *address = &window->way->address;
	struct window_place place = {
		.provider = wire_text_of(window->way->config->provider),
		.address = { .length = address->size },
		.base = w->fabric->window_base(window->open),
		.key = w->fabric->window_key(window->open),
		.pinned = way_pins(w, window->way),
	};

	(void)memcpy(place.address.bytes, address->bytes, address->size);
	return place;
}

int windows_open(struct windows *w, struct objects *o, uint64_t id,
		 const struct window_spec *spec, struct window_place *ret_place)
{
	struct window_way *way = choose_way(w, spec);
	struct window *window;
	int r;

	if (!way)
		return -EPROTONOSUPPORT;
	window = calloc(1, sizeof(*window));
	if (!window)
		return -ENOMEM;
	window->way = way;
	window->size = spec->size;
	r = window_make(w, o, window, spec);
	if (r == 0)
		r = idmap_add(&w->by_id, &window->node, id, window);
	if (r < 0) {
		window_free(w, o, window);
		return r;
	}
	*ret_place = place_of(w, window);
	return 0;
}

void windows_bury(struct windows *w, struct objects *o, uint64_t id)
{
	struct window *window = idmap_find(&w->by_id, id);

	if (window)
		window_bury(w, o, window);
}

void windows_close(struct windows *w, struct objects *o, uint64_t id)
{
	struct window *window = idmap_take(&w->by_id, id);

	if (!window)
		return;
	/* Whoever has not heard, though its node has or is gone, writes to nobody's memory
	 * until it loses its connection.  If the broker leaves, nobody was told: only the
	 * connection's end may tell them. */
	if (!w->leaving)
		window_bury(w, o, window);
	window_free(w, o, window);
}

void windows_deinit(struct windows *w, struct objects *o)
{
	struct window *window;

	while ((window = idmap_first(&w->by_id)))
		windows_close(w, o, window->node.id);
	for (unsigned i = 0; i < w->count; i++)
		if (w->way[i].fabric)
			w->fabric->close(w->way[i].fabric);
	w->count = 0;
	idmap_deinit(&w->by_id);
}
