#!/bin/bash
# kind: debian against small archives: what is chosen, what is staged, and what is refused.
# shellcheck source=tests/integration/sources/lib.sh
source "$(dirname "$0")/lib.sh"
for program in gpg gpgv; do
	command -v $program >/dev/null || {
		echo "SKIP: no $program"
		exit 77
	}
done

export GNUPGHOME=$work/gnupg
mkdir -m 700 "$GNUPGHOME"
for name in test other; do
	gpg --batch --quiet --passphrase '' --quick-generate-key "$name <$name@example.org>" ed25519 sign never
	gpg --batch --quiet --export "$name@example.org" >"$work/project/files/$name.gpg"
done
gpg --batch --quiet --armor --export test@example.org >"$work/project/files/armoured.asc"
trap 'status=$?; [ -z "$server" ] || kill "$server" 2>/dev/null || true
	gpgconf --kill all 2>/dev/null || true; rm -rf "$work"; exit $status' EXIT

mkdir "$work/archive"
serve "$work/archive"
repository() {
	python3 "$here/repository.py" "$work/archive"
}
project "aliases:
  mirror: $url"
source_lines() {
	printf -- '- kind: debian\n  mirror: "mirror:"\n  architecture: amd64\n  keyring: files/test.gpg\n'
	cat
}

# ---- what is chosen and what is staged
repository <<'END'
{"suite": "stable", "by-hash": true, "components": {"main": [
 {"name": "base", "version": "1", "fields": {"Essential": "yes", "Pre-Depends": "awk"},
  "files": {"etc": ["d", ""], "etc/base": ["f", "base"], "bin/sh": ["x", "#!"], "usr/bin/env": ["x", "#!"],
            "lib64/ld.so": ["x", "ld"], "bin/itself": ["l", "/usr/bin/itself"], "usr/bin/itself": ["x", "it"]}},
 {"name": "mawk", "version": "1:1.3.4-1", "fields": {"Provides": "awk", "Priority": "required"}, "compression": "gz",
  "files": {"usr/bin/mawk": ["x", "mawk"]}},
 {"name": "gawk", "version": "5", "fields": {"Provides": "awk"}, "files": {}},
 {"name": "app", "version": "2.0~rc1", "fields": {"Depends": "libapp (>= 2), nothing | data"}, "compression": "",
  "files": {"usr/bin/app": ["s", "app"], "dev/null": ["c", ""], "usr/share/app/hard": ["h", "./usr/bin/app"],
            "usr/share/shared": ["f", "from app"], "usr/share/doc/clash": ["f", "app's"]}},
 {"name": "libapp", "version": "2.1", "fields": {"Replaces": "app (<< 9)"},
  "files": {"lib/x/libapp.so.2": ["f", "lib"], "usr/lib/x/libapp.so": ["l", "libapp.so.2"],
            "usr/share/shared": ["f", "from libapp"]}},
 {"name": "data", "version": "1", "architecture": "all", "files": {"usr/share/doc/clash": ["f", "data's"]}},
 {"name": "hidden", "version": "1", "files": {"usr/share/hidden": ["f", ""]}}]}}
END
source_lines <<'END' | element root
  suite: stable
  packages: [app]
END
check "track" works source track root.bst
check "track: counts" said "5 packages, "
check "track: the closure" diff -u - <(sed -n 's/^ *- name: //p' "$work/project/elements/root.bst") <<'END'
app
base
data
libapp
mawk
END
check "track: indices by hash" grep -q '^200 /dists/stable/main/binary-amd64/by-hash/SHA256/' "$work/requests"
cp "$work/project/elements/root.bst" "$work/tracked"
check "track again: nothing new" works source track root.bst
check "track again: the same ref" cmp "$work/tracked" "$work/project/elements/root.bst"
check "fetch" works source fetch root.bst
check "undeclared overlap: a note" said "/usr/share/doc/clash is in app and in data; the latter's is taken"
check "declared overlap: none" not said "/usr/share/shared is in"
check "build" works build root.bst
check "checkout" checkout root
check "the root" listing_is "$work/out" <<'END'
l bin usr/bin
d etc
f etc/base
l lib usr/lib
l lib64 usr/lib64
l sbin usr/sbin
d usr
d usr/bin
f usr/bin/app x
f usr/bin/env x
f usr/bin/itself x
f usr/bin/mawk x
f usr/bin/sh x
d usr/lib
d usr/lib/x
l usr/lib/x/libapp.so libapp.so.2
f usr/lib/x/libapp.so.2
d usr/lib64
f usr/lib64/ld.so x
d usr/sbin
d usr/share
d usr/share/app
f usr/share/app/hard x
d usr/share/doc
f usr/share/doc/clash
f usr/share/shared
END
check "declared overlap: who replaces wins" file_is "$work/out/usr/share/shared" "from libapp"
check "undeclared overlap: the later name wins" file_is "$work/out/usr/share/doc/clash" "data's"
first=$(digest root)
export SLUICE_CACHE=$work/cache2
check "built again elsewhere" works build root.bst
check "the same bytes" test "$(digest root)" = "$first"
check "a partial download of nobody is left" test -z "$(ls -A "$work/cache2/downloads")"

