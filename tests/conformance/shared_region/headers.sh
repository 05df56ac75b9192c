#!/bin/sh
# SPDX-License-Identifier: MIT
#
# headers.sh INCLUDE-DIR LIST CC [CXX] - programs that must compile with <shared_region.h>, in each
# language, and the functions that it declares
#
# TAP on standard output.  Nothing is linked or run.
# The flags are several words, and meant to be.
# shellcheck disable=SC2086
include=$1 list=$2 cc=$3 cxx=$4
number=0 failed=0
strict="-Wall -Wextra -pedantic -Werror -Wundef -Wstrict-prototypes"
strict_cxx="-Wall -Wextra -pedantic -Werror -Wundef"
here=$(dirname "$0")
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

# report NAME COMMAND... - runs the command, and shows what it said if it fails
report() {
	name=$1
	shift
	number=$((number + 1))
	if "$@" >"$dir/said" 2>&1; then
		echo "ok $number - $name"
	else
		echo "not ok $number - $name"
		sed 's/^/# /' "$dir/said"
		failed=1
	fi
}

# compile NAME STANDARD - compiles program.c, as C++ if the standard is one of C++
compile() {
	name=$1 standard=$2
	case $standard in
	*++*)
		if [ -z "$cxx" ]; then
			number=$((number + 1))
			echo "ok $number - $name ($standard) # SKIP no C++ compiler"
			return
		fi
		cp "$dir/program.c" "$dir/program.cc"
		report "$name ($standard)" $cxx -std="$standard" $strict_cxx -I"$include" -c \
			-o "$dir/program.o" "$dir/program.cc"
		;;
	*)
		report "$name ($standard)" $cc -std="$standard" $strict -I"$include" -c \
			-o "$dir/program.o" "$dir/program.c"
		;;
	esac
}

# declared - the functions of the header, one a line
declared() {
	cpp -P -fpreprocessed -w "$include/shared_region.h" | tr '\n' ' ' | tr ';' '\n' |
		sed -nE 's/.*[ *](shared_region_[a-z0-9_]+)\(.*/\1/p' | LC_ALL=C sort -u
}

program=$dir/program.c

# 13
for standard in c99 gnu99 c11 gnu11 c17 gnu17 c++11 c++14 c++17; do
	printf '#include <shared_region.h>\ntypedef int not_empty;\n' >"$program"
	compile "the header alone" $standard
	cp "$here/uses_everything.c" "$program"
	compile "a program that uses everything" $standard
done

{
	printf '#include <%s>\n' shared_region.h shared_region.h stdio.h stdlib.h string.h \
		sys/types.h sys/mman.h unistd.h shared_region.h
	echo 'unsigned one = SHARED_REGION_READ;'
} >"$program"
compile "the header several times, and the system's" gnu17
compile "the header several times, and the system's" c++17

# What it declares is what a program may call its own after nothing but the header's prefix.
cat >"$program" <<'PROGRAM'
#include <shared_region.h>
enum { READ = 1, WRITE, EXECUTE, MOVE, SHARE, FENCE, KILL, PAGE };
typedef int client;
typedef int region;
int attach(void);
int map(void);
PROGRAM
compile "names without the prefix are the program's" c99

declared >"$dir/declared"
report "the header declares the $(wc -l <"$list") functions of the list and no others" \
	diff "$dir/declared" "$list"
cp "$here/uses_everything.c" "$program"
report "the program that uses everything does use everything" \
	sh -c "for name in \$(cat $list); do grep -q \"\\b\$name(\" $program || echo \"\$name\"; done |
		grep . && exit 1 || exit 0"

echo "1..$number"
exit $failed
