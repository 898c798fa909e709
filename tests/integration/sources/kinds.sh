#!/bin/bash
# local, tar, zip, remote, patch: their keys are BuildStream's, and what they stage; bad input.
# shellcheck source=tests/integration/sources/lib.sh
source "$(dirname "$0")/lib.sh"

# ---- keys, as BuildStream 2.8.1 with its plugins computes them for the same project
sed 's/^name: .*/name: keys/' <(project 'aliases:
  up: https://example.com/files/
  odd: https://example.com/get?f=' && cat "$work/project/project.conf") >"$work/conf"
cp "$work/conf" "$work/project/project.conf"
ref=abfe2897f3a30edaa74bc34365afe3c2a3cd012091a97dc7e008f7016adcd5fe
files=$work/project/files
mkdir -p "$files/d/empty" "$files/d/e"
echo text >"$files/a.txt"
echo '#!' >"$files/d/run"
chmod 755 "$files/d/run"
chmod 640 "$files/a.txt"
ln -s ../nowhere "$files/d/link"
printf -- '--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-text\n+patched\n' >"$files/p.diff"
lines '- kind: local' '  path: files' | element local1
lines '- kind: local' '  path: files/d/run' '  directory: x/y' | element local2
lines '- kind: local' '  path: ./files/d/' | element local3
lines '- kind: local' '  path: files' '- kind: patch' '  path: files/p.diff' | element patch1
lines '- kind: local' '  path: files' '- kind: patch' '  path: files/p.diff' '  strip-level: 0' | element patch2
lines '- kind: tar' '  url: up:a/b.tar.gz' "  ref: $ref" | element tar1
lines '- kind: tar' '  url: up:b.tar.gz' "  ref: $ref" "  base-dir: ''" "  version: '1.2'" | element tar2
lines '- kind: tar' '  url: https://example.com/b.tar.gz' "  ref: $ref" '  base-dir: x*' \
	"  version-guess-pattern: '(\\d+)'" | element tar3
lines '- kind: zip' '  url: up:a/b.zip' "  ref: $ref" | element zip1
lines '- kind: zip' '  url: up:a/b.zip' "  ref: $ref" "  base-dir: 'a/b'" | element zip2
lines '- kind: remote' '  url: up:file' "  ref: $ref" | element remote1
lines '- kind: remote' '  url: up:dir/file.bin' "  ref: $ref" '  filename: other' '  executable: true' | element remote2
lines '- kind: remote' '  url: odd:file.bin' "  ref: $ref" '  version: x' '  directory: sub' | element remote3
keys() {
	(cd "$work/project/elements" && printf '%s\n' ./*.bst) | sed 's/^..//' | (cd "$work/project" &&
		xargs "$SLUICE" show --deps none --format '%{name} %{full-key}' 2>/dev/null) | LC_ALL=C sort
}
check "keys" diff -u - <(keys) <<'END'
local1.bst 1a8977dba304269e3ab5d48433c58a3dfa6d85a39c5ff37e5293ded47e0375ac
local2.bst ae623b87bb49f3ca4cb7f692aeb1d375b215723682713570c54c2373d70529d8
local3.bst b2e8adb04300ae8e03679edc05b933533614d3d5a321abe3d7f57d875da2fe16
patch1.bst c26b978b2c322cdcf83f262d2ef5dfe01c5f56ef478a24b7f4b3ab39cb7056ca
patch2.bst 437f2fc0e6e9395c3d3c450ed8efc593a1c607e99ab45e6346cdcb9d39cd0951
remote1.bst 4ecf10ce3a57595011f7cf7240c0b077bbe6a4e0332b54cf6bd85726d477f2f2
remote2.bst 6d01e7e7e28b4dd16dd0214f6780c3298722655ebef05cb9f5b6525061423550
remote3.bst f7735597744b7aab874eca02b8277c196e4cb6d82d2ebed604d1f9272afe6d35
tar1.bst 0cce96dc37a55979e044ab12d9a942e7ac626640a6e84c159e86bc0d193395a8
tar2.bst 0df16d1cd886bfdb350d986f1f7159f506051adbde114e7805438114c8feb64f
tar3.bst 4d911216a27f670808e237d50c0d4107dbd72281445fa90cc03a99ef8ca6e2a5
zip1.bst 41a1ece6ba97a6a4089038998474dc9256bd3373b59a1fdb1c5c9501ea2a6d18
zip2.bst ae48464dc1bc377ecbc71ca1abbff2446c10bee8a82eabffc2b5a5f08fa86cb9
END
rm "$work"/project/elements/*.bst
project

# ---- local
mkdir -p "$files/tree/sub"
echo one >"$files/tree/one"
echo two >"$files/tree/sub/two"
chmod 700 "$files/tree/sub/two"
ln -s /absolute "$files/tree/link"
lines '- kind: local' '  path: files/tree' '- kind: local' '  path: files/tree/one' '  directory: in/side' | element local
check "local: build" works build local.bst
check "local: checkout" checkout local
check "local: what" listing_is "$work/out" <<'END'
d in
d in/side
f in/side/one
l link /absolute
f one
d sub
f sub/two x
END
before=$(keys)
echo changed >"$files/tree/one"
check "local: a change is another key" test "$before" != "$(keys)"
lines '- kind: local' '  path: files/absent' | bad
check "local: absent" fails LOAD MISSING_FILE "Specified path 'files/absent' does not exist" show bad.bst
lines '- kind: local' '  path: ../files' | bad
check "local: outside" fails LOAD PROJ_PATH_INVALID "bad.bst [line 4 column" show bad.bst
ln -s / "$files/out"
lines '- kind: local' '  path: files/out/etc' | bad
check "local: outside through a link" fails LOAD PROJ_PATH_INVALID "must not lead outside of the project directory" show bad.bst
rm "$files/out"
mkfifo "$files/tree/fifo"
lines '- kind: local' '  path: files/tree' | bad
check "local: a fifo" fails SOURCE "" "fifo is a socket, fifo or device" show bad.bst
rm "$files/tree/fifo"

# ---- patch
cat >"$files/good.diff" <<'END'
--- a/one
+++ b/one
@@ -1 +1 @@
-changed
+patched
--- a/sub/two
+++ /dev/null
@@ -1 +0,0 @@
-two
diff --git a/new/script b/new/script
new file mode 100755
--- /dev/null
+++ b/new/script
@@ -0,0 +1 @@
+#!/bin/sh
END
with_patch() {
	lines '- kind: local' '  path: files/tree' '  directory: deep' '- kind: patch' "  path: files/$1" '  directory: deep'
}
with_patch good.diff | element patch
check "patch: build" works build patch.bst
check "patch: checkout" checkout patch
check "patch: what" listing_is "$work/out" <<'END'
d deep
l deep/link /absolute
d deep/new
f deep/new/script x
f deep/one
END
check "patch: text" file_is "$work/out/deep/one" patched
sed 's/changed/something else/' "$files/good.diff" >"$files/bad.diff"
with_patch bad.diff | bad
check "patch: does not apply" fails SOURCE patch-failed "Failed to apply patch files/bad.diff" build bad.bst
printf -- '--- a/../../evil\n+++ b/../../evil\n@@ -0,0 +1 @@\n+x\n' >"$files/evil.diff"
with_patch evil.diff | bad
check "patch: outside" fails SOURCE patch-failed "Failed to apply patch files/evil.diff" build bad.bst
printf -- '--- a/link\n+++ b/link\n@@ -0,0 +1 @@\n+x\n' >"$files/link.diff"
with_patch link.diff | bad
check "patch: a symlink" fails SOURCE patch-symlink "wants to change 'link', which is a symlink" build bad.bst
lines '- kind: local' '  path: files/tree' '- kind: patch' '  path: files/good.diff' '  directory: elsewhere' | bad
check "patch: nothing there" fails SOURCE patch-no-files "Nothing to patch in directory" build bad.bst
lines '- kind: patch' '  path: files/good.diff' | bad
sluice show bad.bst
check "patch: cannot be first" test "$status" -eq 255

# ---- remote, over HTTP
mkdir "$work/served"
serve "$work/served"
project "aliases:
  web: $url/
mirrors:
- name: near
  aliases:
    web: [\"$url/near/\"]"
echo '#!/bin/sh' >"$work/served/tool.sh"
lines '- kind: remote' '  url: web:tool.sh' '  filename: tool' '  executable: true' | element remote
check "remote: no ref" fails PIPELINE inconsistent-pipeline "is missing ref" build remote.bst
check "remote: track" works source track remote.bst
check "remote: the ref" grep -q "ref: $(sha256 "$work/served/tool.sh")" "$work/project/elements/remote.bst"
check "remote: build" works build remote.bst
check "remote: checkout" checkout remote
check "remote: what" listing_is "$work/out" <<<'f tool x'
echo 'exit 1' >>"$work/served/tool.sh"
check "remote: track a change" works source track remote.bst
check "remote: warns" said "Potential man-in-the-middle attack!"
lines '- kind: remote' '  url: web:nothing' "  ref: $ref" | bad
check "remote: 404" fails SOURCE "" "nothing: HTTP Error 404" source fetch bad.bst
sluice --network-retries 1 source fetch bad.bst
check "remote: tried again" said "FAILURE Try #1 failed, retrying"
lines '- kind: remote' '  url: web:tool.sh' "  ref: $ref" | bad
check "remote: another digest" fails SOURCE "" "has sha256sum '$(sha256 "$work/served/tool.sh")', not '$ref'!" source fetch bad.bst
lines '- kind: remote' '  url: web:tool.sh' "  ref: nonsense" | bad
check "remote: a ref that is none" fails SOURCE "" "The ref 'nonsense' is not a SHA-256" source fetch bad.bst
lines '- kind: remote' '  url: web:tool.sh' "  ref: [a, list]" | bad
check "remote: a ref that is a list" fails LOAD INVALID_DATA "bad.bst [line 5 column" source fetch bad.bst
lines '- kind: remote' '  url: web:tool.sh' '  filename: a/b' | bad
check "remote: a name with a folder" fails SOURCE filename-contains-directory "filename parameter cannot contain directories" show bad.bst
lines '- kind: remote' '  url: none:tool.sh' "  ref: $ref" | bad
check "remote: an alias that is none" fails SOURCE invalid-source-alias "Invalid alias 'none' specified in URL" source fetch bad.bst

# ---- tar and zip
mkdir -p "$work/pkg/top-1.0/sub" "$work/pkg/top-1.0/empty"
echo file >"$work/pkg/top-1.0/file"
echo run >"$work/pkg/top-1.0/sub/run"
chmod 700 "$work/pkg/top-1.0/sub/run"
ln -s /etc/passwd "$work/pkg/top-1.0/absolute"
ln -s nowhere "$work/pkg/top-1.0/dangling"
ln "$work/pkg/top-1.0/sub/run" "$work/pkg/top-1.0/hard"
mkfifo "$work/pkg/top-1.0/fifo"
for form in gz xz bz2 zst; do
	tar -C "$work/pkg" --auto-compress -cf "$work/served/a.tar.$form" ./top-1.0 || continue
	lines '- kind: tar' "  url: web:a.tar.$form" | element "tar-$form"
	check "tar.$form: track" works source track "tar-$form.bst"
	check "tar.$form: build" works build "tar-$form.bst"
	check "tar.$form: checkout" checkout "tar-$form"
	check "tar.$form: what" listing_is "$work/out" <<-'END'
		l absolute /etc/passwd
		l dangling nowhere
		d empty
		f file
		f hard x
		d sub
		f sub/run x
	END
done
lines '- kind: tar' '  url: web:a.tar.gz' "  base-dir: '*/s?b'" "  directory: x" \
	"  ref: $(sha256 "$work/served/a.tar.gz")" | element base
check "tar: base-dir" works build base.bst
check "tar: base-dir checkout" checkout base
check "tar: base-dir what" listing_is "$work/out" <<<$'d x\nf x/run x'
lines '- kind: tar' '  url: web:a.tar.gz' "  base-dir: none*" "  ref: $(sha256 "$work/served/a.tar.gz")" | bad
check "tar: no base-dir" fails SOURCE archive-base-dir "Could not find base directory matching pattern: none*" source fetch bad.bst
head -c 150 "$work/served/a.tar.gz" >"$work/served/short.tar.gz"
lines '- kind: tar' '  url: web:short.tar.gz' "  ref: $(sha256 "$work/served/short.tar.gz")" | bad
check "tar: truncated" fails SOURCE archive-damaged "the archive is damaged or truncated" source fetch bad.bst
python3 - "$work/served" <<'END'
import io, sys, tarfile, zipfile
def make(name, *members):
    with tarfile.open(f"{sys.argv[1]}/{name}", "w") as tar:
        for path, kind, text in members:
            info = tarfile.TarInfo(path)
            info.type, data = kind, b""
            if kind == tarfile.REGTYPE:
                data = text
                info.size = len(data)
            else:
                info.linkname = text
            tar.addfile(info, io.BytesIO(data))
make("dots.tar", ("top/../../evil", tarfile.REGTYPE, b"x"))
make("through.tar", ("top/out", tarfile.SYMTYPE, "/tmp"), ("top/out/evil", tarfile.REGTYPE, b"x"))
make("hard.tar", ("top/evil", tarfile.LNKTYPE, "../../secret"))
with zipfile.ZipFile(f"{sys.argv[1]}/a.zip", "w") as archive:
    archive.writestr("top/d/file", "text")
    info = zipfile.ZipInfo("top/run")
    info.external_attr = 0o100755 << 16
    archive.writestr(info, "run")
END
for name in dots through hard; do
	lines '- kind: tar' "  url: web:$name.tar" "  base-dir: ''" "  ref: $(sha256 "$work/served/$name.tar")" | bad
	check "tar: hostile, $name" fails SOURCE archive-outside "which is outside the destination" source fetch bad.bst
done
lines '- kind: zip' '  url: web:a.zip' | element zip
check "zip: track" works source track zip.bst
check "zip: build" works build zip.bst
check "zip: checkout" checkout zip
check "zip: what" listing_is "$work/out" <<<$'d d\nf d/file\nf run'
lines '- kind: zip' '  url: web:tool.sh' "  ref: $(sha256 "$work/served/tool.sh")" | bad
check "zip: none" fails SOURCE archive-damaged "the archive is damaged or truncated" source fetch bad.bst
finish
