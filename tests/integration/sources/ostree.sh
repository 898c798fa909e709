#!/bin/bash
# kind ostree: track, pull and stage from a repository of the test's own, over HTTP.
# shellcheck source=tests/integration/sources/lib.sh
source "$(dirname "$0")/lib.sh"
command -v ostree >/dev/null || {
	echo "SKIP: no ostree"
	exit 77
}
mkdir -p "$work/tree/bin" "$work/tree/empty" "$work/served"
echo hello >"$work/tree/file"
echo '#!/bin/sh' >"$work/tree/bin/run"
chmod +x "$work/tree/bin/run"
ln -s ../file "$work/tree/bin/link"
ostree --repo="$work/served/repo" init --mode=archive
ostree_commit() {
	ostree --repo="$work/served/repo" commit --branch=x86_64/stable --owner-uid=0 --owner-gid=0 --no-xattrs \
		--timestamp='2001-01-01 00:00:00 +0000' --tree=dir="$work/tree"
}
old=$(ostree_commit)
echo more >"$work/tree/more"
new=$(ostree_commit)
serve "$work/served"
project "aliases:
  up: $url/
  gone: $url/none/
plugins:
- origin: pip
  package-name: buildstream-plugins-community
  sources: [ostree]"
element runtime <<END
- kind: ostree
  url: up:repo
  track: x86_64/stable
END
check "track" works source track runtime.bst
check "the ref" grep -q "ref: $new" "$work/project/elements/runtime.bst"
check "stage" staged runtime
check "the files" listing_is "$work/staged" <<'END'
d bin
l bin/link ../file
f bin/run x
d empty
f file
f more
END
element old <<END
- kind: ostree
  url: up:repo
  ref: $old
END
check "an older commit" staged old
check "its files" test ! -e "$work/staged/more" -a -e "$work/staged/file"
rm -rf "$SLUICE_CACHE"/sources
element again <<END
- kind: ostree
  url: up:repo
  directory: there
  ref: $old
END
check "what was staged is kept" staged again
check "below a directory" file_is "$work/staged/there/file" hello
rm -rf "$SLUICE_CACHE"
check "and comes again when it is lost" staged again
element lost <<END
- kind: ostree
  url: up:repo
  ref: $(printf '%064d' 7)
END
check "no such commit" fails SOURCE "" "Failed to fetch ref" source fetch lost.bst
element nobranch <<END
- kind: ostree
  url: up:repo
  track: aarch64/stable
END
check "no such branch" fails SOURCE "" "Failed to fetch ref 'aarch64/stable'" source track nobranch.bst
element gone <<END
- kind: ostree
  url: gone:repo
  ref: $old
END
check "no such repository" fails SOURCE "" "Failed to fetch ref" source fetch gone.bst
for evil in --help 'a:b'; do
	element evil <<-END
		- kind: ostree
		  url: up:repo
		  ref: '$evil'
	END
	check "no ref: $evil" fails SOURCE "" "is no name of a branch or commit" source fetch evil.bst
done
element command <<END
- kind: ostree
  url: ssh://-oProxyCommand=x/repo
  ref: $old
END
check "no URL" fails SOURCE "" "is no URL that ostree sources may be fetched from" source fetch command.bst
echo "no key" >"$work/project/key.gpg"
element signed <<END
- kind: ostree
  url: up:repo
  ref: $old
  gpg-key: key.gpg
END
rm -rf "$SLUICE_CACHE"
check "a key must verify" fails SOURCE "" "Failed to" source fetch signed.bst
finish
