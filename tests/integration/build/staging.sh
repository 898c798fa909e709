#!/bin/bash
# Overlaps, integration, locations, environments.
here=$(dirname "$0")
# shellcheck source=tests/integration/build/lib.sh
source "$here/lib.sh"

new_project

tree() {
	mkdir -p "$work/project/files/$(dirname "$1")"
	echo "$2" >"$work/project/files/$1"
}
import() {
	{
		printf 'kind: import\nsources:\n- kind: local\n  path: files/%s\n' "$1"
		cat
	} | element "$1.bst"
}
uses() {
	printf 'kind: manual\nbuild-depends:\n- base.bst\n'
	printf -- '- %s\n' "$@"
}

# ---- overlaps
tree a/etc/file from-a
tree b/etc/file from-b
tree c/etc/file from-b
tree d/etc/file/inner from-d
import a </dev/null
import b </dev/null
import c </dev/null
import d </dev/null
{
	uses a.bst b.bst
	printf 'config:\n  install-commands:\n  - cp /etc/file "%%{install-root}/file"\n'
} | element overlap.bst
check "overlap builds" builds overlap.bst
check "overlap warns" contains "$work/output" "[overlaps]"
check "overlap: says where and who" contains "$work/output" "/etc/file: b.bst is not permitted to overlap other elements, order b.bst above a.bst"
check "overlap: checkout" checkout overlap.bst --deps none
check "overlap: the later wins" file_is "$work/out/file" from-b
uses b.bst c.bst | element same.bst
check "equal files build" builds same.bst
check "equal files overlap too" contains "$work/output" "[overlaps]"
import e <<'END'
public:
  bst:
    overlap-whitelist:
    - /etc/fi*
END
tree e/etc/file from-e
uses a.bst e.bst | element whitelisted.bst
check "whitelisted overlap builds" builds whitelisted.bst
check_not "whitelisted overlap does not warn" contains "$work/output" "[overlaps]"
tree f/etc/file from-f
import f </dev/null
uses d.bst f.bst | element unstaged.bst
check "a file does not replace a directory" builds unstaged.bst
check "a file that was not staged is told of" contains "$work/output" "[unstaged-files]"
tree aa/etc/real/x from-aa
ln -s real "$work/project/files/aa/etc/file"
import aa </dev/null
uses aa.bst d.bst | element through-link.bst
sluice build through-link.bst
check "a directory does not follow a link that is there" error_is VIRTUAL_FS ""
check "a directory on a link: says which" contains "$work/output" "Destination is a symlink, not a directory: /etc/file"
sluice show --deps none --format '%{state}' through-link.bst
check "a directory on a link: not remembered" test "$(tail -n 1 "$work/output")" = buildable

echo 'fatal-warnings: [overlaps]' >>"$work/project/project.conf"
sluice build overlap.bst
check "fatal overlap: status" test "$status" -eq 255
check "fatal overlap: reason" error_is PLUGIN overlaps
check "fatal overlap: whitelisted builds" builds whitelisted.bst

# ---- integration
new_project
mkdir -p "$work/project/files/lib"
echo lib >"$work/project/files/lib/lib"
element lib.bst <<'END'
kind: import
depends:
- base.bst
sources:
- kind: local
  path: files/lib
environment:
  WHO: lib
public:
  bst:
    integration-commands:
    - echo "$WHO $PWD ${ONLY-none}" >>/etc/integrated
    - |
      cat /proc/sys/kernel/random/uuid >/etc/uuid
END
for i in 1 2 3; do
	element "user$i.bst" <<-END
		kind: manual
		build-depends:
		- lib.bst
		environment:
		  WHO: user$i
		  ONLY: user$i
		config:
		  install-commands:
		  - cp /etc/integrated /etc/uuid "%{install-root}"
		  - touch "%{install-root}/$i"
	END
done
check "integration" builds user1.bst user2.bst user3.bst
check "integration: checkout" checkout user1.bst --deps none
check "integration: the dependency's environment, at /" file_is "$work/out/integrated" "lib / none"
uuid=$(cat "$work/out/uuid")
for i in 2 3; do
	check "integration: checkout $i" checkout "user$i.bst" --deps none
	check "integration ran once for all ($i)" file_is "$work/out/uuid" "$uuid"
done
check "checkout with integration" checkout lib.bst
check "checkout has integrated" file_is "$work/out/etc/integrated" "lib / none"
check "checkout without integration" checkout lib.bst --no-integrate
check "checkout has not integrated" test ! -e "$work/out/etc/integrated"

# ---- locations
element located.bst <<'END'
kind: manual
build-depends:
- base.bst
- filename: lib.bst
  config:
    location: /sysroot
config:
  install-commands:
  - cp /sysroot/lib "%{install-root}/lib"
  - test ! -e /etc/integrated
END
sed -i '/^depends:/,/^- base/d' "$work/project/elements/lib.bst"
tree lib/lib lib
check "location builds" builds located.bst
check "location: checkout" checkout located.bst --deps none
check "location: staged there, not integrated" file_is "$work/out/lib" lib

# ---- digest-environment
element digested.bst <<'END'
kind: manual
build-depends:
- base.bst
- filename: lib.bst
  config:
    digest-environment: LIB_DIGEST
config:
  install-commands:
  - echo "$LIB_DIGEST" >"%{install-root}/digest"
END
check "digest-environment builds" builds digested.bst
check "digest-environment: checkout" checkout digested.bst --deps none
check "digest-environment: a digest" grep -qxE '[0-9a-f]{64}/[0-9]+' "$work/out/digest"

# ---- uid
element ids.bst <<'END'
kind: manual
build-depends:
- base.bst
sandbox:
  build-uid: 1000
  build-gid: 1234
config:
  install-commands:
  - echo "$(id -u):$(id -g)" >"%{install-root}/ids"
END
check "build-uid builds" builds ids.bst
check "build-uid: checkout" checkout ids.bst --deps none
check "build-uid and build-gid" file_is "$work/out/ids" 1000:1234

finish
