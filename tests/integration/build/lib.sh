# Sourced by the tests of this folder: a scratch folder, a small root made of the host's shell, and a few judges.
#
#   SLUICE  the program under test

set -euo pipefail
: "${SLUICE:?the program under test}"
work=$(mktemp -d "${TMPDIR:-/tmp}/sluice-build.XXXXXX")
trap 'status=$?; rm -rf "$work"; exit $status' EXIT
export SLUICE_CACHE=$work/cache XDG_CONFIG_HOME=$work/config XDG_CACHE_HOME=$work/xdg
unset SLUICE_STAGING || true
failures=0

fail() {
	echo "not ok - $*"
	failures=$((failures + 1))
}

pass() {
	echo "ok - $*"
}

# check NAME COMMAND…: the command must succeed
check() {
	local name=$1
	shift
	if "$@" >"$work/check.out" 2>&1; then
		pass "$name"
	else
		fail "$name"
		sed 's/^/    /' "$work/check.out" "$work/output" | tail -n 40
	fi
}

check_not() {
	local name=$1
	shift
	if "$@" >"$work/check.out" 2>&1; then
		fail "$name"
	else
		pass "$name"
	fi
}

finish() {
	[ "$failures" -eq 0 ] || exit 1
	exit 0
}

# sluice ARGUMENTS…: runs it in the project, for $patience seconds at most; output in $work/output, status in $status
sluice() {
	status=0
	(cd "$work/project" && SLUICE_ERROR_JSON=$work/error.json exec timeout "${patience:-120}" "$SLUICE" --no-colors "$@") \
		>"$work/output" 2>&1 </dev/null || status=$?
}

# builds ELEMENT…
builds() {
	sluice build "$@"
	[ "$status" -eq 0 ]
}

# checkout ELEMENT [OPTIONS…]: files in $work/out
checkout() {
	local element=$1
	shift
	rm -rf "$work/out" "$work/out.tar"
	mkdir "$work/out"
	sluice artifact checkout --tar "$work/out.tar" "$@" "$element"
	[ "$status" -eq 0 ] && tar -xf "$work/out.tar" -C "$work/out"
}

# element NAME: the text is on standard input
element() {
	mkdir -p "$(dirname "$work/project/elements/$1")"
	cat >"$work/project/elements/$1"
}

# host_root FOLDER PROGRAM…: programs and the libraries they need, with the host's paths in a merged /usr
host_root() {
	local root=$1 program file target
	shift
	mkdir -p "$root/usr/bin" "$root/etc"
	for folder in bin sbin lib lib64; do
		mkdir -p "$root/usr/$folder"
		ln -sfn "usr/$folder" "$root/$folder"
	done
	for program in "$@"; do
		case $program in
		/*) target=/usr/bin/$(basename "$program") ;;
		*)
			program=$(command -v "$program")
			target=$program
			;;
		esac
		mkdir -p "$root$(dirname "$target")"
		[ -e "$root$target" ] || cp -L "$program" "$root$target"
		ldd "$program" 2>/dev/null | grep -o '/[^ ]*' | while read -r file; do
			mkdir -p "$root$(dirname "$file")"
			[ -e "$root$file" ] || cp -L "$file" "$root$file"
		done
	done
}

# new_project [LINES FOR PROJECT.CONF]: with base.bst, a root that has a shell
new_project() {
	rm -rf "$work/project"
	mkdir -p "$work/project/elements" "$work/project/files"
	[ -d "$work/root" ] || host_root "$work/root" sh cat mkdir ls touch cp rm id sleep chmod ln mkfifo
	cp -a "$work/root" "$work/project/files/base"
	{
		echo "name: test"
		echo "min-version: 2.0"
		echo "element-path: elements"
		echo "${1-}"
	} >"$work/project/project.conf"
	element base.bst <<-'END'
		kind: import
		sources:
		- kind: local
		  path: files/base
	END
}

# other_environment: other.bst, which is base.bst and a header
other_environment() {
	mkdir -p "$work/project/files/more/etc"
	echo header >"$work/project/files/more/etc/header.h"
	element other.bst <<-'END'
		kind: import
		depends:
		- base.bst
		sources:
		- kind: local
		  path: files/more
	END
}

# contains FILE TEXT
contains() {
	grep -qF -- "$2" "$1"
}

# file_is FILE TEXT
file_is() {
	[ "$(cat "$1")" = "$2" ]
}

# error_is DOMAIN REASON: of the job, else of the command
error_is() {
	python3 - "$work/error.json" "$1" "$2" <<-'END'
		import json, sys
		record = json.load(open(sys.argv[1]))
		inner = record.get("task") or record
		print(json.dumps(record))
		sys.exit(0 if (inner["domain"], inner["reason"] or "") == (sys.argv[2], sys.argv[3]) else 1)
	END
}

can_sandbox() {
	command -v bwrap >/dev/null || return 1
	bwrap --unshare-all --ro-bind / / true 2>/dev/null
}
if ! can_sandbox; then
	echo "SKIP: no sandbox can be made here (bubblewrap and user namespaces)"
	exit 77
fi
