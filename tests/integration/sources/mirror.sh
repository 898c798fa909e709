#!/bin/bash
# kind: debian against the mirror of this system's apt: a few real packages of bookworm.
# shellcheck source=tests/integration/sources/lib.sh
source "$(dirname "$0")/lib.sh"
command -v gpgv >/dev/null || {
	echo "SKIP: no gpgv"
	exit 77
}
[ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || {
	echo "SKIP: no keyring of Debian"
	exit 77
}
unset no_proxy
project
element root <<'END'
- kind: debian
  suite: bookworm
  architecture: amd64
  packages: [base-files, dash, libc6, coreutils]
END
sluice source track root.bst
if [ "$status" -ne 0 ]; then
	for reason in 'HTTP Error' 'Could not resolve' 'Failed to connect' "Couldn't connect" 'timed out' 'No mirror of Debian' \
		'There is no suite'; do
		if said "$reason"; then
			echo "SKIP: no mirror of Debian answers here ($reason)"
			exit 77
		fi
	done
fi
check "track" test "$status" -eq 0
for name in base-files dash libc6 coreutils libselinux1 mawk; do
	check "closure has $name" grep -q "name: $name\$" "$work/project/elements/root.bst"
done
check "fetch" works source fetch root.bst
check "build" works build root.bst
check "checkout" checkout root
check "merged /usr" test "$(readlink "$work/out/bin") $(readlink "$work/out/lib64")" = "usr/bin usr/lib64"
check "a shell" test -x "$work/out/bin/sh"
check "the loader" test -x "$work/out/lib64/ld-linux-x86-64.so.2"
check "nothing of the host" test ! -e "$work/out/var/lib/dpkg/status"
check "nothing is set-uid" test -z "$(find "$work/out" -perm /6000)"
check "no devices" test -z "$(find "$work/out" -not -type f -not -type d -not -type l)"
if [ "$(id -u)" -eq 0 ] && [ "$(uname -m)" = x86_64 ]; then
	check "it runs" test "$(chroot "$work/out" /bin/sh -c 'echo works | cat')" = works
fi
first=$(digest root)
export SLUICE_CACHE=$work/cache2
check "again from nothing" works build root.bst
check "the same bytes" test "$(digest root)" = "$first"
finish
