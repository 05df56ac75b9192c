/* SPDX-License-Identifier: MIT */
#include "fabric/module.h"

#include "base/error.h"

extern const struct fabric_module tract_fabric_module;

__attribute__((visibility("default"))) const struct fabric_module tract_fabric_module = {
	.version = FABRIC_MODULE_VERSION,
	.reason = error_reason,
	.open = fabric_open,
	.close = fabric_close,
	.facts = fabric_facts,
	.peer_open = fabric_peer_open,
	.peer_close = fabric_peer_close,
	.target_open = fabric_target_open,
	.target_close = fabric_target_close,
	.put = fabric_put,
	.get = fabric_get,
	.wait = fabric_wait,
	.finish = fabric_finish,
	.failures = fabric_failures,
	.address = fabric_address,
	.window_open = fabric_window_open,
	.window_base = fabric_window_base,
	.window_key = fabric_window_key,
	.window_bury = fabric_window_bury,
	.window_close = fabric_window_close,
};
