#!/bin/bash
# SPDX-License-Identifier: MIT
#
# install.sh BUILD PREFIX LIBDIR INCLUDE CC [CXX] - what is installed is enough to build and run with
#
# Installs below a temporary directory, and then uses nothing of the tree but a program.  TAP on
# standard output.  A compiler may be several words, and so are flags.
# shellcheck disable=SC2046,SC2086,SC2154,SC2317
set -u
build=$1 prefix=$2 libdir=$3 include=$4 cc=$5 cxx=${6:-}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d /tmp/tract-install.XXXXXX)
trap 'rm -rf "$work"' EXIT
root=$work/root$prefix
number=0 failed=0

export PKG_CONFIG_SYSROOT_DIR=$work/root PKG_CONFIG_LIBDIR=$root/$libdir/pkgconfig
export TRACT_DIR=$work/node
unset LD_LIBRARY_PATH

# holds SENTENCE COMMAND... - one test; shows what the command said if it fails
holds() {
	local sentence=$1
	shift
	number=$((number + 1))
	if "$@" >"$work/said" 2>&1; then
		echo "ok $number - $sentence"
	else
		echo "not ok $number - $sentence"
		sed 's/^/# /' "$work/said"
		failed=1
	fi
}

install() { meson install -C "$build" --no-rebuild --quiet --destdir "$work/root"; }

same_headers() { diff <(cd "$include" && find "$1" -type f | sort) <(cd "$root/include" && find "$1" -type f | sort); }

# A link for the linker leads to one for the loader, and that to the library.
is_versioned() { # FACE NUMBER
	local loaded=lib$1.so.$2 library
	[[ $(readlink "$root/$libdir/lib$1.so") == "$loaded" ]] || return 1
	library=$(readlink "$root/$libdir/$loaded")
	[[ $library == "$loaded".* && -f $root/$libdir/$library ]]
}

# builds COMPILER FLAG... - a program, with what pkg-config says and nothing else
builds() {
	$1 "${@:2}" -Wall -Wextra -Werror -o "$work/program" "$here/program.c" \
		$(pkg-config --cflags --libs l4re)
}

runs() { LD_LIBRARY_PATH=$root/$libdir "$work/program"; }

tells_its_version() {
	echo '#include <tract/tract.h>
#include <stdio.h>
int main(void) { return puts(tract_version()) < 0; }' >"$work/version.c"
	$cc -o "$work/version" "$work/version.c" $(pkg-config --cflags --libs tract) || return 1
	diff <(LD_LIBRARY_PATH=$root/$libdir "$work/version") <(pkg-config --modversion tract)
}

compiles_rsm() {
	echo '#include <rsmapi.h>
int main(void) { return rsm_free_interconnect_topology == 0; }' >"$work/rsm.c"
	$cc -o "$work/rsm" "$work/rsm.c" $(pkg-config --cflags --libs rsm) &&
		LD_LIBRARY_PATH=$root/$libdir "$work/rsm"
}

# builds_region COMPILER FLAG... - a program of SharedRegion, which makes a region and stores there
builds_region() {
	echo '#include <shared_region.h>
int main(void) {
	shared_region_client *client;
	shared_region *region;
	void *at;
	if (shared_region_attach(NULL, 0, &client) < 0 ||
		shared_region_new(client, shared_region_self(client), 1, SHARED_REGION_WRITE, &region) < 0 ||
		shared_region_map(region, shared_region_self(client), NULL, SHARED_REGION_WRITE, &at) < 0)
		return 1;
	*(char *)at = 1;
	shared_region_release(region);
	shared_region_detach(client);
	return 0;
}' >"$work/region.c"
	$1 "${@:2}" -Wall -Wextra -Werror -o "$work/region" "$work/region.c" \
		$(pkg-config --cflags --libs shared-region)
}

runs_region() { LD_LIBRARY_PATH=$root/$libdir "$work/region"; }

# The command finds its library by itself, wherever it was installed.
maps() {
	local line="" program
	coproc program_out { LD_LIBRARY_PATH=$root/$libdir exec "$work/program" stay; }
	program=$program_out_PID
	read -r line <&"${program_out[0]}"
	"$root/bin/tract" map "$program" --json >"$work/map.json"
	eval "exec ${program_out[1]}>&-"
	wait "$program"
	cat "$work/map.json"
	[[ $line == ready ]] && [ "$(grep -c '"kind": *"region"' "$work/map.json")" = 2 ]
}

has_pages() {
	local page
	for page in man7/l4re.7 man7/rsmapi.7 man7/tract.7 man1/tract.1 man3/tract_map_attach.3 \
		man3/l4re_rm_attach.3l4re man3/l4re_rm_attach_srv.3l4re man3/l4_re_c_rm.h.3l4re \
		man7/shared-region.7 man3/shared_region_map.3sr man3/tract_cap_derive.3; do
		[[ -s $root/share/man/$page ]] || { echo "no $page" && return 1; }
	done
	# A page that is another one's by another name says which.
	while read -r page; do
		[[ -s $root/share/man/$page ]] || { echo "no $page" && return 1; }
	done < <(grep -rhs '^\.so ' "$root/share/man" | cut -d' ' -f2 | sort -u)
}

holds 'installing succeeds' install
holds 'every header of the L4Re face is below include/l4' same_headers l4
holds 'libl4re has a name for the linker, and one for the loader' is_versioned l4re 0
holds 'so has libtract' is_versioned tract 0
holds 'and librsm, whose programs ask for the second' is_versioned rsm 2
holds 'and libshared-region' is_versioned shared-region 0
for mode in '' -DL4RE_MODERN; do
	for standard in c99 c11 c17; do
		holds "a program of L4Re builds: $standard $mode" builds "$cc" -std=$standard $mode
		holds 'and runs' runs
	done
	[[ -n $cxx ]] || continue
	holds "a program of L4Re builds: c++17 $mode" builds "$cxx" -x c++ -std=c++17 $mode
	holds 'and runs' runs
done
holds 'a program of SharedRegion builds: c99' builds_region "$cc" -std=c99
holds 'and runs' runs_region
if [[ -n $cxx ]]; then
	holds 'a program of SharedRegion builds: c++17' builds_region "$cxx" -x c++ -std=c++17
	holds 'and runs' runs_region
fi
holds 'tract map shows what it has' maps
holds 'a program of tract builds, and knows the version that was installed' tells_its_version
holds 'a program of RSMAPI builds and starts' compiles_rsm
if [[ -d $root/share/man ]]; then
	holds 'the manual pages are there' has_pages
else
	number=$((number + 1))
	echo "ok $number - the manual pages are there # SKIP scdoc is not installed"
fi
echo "1..$number"
exit $failed
