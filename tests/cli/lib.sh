#!/bin/bash
# SPDX-License-Identifier: MIT
#
# lib.sh - what tests of the command tract have in common
#
# Sourced by a script whose first two arguments are the programs tract and tractd.  Makes a node
# of its own in a temporary directory, $work; its broker leaves by itself.

tract=$(realpath "$1")
export TRACT_BROKER_PROGRAM TRACT_IDLE_MS=300 TRACT_DIR NO_COLOR=
TRACT_BROKER_PROGRAM=$(realpath "$2")
work=$(mktemp -d /tmp/tract-cli.XXXXXX)
TRACT_DIR=$work/node
mkdir -m 0700 "$TRACT_DIR"
count=0
target=
exporter=

# Runs tract; its status, output and errors are in $status, $out and $err.
run() {
	"$tract" "$@" >"$work/out" 2>"$work/err" </dev/null
	status=$?
	out=$(tr -d '\0' <"$work/out")
	err=$(<"$work/err")
}

# A wrapper that picks a version takes longer than all that is asked of it here.
python=/usr/bin/python3
[[ -x $python ]] || python=python3

# One test: a sentence, and a command that is true if it holds.
holds() {
	local sentence=$1
	shift
	count=$((count + 1))
	if "$@"; then
		echo "ok $count - $sentence"
	else
		echo "not ok $count - $sentence"
		printf '# it ended with %s\n' "$status"
		sed 's/^/# out: /' "$work/out" | head -n 20
		sed 's/^/# err: /' "$work/err" | head -n 20
	fi
}

ended_with() { [[ $status -eq $1 ]]; }
said() { [[ $err == "tract: "*"$1"* && $(wc -l <"$work/err") -eq 1 ]]; }
was_silent() { [[ -z $err ]]; }
printed() { [[ $out == *"$1"* ]]; }
is_json() { "$python" -m json.tool <"$work/out" >/dev/null; }
# The value of a JSON member, by a Python expression over the document j.
json() { "$python" -c "import json,sys; j=json.load(open('$work/out')); sys.exit(0 if ($1) else 1)"; }
refused() { ended_with "$1" && said "$2"; }

# A process "$@" to look at, in $target, and the addresses it tells of, in $work/facts.
target_start() {
	rm -f "$work/stay"
	mkfifo "$work/stay"
	: >"$work/facts"
	"$@" <"$work/stay" >"$work/facts" &
	target=$!
	exec 7>"$work/stay"
	for _ in {1..500}; do
		grep -q ready "$work/facts" && return
		kill -0 "$target" 2>/dev/null || break
		sleep 0.02
	done
	echo "Bail out! $1 is not ready"
	exit 1
}

target_stop() {
	[[ -n $target ]] || return 0
	exec 7>&-
	wait "$target"
	target=
}

# Exports "$@" in the background; the id is in $id, the process in $exporter.
# shellcheck disable=SC2034 # the ids are for who sources this
export_start() {
	: >"$work/id"
	# Without <&0 a shell gives what runs in the background an empty input.
	"$tract" export "$@" <&0 >"$work/id" 2>"$work/export-err" &
	exporter=$!
	for _ in {1..200}; do
		[[ -s $work/id ]] && break
		kill -0 "$exporter" 2>/dev/null || break
		sleep 0.02
	done
	id=$(head -n 1 "$work/id")
}

# shellcheck disable=SC2034
export_stop() {
	[[ -n $exporter ]] || return 0
	kill "-${1:-TERM}" "$exporter" 2>/dev/null
	wait "$exporter"
	ended=$?
	exporter=
}

# The address of something the process told of.
fact() { sed -n "s/^$1 //p" "$work/facts"; }

leave_node() {
	target_stop
	for _ in {1..150}; do
		[[ -e $TRACT_DIR/broker ]] || break
		sleep 0.02
	done
	rm -rf "$work"
}
