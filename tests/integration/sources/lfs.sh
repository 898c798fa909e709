#!/bin/bash
# kind git_module with use-lfs: the files behind pointers come from the server of the repository.
# shellcheck source=tests/integration/sources/lib.sh
source "$(dirname "$0")/lib.sh"
export GIT_AUTHOR_NAME=T GIT_AUTHOR_EMAIL=t@example.com GIT_COMMITTER_NAME=T GIT_COMMITTER_EMAIL=t@example.com
served=$work/served
mkdir -p "$served/lfs" "$served/repo/sub"
python3 "$here/git-server.py" "$served" "$work/port" 2>"$work/server.log" &
server=$!
wait_for "$work/port"
url=http://127.0.0.1:$(cat "$work/port")
project "aliases:
  web: $url/
  disk: file://$served/"
echo x >"$work/project/files/x"

pointer() { # FILE: the text of a pointer to it
	printf 'version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %s\n' "$(sha256 "$1")" "$(stat -c %s "$1")"
}
commit() {
	git -C "$served/repo" add -A && git -C "$served/repo" commit -qm c && git -C "$served/repo" rev-parse HEAD
}
module() { # URL REF [USE-LFS]
	printf '%s\n' '- kind: local' '  path: files' '- kind: git_module' "  url: $1" '  path: m' "  ref: $2" "  use-lfs: ${3-True}"
}

git init -q "$served/repo"
git -C "$served/repo" config filter.lfs.clean cat
head -c 300000 /dev/urandom >"$work/big"
printf '#!/bin/sh\necho tool\n' >"$work/tool"
cp "$work/big" "$served/lfs/$(sha256 "$work/big")"
cp "$work/tool" "$served/lfs/$(sha256 "$work/tool")"
printf '*.bin filter=lfs diff=lfs merge=lfs -text\n' >"$served/repo/.gitattributes"
pointer "$work/big" >"$served/repo/sub/big.bin"
pointer "$work/big" >"$served/repo/sub/again.bin"
pointer "$work/tool" >"$served/repo/tool.bin"
chmod +x "$served/repo/tool.bin"
pointer "$work/tool" >"$served/repo/pointer.txt"
echo small >"$served/repo/small.bin"
first=$(commit)

module web:repo "$first" | element lfs
check "fetch" works source fetch lfs.bst
check "stage" staged lfs
check "a file" cmp "$work/big" "$work/staged/m/sub/big.bin"
check "the same again" cmp "$work/big" "$work/staged/m/sub/again.bin"
check "one that may be executed" test -x "$work/staged/m/tool.bin" -a "$(cat "$work/staged/m/tool.bin")" = "$(cat "$work/tool")"
check "a pointer without the attribute stays" file_is "$work/staged/m/pointer.txt" "$(pointer "$work/tool")"
check "a file that is no pointer stays" file_is "$work/staged/m/small.bin" small
check "one question for all" test "$(grep -c '^POST /repo.git/info/lfs/objects/batch$' "$served/requests")" -eq 1
check "each object once" test "$(grep -c "^GET /lfs/" "$served/requests")" -eq 2
module web:repo "$first" False | element without
check "without use-lfs: stage" staged without
check "without use-lfs: pointers" file_is "$work/staged/m/tool.bin" "$(pointer "$work/tool")"

# a repository on this machine has its own
mkdir -p "$served/repo/.git/lfs/objects"
echo local >"$work/local"
oid=$(sha256 "$work/local")
pointer "$work/local" >"$served/repo/local.bin"
second=$(commit)
module disk:repo "$second" | element local
for file in big tool; do
	name=$(sha256 "$work/$file")
	mkdir -p "$served/repo/.git/lfs/objects/${name:0:2}/${name:2:2}"
	cp "$work/$file" "$served/repo/.git/lfs/objects/${name:0:2}/${name:2:2}/$name"
done
check "from disk: absent" fails SOURCE "" "has not the object $oid of Git LFS" source fetch local.bst
mkdir -p "$served/repo/.git/lfs/objects/${oid:0:2}/${oid:2:2}"
cp "$work/local" "$served/repo/.git/lfs/objects/${oid:0:2}/${oid:2:2}/$oid"
check "from disk: fetch" works source fetch local.bst
check "from disk: stage" staged local
check "from disk: the file" file_is "$work/staged/m/local.bin" local

# what .lfsconfig says
printf '[lfs]\n\turl = %s/other/info/lfs\n' "$url" >"$served/repo/.lfsconfig"
echo configured >"$work/configured"
cp "$work/configured" "$served/lfs/$(sha256 "$work/configured")"
pointer "$work/configured" >"$served/repo/configured.bin"
module disk:repo "$(commit)" | element configured
check "lfs.url: fetch" works source fetch configured.bst
check "lfs.url: was asked" grep -q '^POST /other/info/lfs/objects/batch$' "$served/requests"

# servers that do not have it, or give something else
lost() { # TEXT: a new commit with a file of it that no server has
	echo "$1" >"$work/lost"
	oid=$(sha256 "$work/lost")
	pointer "$work/lost" >"$served/repo/lost.bin"
	module web:repo "$(commit)" | element lost
}
rm "$served/repo/.lfsconfig"
lost one
check "absent" fails SOURCE "" "has not the object $oid: never seen" source fetch lost.bst
lost two
echo "2nd" >"$served/lfs/$oid"
check "another content" fails SOURCE "" "has sha256sum" source fetch lost.bst
lost four
cp "$work/lost" "$served/lfs/$oid"
printf 'file://%s' "$work/lost" >"$served/lfs/$oid.place"
check "a place on this machine" fails SOURCE "" "has not the object $oid: the server does not say where it is" source fetch lost.bst
printf '%s/lfs/absent' "$url" >"$served/lfs/$oid.place"
check "404" fails SOURCE "" "HTTP Error 404" source fetch lost.bst
lost five
printf '[lfs]\n\turl = %s/no-server\n' "$url" >"$served/repo/.lfsconfig"
module web:repo "$(commit)" | element lost
check "no such server" not works source fetch lost.bst
finish
