#!/bin/bash
# `serve --execute`: actions of clients on the host, each in a sandbox of its own in the environment that an element or a tree gives.
here=$(dirname "$0")
# shellcheck source=tests/integration/build/lib.sh
source "$here/lib.sh"
[ -x "${REAPI_CLIENT:?}" ] || {
	echo "SKIP: no test client"
	exit 77
}
contains() { grep -q -- "$2" "$1"; }

new_project
server=
# serve OPTIONS…: its address in $address
serve() {
	: >"$work/address"
	(cd "$work/project" && exec "$SLUICE" --no-colors serve --listen 127.0.0.1:0 "$@" >"$work/address" 2>"$work/served") &
	server=$!
	for _ in $(seq 100); do
		address=$(sed -n 's/^Listening on //p' "$work/address")
		[ -z "$address" ] || return 0
		kill -0 $server 2>/dev/null || break
		sleep 0.1
	done
	wait $server || status=$?
	cp "$work/served" "$work/output"
	return 1
}
stop() { kill $server && wait $server; }
r() { "$REAPI_CLIENT" "$address" "$@"; }
put() { cat >"$work/message" && r put "$work/message"; }
# action ROOT OUTPUTS… -- WORDS…
action() {
	local root=$1
	shift
	local command
	command=$(r make-command env=PATH=/usr/bin:/bin "$@" | put)
	r make-action "$command" "$root" | put
}
empty=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855/0

check_not "an element that is not built" serve --execute --environment base.bst
check "is told" contains "$work/output" "base.bst"
check_not "without an environment" serve --execute
check "which is told" contains "$work/output" "Missing option '--environment'"
check_not "an environment without --execute" serve --environment base.bst
check "which is told" contains "$work/output" "Missing option '--execute'"
check_not "a tree that is not there" serve --execute --environment "$(printf '%064d' 0)/12"
check "which is told" contains "$work/output" "environment: "

check "the environment" builds base.bst
check "served" serve --execute --environment base.bst
root=$(r make-directory files in.txt="$(echo input | put)" | put)
a=$(action "$root" out=o -- sh -c 'cat in.txt >o; ls / >&2')
r execute "$a" >"$work/first"
r execute "$a" >"$work/second"
check "an action is executed" contains "$work/first" executed
check "its output" test "$(r get "$(sed -n 's/^file o //p' "$work/first")")" = input
check "and kept" contains "$work/second" cached
check_not "what is on the host is not there" r get "$(r execute "$(action $empty out=o -- cat "$work/first")" | sed -n 's/^file o //p')"
undeclared=$(r execute "$(action $empty out=o -- cat in.txt)")
check "an undeclared input makes it fail" test "$(grep -c 'exit 1' <<<"$undeclared")" = 1
check_not "clients cannot put results in" r update "$a" "$work/first"
check "it ends" stop
check "the account" contains "$work/served" "Action cache"

# The same environment by its tree's digest: the same results.
sluice artifact checkout --tar "$work/base.tar" base.bst
digest=$(sluice show --deps none --format '%{artifact-cas-digest}' base.bst; tail -n 1 "$work/output")
check "served by digest" serve --execute --environment "$digest"
r execute "$a" >"$work/third"
check "a hit on what the element's environment gave" contains "$work/third" cached
check "many at once" r execute-many 20 4 $empty touch out
check "it ends" stop

# Hits that are executed again.
check_not "audits of nothing that is executed" serve --audit-hits 5
check "which is told" contains "$work/output" "Option '--audit-hits': hits are executed again only with --execute"
check_not "more than all" serve --execute --environment base.bst --audit-hits 101
check "which is told" contains "$work/output" "'101' is not a number from 0 to 100"
check "served with audits" serve --execute --environment base.bst --audit-hits 100 --metrics 127.0.0.1:0
r execute "$a" >"$work/hit"
b=$(action $empty out=id -- sh -c 'cat /proc/sys/kernel/random/uuid >id')
r execute "$b" >/dev/null
r lookup "$b" >/dev/null
metrics=$(sed -n 's,^Metrics on ,,p' "$work/address")
for _ in $(seq 100); do
	python3 -c 'import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).read().decode())' "$metrics" >"$work/metrics"
	! grep -q 'verdict="pending"} 0' "$work/metrics" || break
	sleep 0.1
done
check "a metric of those that are the same" contains "$work/metrics" 'sluice_audited_hits{verdict="same"} 1'
check "and of those that are not" contains "$work/metrics" 'sluice_audited_hits{verdict="unstable"} 1'
check "it ends" stop
check "with a warning" contains "$work/served" "audit-unstable"
finish
