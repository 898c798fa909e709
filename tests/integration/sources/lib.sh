# Sourced by the tests of this folder: a scratch project, judges, and a web server on loopback.
#
#   SLUICE  the program under test

set -euo pipefail
: "${SLUICE:?the program under test}"
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/sluice-sources.XXXXXX")
server=
trap 'status=$?; [ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$work"; exit $status' EXIT
export SLUICE_CACHE=$work/cache XDG_CONFIG_HOME=$work/config XDG_CACHE_HOME=$work/xdg HOME=$work/home no_proxy='*'
unset SLUICE_DEBIAN_MIRROR || true
mkdir -p "$HOME" "$work/project/elements" "$work/project/files"
failures=0

# check NAME COMMAND…: the command must succeed
check() {
	local name=$1
	shift
	if "$@" >"$work/check.out" 2>&1; then
		echo "ok - $name"
	else
		echo "not ok - $name"
		failures=$((failures + 1))
		{
			cat "$work/check.out"
			[ ! -e "$work/output" ] || cat "$work/output"
		} | tail -n 40 | sed 's/^/    /'
	fi
}

# not COMMAND…
not() {
	! "$@"
}

finish() {
	[ "$failures" -eq 0 ]
	exit
}

# project [LINES]: a new project.conf
project() {
	{
		echo "name: test"
		echo "min-version: 2.0"
		echo "element-path: elements"
		echo "${1-}"
	} >"$work/project/project.conf"
}

# element NAME: the text of its sources is on standard input
element() {
	{
		echo "kind: import"
		echo "sources:"
		cat
	} >"$work/project/elements/$1.bst"
}

# sluice ARGUMENTS…: runs it in the project; output in $work/output, status in $status
sluice() {
	status=0
	rm -f "$work/error.json"
	(cd "$work/project" && SLUICE_ERROR_JSON=$work/error.json exec timeout 120 "$SLUICE" --no-colors --network-retries 0 "$@") \
		>"$work/output" 2>&1 </dev/null || status=$?
}

# works ARGUMENTS…
works() {
	sluice "$@"
	[ "$status" -eq 0 ]
}

# fails DOMAIN REASON TEXT ARGUMENTS…: with status 255, that error, and the text in the output
fails() {
	local domain=$1 reason=$2 text=$3
	shift 3
	sluice "$@"
	[ "$status" -eq 255 ] && grep -qF -- "$text" "$work/output" && python3 - "$work/error.json" "$domain" "$reason" <<-'END'
		import json, sys
		record = json.load(open(sys.argv[1]))
		inner = record.get("task") or record
		print(json.dumps(record))
		sys.exit(inner["domain"] != sys.argv[2] or (inner.get("reason") or "") != sys.argv[3])
	END
}

# said TEXT: the last run said so
said() {
	grep -qF -- "$1" "$work/output"
}

# checkout ELEMENT: files in $work/out
checkout() {
	rm -rf "$work/out"
	works artifact checkout --deps none --directory "$work/out" "$1.bst"
}

# staged ELEMENT: what its sources stage, in $work/staged
staged() {
	rm -rf "$work/staged" "$work/sources"
	works source checkout --directory "$work/sources" "$1.bst" && mv "$work/sources/$1" "$work/staged"
}

# digest ELEMENT: of its artifact's files
digest() {
	(cd "$work/project" && "$SLUICE" show --deps none --format '%{artifact-cas-digest}' "$1.bst" 2>/dev/null)
}

# listing FOLDER: one line for each entry
listing() {
	(cd "$1" && find . -mindepth 1 -printf '%y %P %l %m\n' | sed 's/^\([^ ]* .*\) $/\1/' |
		sed 's/ 644$//; s/ 755$/ x/; s/^l \(.*\) 777$/l \1/; s/^d \(.*\) x$/d \1/' | sed 's/ *$//; s/  */ /g' | LC_ALL=C sort -k2,2)
}

# listing_is FOLDER: as on standard input
listing_is() {
	diff -u - <(listing "$1")
}

# file_is FILE TEXT
file_is() {
	[ "$(cat "$1")" = "$2" ]
}

# wait_for FILE: until it is there and not empty, or five seconds have gone
wait_for() {
	local i
	for i in $(seq 100); do
		[ ! -s "$1" ] || break
		sleep 0.05
	done
}

# serve FOLDER: on loopback; $url, requests in $work/requests
serve() {
	python3 "$here/server.py" "$1" "$work/port" >"$work/requests" 2>&1 &
	server=$!
	wait_for "$work/port"
	url=http://127.0.0.1:$(cat "$work/port")
}

sha256() {
	sha256sum "$1" | cut -d' ' -f1
}

lines() { # each argument
	printf '%s\n' "$@"
}

bad() {
	element bad
}

# sources ELEMENT: checked out to $work/out
sources() {
	rm -rf "$work/out" "$work/checkout"
	works source checkout --directory "$work/checkout" "$1.bst" && mv "$work/checkout/$1" "$work/out"
}

has() { # ELEMENT: its file has all lines of standard input, one after the other
	python3 -c 'import sys; sys.exit(sys.stdin.read() not in open(sys.argv[1]).read())' "$work/project/elements/$1.bst"
}
