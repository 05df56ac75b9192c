#!/bin/bash
# SPDX-License-Identifier: MIT
#
# demo.sh TRACT TRACTD DEMO - the program behind `make demo`, as who tries it sees it
#
# Prints TAP.  What it tells is checked by itself; here, that it tells all of it.

set -u
demo=$(realpath "$3")
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
trap leave_node EXIT

# What goes wrong is worth telling.
tell() {
	env -u TRACT_DIR -u TRACT_IDLE_MS "$@" >"$work/out" 2>"$work/err" </dev/null
	status=$?
	out=$(<"$work/out")
	err=$(<"$work/err")
	sed -n 's/^ *WRONG/# WRONG/p' "$work/out"
}

is_right() { [[ $status -eq 0 && -z $err ]] && ! grep -q WRONG "$work/out"; }
said_steps() { [[ $(grep -c '^[0-9]*  [A-Za-z]' "$work/out") -eq $1 ]]; }
counted() { printed "All $(grep -c '^   ok' "$work/out") checks hold"; }
# Directories that it told of are gone.
left_nothing() {
	local dir
	dir=$(sed -n 's|^   node 1 is \(/tmp/[^/]*\)/1,.*|\1|p' "$work/out")
	[[ -n $dir && ! -e $dir ]]
}

tell "$demo"
holds 'the demo finds nothing wrong' is_right
holds 'it tells of one node and of two' said_steps 18
holds 'all is counted' counted
holds 'importers of the other node copy the same file' \
	[ "$(sed -n 's/^   ok.*process.*  \([0-9a-f]\{16\}\)\.\.\.$/\1/p' "$work/out" | uniq | wc -l)" = 1 ]
holds 'what was made for it is gone' left_nothing
printf 'one line\n' >"$work/file"
tell "$demo" "$work/file"
holds 'a small file will do' is_right
holds 'for both parts' said_steps 18
if [[ -n ${FAULTS:-} ]]; then
	tell env TRACT_FAULT='fabric.open=e38@*' "$demo"
	holds 'without a network it is right, too' is_right
	holds 'it tells of one node' said_steps 9
	holds 'and says in one line why not of two' \
		[ "$(grep -c 'The second part, two nodes, is left out: .' "$work/out")" = 1 ]
else
	count=$((count + 1))
	echo "ok $count - without a network it says so # SKIP built without fault points"
fi
echo "1..$count"
