# Sourced by the tests of this folder: a scratch project, runs of the program, expectations.
# shellcheck shell=bash
set -u

SLUICE=$(realpath "$1")
work=$(mktemp -d "${TMPDIR:-/tmp}/sluice-cli-XXXXXX")
failures=0
checks=0
pids=()

finish() {
	local status=$?
	for pid in "${pids[@]}"; do
		kill -KILL "$pid" 2>/dev/null
	done
	wait 2>/dev/null
	chmod -R u+rwX "$work" 2>/dev/null
	rm -rf "$work"
	[ $status -eq 77 ] && exit 77
	echo "$checks checks, $failures failed"
	[ $status -eq 0 ] && [ $failures -eq 0 ] && [ $checks -gt 0 ]
	exit $?
}
trap finish EXIT
skip() {
	echo "SKIP: $*"
	exit 77
}

export HOME=$work/home XDG_CONFIG_HOME=$work/config XDG_CACHE_HOME=$work/cache LC_ALL=C.UTF-8
unset SLUICE_CACHE SLUICE_ERROR_JSON NO_COLOR
mkdir -p "$HOME" "$XDG_CONFIG_HOME" "$XDG_CACHE_HOME"
project=$work/project

fail() {
	failures=$((failures + 1))
	echo "FAIL: $*"
	sed 's/^/    out: /' "$work/out" 2>/dev/null | tail -n 20
	sed 's/^/    err: /' "$work/err" 2>/dev/null | tail -n 30
}

# Runs the program in the project; leaves $status, $work/out and $work/err.
run() {
	last="sluice $*"
	"$SLUICE" -C "$project" "$@" >"$work/out" 2>"$work/err" </dev/null
	status=$?
}
expect_status() {
	checks=$((checks + 1))
	[ "$status" -eq "$1" ] || fail "$last: status $status, expected $1"
}
expect_in() {
	checks=$((checks + 1))
	grep -qF -- "$2" "$work/$1" || fail "$last: no '$2' in $1"
}
expect_out() { expect_in out "$1"; }
expect_err() { expect_in err "$1"; }
expect_not() {
	checks=$((checks + 1))
	! grep -qF -- "$2" "$work/$1" || fail "$last: unexpected '$2' in $1"
}
expect_equal() {
	checks=$((checks + 1))
	[ "$1" = "$2" ] || fail "$last: '$1' is not '$2'"
}
expect_true() {
	checks=$((checks + 1))
	"$@" || fail "$last: not true: $*"
}

# element NAME: from standard input.
element() {
	mkdir -p "$(dirname "$project/elements/$1")"
	cat >"$project/elements/$1"
}

make_project() {
	mkdir -p "$project/elements" "$project/files/base/usr/bin" "$project/files/tree/bin"
	printf 'name: tiny\nmin-version: 2.0\nelement-path: elements\n' >"$project/project.conf"
	echo base >"$project/files/base/usr/base.txt"
	printf '#!/bin/sh\necho hi\n' >"$project/files/tree/bin/hi"
	chmod 755 "$project/files/tree/bin/hi"
	ln -s hi "$project/files/tree/bin/hey"
	printf 'kind: import\ndescription: A base\nsources:\n- kind: local\n  path: files/base\n' | element base.bst
	printf 'kind: import\ndepends:\n- base.bst\nsources:\n- kind: local\n  path: files/tree\nconfig:\n  target: /opt\n' | element tree.bst
	printf 'kind: stack\ndepends:\n- base.bst\n- tree.bst\n' | element all.bst
}

# A server that takes connections and never answers; sets $port.
start_silent_server() {
	perl -MIO::Socket::INET -e '
		my $s = IO::Socket::INET->new(Listen => 5, LocalAddr => "127.0.0.1") or die;
		$| = 1; print $s->sockport, "\n"; my @kept;
		while (my $c = $s->accept) { push @kept, $c }' >"$work/port" &
	pids+=($!)
	for _ in $(seq 100); do
		[ -s "$work/port" ] && break
		sleep 0.05
	done
	port=$(cat "$work/port")
}

# wait_for SECONDS COMMAND…
wait_for() {
	local tries=$(($1 * 20))
	shift
	while [ $tries -gt 0 ]; do
		"$@" && return 0
		sleep 0.05
		tries=$((tries - 1))
	done
	return 1
}
