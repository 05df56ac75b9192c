#!/bin/sh
# SPDX-License-Identifier: MIT
#
# symbols.sh LIBRARY LIST - the library exports the listed symbols, no others, and has its name
#
# TAP on standard output.
library=$1 list=$2
failed=0

exported=$(nm -D --defined-only "$library" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort)
if [ "$exported" = "$(sort "$list")" ]; then
	echo "ok 1 - librsm exports its 42 functions and nothing else"
else
	echo "not ok 1 - librsm exports its 42 functions and nothing else"
	echo "$exported" | diff "$list" - | sed 's/^/# /'
	failed=1
fi

soname=$(readelf -d "$library" | sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p')
if [ "$soname" = librsm.so.2 ]; then
	echo "ok 2 - its name is librsm.so.2"
else
	echo "not ok 2 - its name is librsm.so.2"
	echo "# it is $soname"
	failed=1
fi
echo "1..2"
exit $failed
