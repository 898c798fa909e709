#!/bin/bash
# source checkout: a folder for each element, dependencies, archives, scripts.
# shellcheck source=tests/integration/sources/lib.sh
source "$(dirname "$0")/lib.sh"
project 'aliases:
  here: "file://'"$work"'/served/"'
mkdir -p "$work/served" "$work/project/files/a/etc" "$work/project/sub/files"
echo text >"$work/project/files/a/etc/config"
chmod 755 "$work/project/files/a/etc/config"
ln -s config "$work/project/files/a/etc/link"
echo dev >"$work/served/dev"
echo sub >"$work/project/sub/files/sub"
printf 'name: sub\nmin-version: 2.0\n' >"$work/project/sub/project.conf"
printf 'kind: import\nsources:\n- kind: local\n  path: files\n' >"$work/project/sub/inner.bst"
mkdir "$work/project/elements/deep"
lines 'kind: junction' 'sources:' '- kind: local' '  path: sub' >"$work/project/elements/sub.bst"
lines 'kind: import' 'sources:' '- kind: remote' '  url: here:dev' "  ref: $(sha256 "$work/served/dev")" >"$work/project/elements/dev.bst"
lines 'kind: manual' 'sources:' '- kind: local' '  path: files/a' '  directory: in' 'build-depends: [dev.bst]' 'depends: ["sub.bst:inner.bst"]' \
	'environment:' '  WORD: "a b"' 'config:' '  build-commands: ["echo built > made"]' '  install-commands: ["mkdir -p %{install-root}%{prefix} && cp made %{install-root}%{prefix}"]' \
	'variables:' "  prefix: $work/installed" "  build-root: $work/build-root" "  install-root: $work/install-root" '  strip-binaries: ""' >"$work/project/elements/deep/top.bst"
lines 'kind: stack' 'depends: [dev.bst]' >"$work/project/elements/stack.bst"
out=$work/out
fresh() {
	rm -rf "$out"
	works source checkout --directory "$out" "$@"
}
check "one element" fresh deep/top.bst
check "one element: what" listing_is "$out" <<'END'
d deep-top
d deep-top/in
d deep-top/in/etc
f deep-top/in/etc/config x
l deep-top/in/etc/link config
END
check "deps build" fresh --deps build deep/top.bst
check "deps build: what" test "$(ls "$out")" = $'dev\nsub'
check "deps run" fresh --deps run deep/top.bst
check "deps run: what" test "$(ls "$out")" = $'deep-top\nsub'
check "deps all" fresh -d all deep/top.bst
check "deps all: what" test "$(ls "$out")" = $'deep-top\ndev\nsub'
check "deps all: subprojects below their junction" file_is "$out/sub/inner/sub" sub
check "except" fresh --deps all --except dev.bst deep/top.bst
check "except: what" test "$(ls "$out")" = $'deep-top\nsub'
check "no sources" fresh stack.bst
check "no sources: what" test -d "$out" -a -z "$(ls "$out")"
rm -rf "$work/project/source-checkout"
check "default place" works source checkout dev.bst
check "default place: what" file_is "$work/project/source-checkout/dev/dev" dev
check "not empty" fails STREAM "" "not empty" source checkout dev.bst
check "force" works source checkout --force deep/top.bst
check "force: both" test "$(ls "$work/project/source-checkout")" = $'deep-top\ndev'
for form in gz xz bz2; do
	check "tar $form" works source checkout --tar "$work/a.tar.$form" --compression $form -d all deep/top.bst
	check "tar $form: its compression" python3 -c 'import sys, tarfile; tarfile.open(sys.argv[1], "r:" + sys.argv[2]).getmember("deep-top/in/etc/config")' "$work/a.tar.$form" $form
done
check "tar" works source checkout --tar "$work/a.tar" deep/top.bst
check "tar: names" test "$(tar tf "$work/a.tar" | head -n 1)" = deep-top/
check "tar: there already" fails STREAM "" "Output file '$work/a.tar' already exists" source checkout --tar "$work/a.tar" deep/top.bst
check "tar: force" works source checkout -f --tar "$work/a.tar" deep/top.bst
check "tar and directory" fails APP "" "ERROR: options --directory and --tar conflict" source checkout --tar x --directory y dev.bst
check "compression without tar" fails APP "" "ERROR: --compression specified without --tar" source checkout --compression gz dev.bst
check "source remotes" fresh --source-remote https://example.com --ignore-project-source-remotes dev.bst
check "scripts" fresh --include-build-scripts --deps none deep/top.bst
check "scripts: what" test "$(ls "$out")" = $'build-deep-top\nbuild.sh\ndeep-top'
sed -i '/^(cd "$install_root"/d' "$out/build-deep-top"
ln -s . "$out/source"
check "scripts: they build" sh -c 'cd "$1" && ./build.sh' sh "$out"
check "scripts: what they made" file_is "$work/install-root$work/installed/made" built
check "scripts: in an archive" works source checkout --include-build-scripts -f --tar "$work/a.tar" deep/top.bst
check "scripts: their names there" test "$(tar tf "$work/a.tar" | head -n 2)" = $'build-deep-top\nbuild.sh'
echo changed >"$work/served/dev"
rm -rf "$work/cache"
check "a source that cannot be had" fails SOURCE "" "has sha256sum" source checkout --directory "$out.new" dev.bst
finish
