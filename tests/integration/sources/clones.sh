#!/bin/bash
# Clones of repositories count towards the quota of the cache and are removed, the least recently used first.
# shellcheck source=tests/integration/sources/lib.sh
source "$(dirname "$0")/lib.sh"
export GIT_AUTHOR_NAME=T GIT_AUTHOR_EMAIL=t@example.com GIT_COMMITTER_NAME=T GIT_COMMITTER_EMAIL=t@example.com
project "aliases:
  disk: file://$work/
plugins:
- origin: pip
  package-name: buildstream-plugins-community
  sources: [git_repo]"
for name in one two three; do
	git init -q "$work/$name"
	head -c 300000 /dev/urandom >"$work/$name/file"
	git -C "$work/$name" add -A
	git -C "$work/$name" commit -qm c
	printf '%s\n' '- kind: git_repo' "  url: disk:$name" '  track: "*"' "  ref: $(git -C "$work/$name" rev-parse HEAD)" | element $name
	check "fetch $name" works source fetch $name.bst
done
info() { # KEY
	(cd "$work/project" && "$SLUICE" cache info --json) | python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"
}
clone() { # NAME: its clone
	find "$work/cache/sources/git" -maxdepth 1 -name "*_$1-*.git" | grep .
}
check "three clones" test "$(info clones)" -eq 3
bytes=$(info clone-bytes)
check "what they take" test "$bytes" -gt 900000 -a "$bytes" -lt 3000000
check "info says so" works cache info
check "in words" said "Clones of repositories:  3"
check "one is used again" works source track one.bst
check "tracked: all there" test "$(info clones)" -eq 3
limit=$(($(info disk-bytes) + bytes / 2))
flock -o -s "$(clone two | sed 's/\.shallow//; s/\.git$/.used/')" sleep 60 &
user=$!
sleep 0.3
check "gc to half of them" works cache gc --size $limit
check "the two others are gone" said "2 clones of repositories"
check "not the one in use" clone two
check "those that nobody uses" not clone three
kill $user
wait $user 2>/dev/null || true
check "fetched again where it is needed" works source fetch three.bst
rm -rf "$work/out"
check "what was staged is still there" works source checkout --directory "$work/out" three.bst
check "a quota" works cache gc --quota 400000
check "holds for clones" test "$(info clone-bytes)" -lt 400000
rm -rf "$work/sources"
check "fetched anew" works source fetch one.bst
check "all" works cache gc --all
check "nothing is left" test "$(info clones)" -eq 0 -a "$(info clone-bytes)" -eq 0
finish
