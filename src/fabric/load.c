/* SPDX-License-Identifier: MIT */
#include "fabric/load.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>

#include "base/error.h"

/*
 * A library that libfabric may bring along, for adapters of long ago, takes the process's
 * handlers of SIGSEGV, SIGTERM and others when it is loaded, unless this is in the environment.
 */
#define HANDS_OFF "IPATH_NO_BACKTRACE"

static void *open_politely(const char *path)
{
	bool ours = !getenv(HANDS_OFF) && setenv(HANDS_OFF, "1", 0) == 0;
	void *code = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);

	if (ours)
		(void)unsetenv(HANDS_OFF);
	return code;
}

int fabric_load(const char *path, const struct fabric_module **ret_module)
{
	void *code = open_politely(path);
	const struct fabric_module *module = code ? dlsym(code, FABRIC_MODULE_NAME) : NULL;

	if (!module)
		return fail(-ENOPKG, "the fabric cannot be loaded: %s", dlerror());
	if (module->version != FABRIC_MODULE_VERSION)
		return fail(-ENOPKG, "%s is of another version than what loads it", path);
	*ret_module = module;
	return 0;
}
