# Sourced by the tests beside it: a scratch store with a small root, and a few words to check things with.
#
# $tool, $inside (a program for sandboxes), $store, $root (the digest of the small root), $scratch; results are counted by `check`, and `finish` ends the test.
set -u
tool=$(realpath "$1")
inside=$(realpath "$2")
passed=0
failed=0
scratch=$(mktemp -d "${TMPDIR:-/tmp}/sluice-sandbox.XXXXXX")
store=$scratch/store

remove_scratch() {
	chmod -R u+rwx "$scratch" 2>/dev/null
	rm -rf "$scratch"
}
trap remove_scratch EXIT

skip() {
	if [ -n "${SLUICE_REQUIRE_SANDBOX:-}" ]; then
		echo "FAIL: $*"
		exit 1
	fi
	echo "SKIP: $*"
	exit 77
}

# check TEXT COMMAND…: the command must succeed.
check() {
	local text=$1
	shift
	if "$@"; then
		passed=$((passed + 1))
		echo "ok - $text" # where a test hangs, the last one tells where
	else
		failed=$((failed + 1))
		echo "FAIL: $text"
		sed 's/^/    out: /' "$scratch/out" 2>/dev/null | head -n 20
		sed 's/^/    report: /' "$scratch/report" 2>/dev/null | head -n 20
	fi
}
fails() { ! "$@"; }
same() { [ "$1" = "$2" ] || { echo "    '$1' is not '$2'"; return 1; }; }

# What the last run printed, and what was reported about it.
out() { grep -q -E -- "$1" "$scratch/out"; }
out_is() { same "$(cat "$scratch/out")" "$1"; }
reported() { grep -q -E -- "$1" "$scratch/report"; }
captured() { sed -n "s|^capture $1 ||p" "$scratch/report" | tail -n 1; }
list() { "$tool" "$store" list "$1"; }

# run OPTION… -- COMMAND…
run() {
	"$tool" "$store" run "$root" --report 9 "$@" 9>"$scratch/report" >"$scratch/out" 2>&1
}
# in_sandbox SCRIPT [OPTION…]
in_sandbox() {
	local script=$1
	shift
	run "$@" -- sh -c "$script"
}

# Waits at most ten seconds for a condition.
eventually() {
	for _ in $(seq 100); do
		"$@" && return 0
		sleep 0.1
	done
	return 1
}
no_process() { ! pgrep -f -- "$1" >/dev/null; }

finish() {
	echo "$passed passed, $failed failed"
	[ "$failed" -eq 0 ]
	exit
}

make_root() { # DIRECTORY
	local busybox
	busybox=$(command -v busybox) || skip "busybox is not installed"
	file -L "$busybox" | grep -q 'statically linked' || skip "busybox is not static (package busybox-static)"
	mkdir -p "$1"/{bin,etc,lib/deep/er,usr/share/doc,var}
	cp "$busybox" "$1/bin/busybox"
	local name
	for name in $("$busybox" --list); do
		[ -e "$1/bin/$name" ] || ln -s busybox "$1/bin/$name"
	done
	cp "$inside" "$1/bin/inside"
	echo "a line" >"$1/etc/text"
	ln -s /etc/text "$1/etc/absolute"
	ln -s ../etc/text "$1/lib/relative"
	ln -s usr/share "$1/share"
	echo 1 >"$1/lib/deep/one"
	echo 2 >"$1/lib/deep/er/two"
	printf '#!/nowhere/interpreter\n' >"$1/bin/orphan"
	chmod 755 "$1/bin/orphan"
	head -c 300000 /dev/zero | tr '\0' 'x' >"$1/usr/share/doc/large"
}

command -v pgrep >/dev/null || skip "pgrep is not installed"
mkdir -p "$store"
probe=$("$tool" "$store" probe)
grep -q '^user_namespaces 1' <<<"$probe" && grep -q '^overlay 1' <<<"$probe" && grep -q '^bubblewrap 1' <<<"$probe" ||
	skip "no sandboxes here: $(sed -n 's/^reason //p' <<<"$probe")"
has_fuse=$(sed -n 's/^fuse //p' <<<"$probe")
make_root "$scratch/root"
root=$("$tool" "$store" import "$scratch/root") || exit 1
modes=(checkout)
[ "$has_fuse" = 1 ] && modes=(fuse checkout)