# ---- other ways to say it
sed 's/suite: stable/suite: stable\n  merge-usr: false\n  exclude: [mawk, gawk]/' "$work/tracked" >"$work/project/elements/plain.bst"
check "without awk and merging" works source track plain.bst
check "excluded" not grep -q 'name: mawk' "$work/project/elements/plain.bst"
check "plain: build" works build plain.bst
check "plain: checkout" checkout plain
check "plain: /bin is a folder" test -d "$work/out/bin" -a ! -L "$work/out/bin"
source_lines <<'END' | element one
  suites: [stable]
  packages: [hidden]
  include-essential: false
  keyring: files/armoured.asc
END
sed -i '0,/keyring: files\/test.gpg/{//d}' "$work/project/elements/one.bst"
check "one package, armoured keyring" works source track one.bst
check "one package: alone" test "$(grep -c ' name:' "$work/project/elements/one.bst")" = 1
repository <<'END'
{"suite": "stable-updates", "components": {"main": [
 {"name": "libapp", "version": "2.2", "fields": {}, "files": {"usr/lib/x/libapp.so.2": ["f", "newer"]}},
 {"name": "data", "version": "0.9", "architecture": "all", "files": {}}]}}
END
source_lines <<'END' | element two
  suites: [stable, stable-updates]
  packages: [app]
END
check "two suites" works source track two.bst
check "two suites: the newer" grep -q 'version: 2.2$' "$work/project/elements/two.bst"
check "two suites: not the older" not grep -q 'version: 0.9$' "$work/project/elements/two.bst"
source_lines <<'END' | sed '/mirror/d' | element system
  suite: stable
  packages: [hidden]
END
export SLUICE_DEBIAN_MIRROR="$url/none $url"
check "mirrors of the environment, the second has it" works source track system.bst
check "mirrors of the environment: fetch" works source fetch system.bst
unset SLUICE_DEBIAN_MIRROR

# ---- wishes that cannot be met
try() {
	source_lines | element try
}
try <<<'  suite: nosuch
  packages: [app]'
check "no such suite" fails SOURCE debian-no-suite "There is no suite 'nosuch' on the mirror" source track try.bst
try <<<'  suite: stable
  components: [main, contrib]
  packages: [app]'
check "no such component" fails SOURCE debian-no-component "Suite 'stable' has no component 'contrib' for architecture 'amd64'" source track try.bst
try <<<'  suite: stable
  packages: [nosuch]'
check "no such package" fails SOURCE debian-no-package "There is no package 'nosuch' for amd64" source track try.bst
try <<<'  suite: stable
  packages: [awk]'
check "a virtual package" fails SOURCE debian-no-package "'awk' is a virtual package; name one that provides it instead: mawk, gawk" source track try.bst
try <<<'  suite: stable
  packages: [app]
  exlude: []'
check "an unknown key" fails LOAD INVALID_DATA "Unexpected key: exlude" show try.bst
check "an unknown key: where" said "try.bst [line 9 column"
try <<<'  packages: [app]'
check "no suite" fails LOAD INVALID_DATA 'needs one of `suite` and `suites`' show try.bst
try <<<'  suite: ../evil
  packages: [app]'
check "a suite that is no name" fails LOAD INVALID_DATA "Not a name that \`suite\` can have: '../evil'" show try.bst
sed 's/sha256: ./sha256: X/' "$work/tracked" >"$work/project/elements/try.bst"
check "a wrong ref" fails LOAD INVALID_DATA "Not a SHA-256" show try.bst
sed 's/path: pool/path: ..\/pool/' "$work/tracked" >"$work/project/elements/try.bst"
check "a ref with a path outside" fails LOAD INVALID_DATA "Not a path below an archive" show try.bst

