# Sourced by tests of compile caching, behind lib.sh: the environment has the host's compiler, as its packages installed it.
"$(dirname "${BASH_SOURCE[0]}")/../../tools/compiler-root" "$work/root" sh cat mkdir ls touch cp rm mv cmp cut grep find sort sha256sum \
	sleep seq env dirname ln expr make sed || exit $?

# counts NAME TEXT: what the log of its build tells of the cache
counts() {
	sluice artifact log "$1.bst"
	grep -qF "Compile cache: $2" "$work/output"
}