# ---- indices that cannot be trusted
small='"components": {"main": [{"name": "a", "version": "1", "files": {"a": ["f", "a"]}}]}'
suite() {
	echo "{\"suite\": \"$1\", $2 $small}" | repository
	try <<-END
		  suite: $1
		  packages: [a]
		  ${3-}
	END
}
suite old '"fields": {"Valid-Until": "Sat, 17 Jun 2023 08:53:33 UTC"},'
check "expired" fails SOURCE debian-expired "The index of suite 'old' at $url expired on 2023-06-17 08:53:33 UTC" source track try.bst
check "expired: what to do" said "check-valid-until: false"
suite old '"fields": {"Valid-Until": "Sat, 17 Jun 2023 08:53:33 UTC"},' "check-valid-until: false"
check "expired, and that is fine" works source track try.bst
suite future '"fields": {"Date": "Sat, 17 Jun 2090 08:53:33 UTC"},'
check "from the future" fails SOURCE debian-expired "is the clock right?" source track try.bst
suite tampered ''
sed -i 's/^Origin: Test/Origin: Evil/' "$work/archive/dists/tampered/InRelease"
check "tampered with" fails SOURCE debian-signature "its signature is bad" source track try.bst
suite unsigned '"key": null,'
check "not signed" fails SOURCE debian-signature "has no OpenPGP signature" source track try.bst
suite foreign '"key": "other",'
check "signed by somebody else" fails SOURCE debian-signature "no such key is in the keyring" source track try.bst
suite appended ''
{
	echo "Origin: Evil"
	echo "SHA256:"
	cat "$work/archive/dists/appended/InRelease"
} >"$work/both" && cp "$work/both" "$work/archive/dists/appended/InRelease"
check "text before what is signed is not read" works source track try.bst
suite garbage ''
head -c 3000 /dev/urandom >"$work/archive/dists/garbage/InRelease"
check "garbage for a Release" fails SOURCE debian-signature "cannot be trusted" source track try.bst
suite renamed '"codename": "other", "fields": {"Suite": "elsewhere"},'
check "another suite's index" fails SOURCE debian-index-invalid "Asked for suite 'renamed'" source track try.bst
suite truncated ''
python3 -c 'import sys; p = sys.argv[1]; d = open(p, "rb").read(); open(p, "wb").write(d[:-20])' \
	"$work/archive/dists/truncated/main/binary-amd64/Packages.xz"
check "an index that is shorter than promised" fails SOURCE "" "bytes, not" source track try.bst
suite wrong ''
python3 -c 'import sys; p = sys.argv[1]; d = open(p, "rb").read(); open(p, "wb").write(d[:-1] + b"x")' \
	"$work/archive/dists/wrong/main/binary-amd64/Packages.xz"
check "an index with another digest" fails SOURCE "" "has sha256sum '" source track try.bst
suite missing ''
rm "$work/archive/dists/missing/main/binary-amd64/Packages.xz"
check "an index that is not there" fails SOURCE "" "HTTP Error 404" source track try.bst
suite nonsense '"index-text": "Package: a\nArchitecture: amd64\n",'
check "an index without sense" fails SOURCE debian-index-invalid "Packages.xz, line 1: package 'a': no valid Version" source track try.bst
suite busy ''
echo 503 >"$work/archive/dists/busy/InRelease.status"
check "a mirror that is busy" fails SOURCE "" "HTTP Error 503" source track try.bst
sed -i 's/files\/test.gpg/files\/absent.gpg/' "$work/project/elements/try.bst"
rm "$work/archive/dists/busy/InRelease.status"
check "no keyring" fails SOURCE debian-signature "files/absent.gpg cannot be read" source track try.bst

# ---- packages that are not what was pinned
suite good ''
check "good" works source track try.bst
mv "$work/archive/pool/main/a_1_amd64.deb" "$work/gone.deb"
check "gone" fails SOURCE debian-package-gone "Package a 1 is not on the mirror any more" source fetch try.bst
check "gone: what to do" said '`sluice source track try.bst`'
check "gone: nor can it be built" fails SOURCE debian-package-gone "Package a 1 is not on the mirror any more" build try.bst
python3 -c 'import sys; d = open(sys.argv[1], "rb").read(); open(sys.argv[2], "wb").write(d[:-1] + b"x")' \
	"$work/gone.deb" "$work/archive/pool/main/a_1_amd64.deb"
check "changed" fails SOURCE "" "has sha256sum '" source fetch try.bst
cp "$work/gone.deb" "$work/archive/pool/main/a_1_amd64.deb"
echo 100 >"$work/archive/pool/main/a_1_amd64.deb.cut"
check "cut off" fails SOURCE "" "a_1_amd64.deb" source fetch try.bst
check "cut off: kept" test "$(stat -c %s "$work"/cache2/downloads/*)" = 100
rm "$work/archive/pool/main/a_1_amd64.deb.cut"
check "whole at last" works source fetch try.bst
small='"components": {"main": [{"name": "a", "version": "2", "files": {"../../evil": ["r", "x"]}}]}'
suite hostile ''
check "hostile: can be pinned" works source track try.bst
check "hostile: is not unpacked" fails SOURCE archive-outside "which is outside the destination" source fetch try.bst
small='"components": {"main": [{"name": "a", "version": "3", "files": {"x": ["l", "/etc"], "x/passwd": ["r", "x"]}}]}'
suite through ''
works source track try.bst
check "hostile: through a link" fails SOURCE archive-outside "would be extracted to '/etc/passwd'" source fetch try.bst
small='"components": {"main": [{"name": "a", "version": "4", "files": {"a": ["f", "a"]}}]}'
suite nodeb ''
echo "not a package" >"$work/archive/pool/main/a_4_amd64.deb"
works source track try.bst
sed -i "s/size: .*/size: 14/; s/sha256: .*/sha256: $(sha256 "$work/archive/pool/main/a_4_amd64.deb")/" "$work/project/elements/try.bst"
check "not a package" fails SOURCE debian-package-invalid "not a Debian package" source fetch try.bst
finish
