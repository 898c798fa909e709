#!/bin/bash
# cargo, cargo2, cpan, pypi: track, fetch and stage from registries on loopback; what they stage is what BuildStream's plugins stage.
# shellcheck source=tests/integration/sources/lib.sh
source "$(dirname "$0")/lib.sh"
mkdir "$work/served"
python3 "$here/registry.py" "$work/served"
serve "$work/served"
export PIP_INDEX_URL=$url/simple
mirrored_project() { # whose alias `dead` only the mirror serves
	project "aliases:
  web: $url/
  dead: $url/absent/
mirrors:
- name: near
  aliases:
    dead: [\"$url/\"]"
}
mirrored_project

# ---- crates
cp "$work/served/Cargo.lock" "$work/project/files/"
for kind in cargo cargo2; do
	lines '- kind: local' '  path: files' '  directory: top' "- kind: $kind" '  directory: top' '  url: dead:crates' | element $kind
	check "$kind: track" works source track $kind.bst
done
beta=$(sha256 "$work/served/crates/beta/beta-0.2.1.crate")
alpha=$(sha256 "$work/served/crates/alpha/alpha-1.0.0.crate")
check "cargo: the ref" has cargo <<END
  ref:
  - name: alpha
    version: 1.0.0
    sha: $alpha
  - name: beta
    version: 0.2.1
    sha: $beta
END
check "cargo2: the ref" has cargo2 <<END
  ref:
  - kind: registry
    name: alpha
    version: 1.0.0
    sha: $alpha
  - kind: registry
    name: beta
    version: 0.2.1
    sha: $beta
END
for kind in cargo cargo2; do
	vendor=crates config=config
	[ $kind = cargo ] || vendor=.vendored-crates config=config.toml
	check "$kind: sources" sources $kind
	check "$kind: what" listing_is "$work/out/top" < <(sed "s,VENDOR,$vendor,; s,CONFIG,$config," <<-'END' | LC_ALL=C sort -k2,2
		d .cargo
		f .cargo/CONFIG
		f Cargo.lock
		d VENDOR
		d VENDOR/alpha-1.0.0
		f VENDOR/alpha-1.0.0/.cargo-checksum.json
		f VENDOR/alpha-1.0.0/Cargo.toml
		f VENDOR/alpha-1.0.0/run.sh x
		d VENDOR/alpha-1.0.0/src
		f VENDOR/alpha-1.0.0/src/lib.rs
		d VENDOR/beta-0.2.1
		f VENDOR/beta-0.2.1/.cargo-checksum.json
		f VENDOR/beta-0.2.1/Cargo.toml
		d VENDOR/beta-0.2.1/src
		f VENDOR/beta-0.2.1/src/lib.rs
	END
	)
	check "$kind: checksum" file_is "$work/out/top/$vendor/beta-0.2.1/.cargo-checksum.json" "{\"package\": \"$beta\", \"files\": {}}"
done
check "cargo2: configuration" file_is "$work/out/top/.cargo/config.toml" "[source.crates-io]
registry = \"$url/absent/crates/\"
replace-with = \"vendored-sources\"

[source.vendored-sources]
directory = \".vendored-crates\""
check "cargo: tracked again, nothing new" works source track cargo.bst
check "cargo: nothing new" not said "Found a new revision"
one_crate() { # NAME VERSION SHA [MORE…]
	local name=$1 version=$2 sha=$3
	shift 3
	lines '- kind: local' '  path: files' '- kind: cargo2' '  url: web:crates' '  ref:' "  - name: $name" "    version: $version" "    sha: $sha" "$@"
}
one_crate evil 1.0.0 "$(sha256 "$work/served/crates/evil/evil-1.0.0.crate")" | bad
check "crates: hostile" fails SOURCE archive-outside "which is outside the destination" source fetch bad.bst
other=$(printf 'f%.0s' {1..64})
one_crate beta 0.2.1 "$other" | bad
check "crates: another digest" fails SOURCE "" "has sha256sum '$beta', not '$other'!" source fetch bad.bst
one_crate absent 1.0.0 "$other" | bad
check "crates: 404" fails SOURCE "" "absent-1.0.0.crate: HTTP Error 404" source fetch bad.bst
one_crate beta 0.2.1 nonsense | bad
check "crates: no digest" fails SOURCE "" "The sha 'nonsense' of crate beta is not a SHA-256" source fetch bad.bst
one_crate beta 0.2.1 "$beta" '  - name: beta' '    version: 0.2.1' "    sha: $beta" | bad
check "crates: twice" fails SOURCE "" "requests crate beta 0.2.1 from multiple sources" source fetch bad.bst
one_crate beta 0.2.1 "$beta" '  vendor-dir: ../../out' | bad
check "crates: a vendor-dir outside" not works source fetch bad.bst
check "crates: nothing outside" test ! -e "$work/out/out" -a ! -e "$work/out/beta-0.2.1"
lines '- kind: local' '  path: files' '- kind: cargo' '  cargo-lock: sub/Cargo.lock' | bad
check "lock file: absent" fails SOURCE "" "Failed to find Cargo.lock file at: sub/Cargo.lock" source track bad.bst
printf 'version = 3\n[[package]\n' >"$work/project/files/broken.lock"
lines '- kind: local' '  path: files' '- kind: cargo2' '  cargo-lock: broken.lock' | bad
check "lock file: malformed" fails SOURCE "" "line 2, column 10: a header without an end" source track bad.bst
printf '[[package]]\nname = "a"\nversion = "1"\nsource = "svn+x"\n' >"$work/project/files/broken.lock"
check "lock file: an unknown source" fails SOURCE "" "Unkown source kind 'svn' for crate a" source track bad.bst
printf '[[package]]\nname = "a"\nsource = "registry+x"\n' >"$work/project/files/broken.lock"
check "lock file: half a package" fails SOURCE "" "Malformed Cargo.lock file at: broken.lock" source track bad.bst
lines '- kind: cargo' | bad
check "crates: cannot be first" not works show bad.bst
rm "$work/project/files/broken.lock"

# ---- crates of git
export GIT_AUTHOR_NAME=T GIT_AUTHOR_EMAIL=t@example.com GIT_COMMITTER_NAME=T GIT_COMMITTER_EMAIL=t@example.com
git_crate() { # COMMIT [NAME]: a source of that crate
	lines '- kind: local' '  path: files' '- kind: cargo2' '  git-mirrors:' "    https://git.example: 'ftp:'" '  ref:' '  - kind: git' \
		"    name: ${2-gamma}" '    version: 0.1.0' '    repo: https://git.example/gamma' "    commit: $1" '    query:' '      branch: main'
}
commit_gamma() {
	git -C "$work/served/gamma" add -A && git -C "$work/served/gamma" commit -qm gamma && git -C "$work/served/gamma" rev-parse HEAD
}
git init -q "$work/served/gamma"
mkdir "$work/served/gamma/src"
printf '[package]\nname = "gamma"\nversion = "0.1.0"\n' >"$work/served/gamma/Cargo.toml"
echo '// gamma' >"$work/served/gamma/src/lib.rs"
gamma=$(commit_gamma)
# An alias named like a scheme is an alias all the same.
project "aliases:
  ftp: file://$work/served"
git_crate "$gamma" | element gamma
check "git crate: sources" sources gamma
check "git crate: what" listing_is "$work/out" <<'END'
d .cargo
f .cargo/config.toml
d .vendored-crates
d .vendored-crates/gamma-0.1.0
f .vendored-crates/gamma-0.1.0/.cargo-checksum.json
f .vendored-crates/gamma-0.1.0/Cargo.toml
d .vendored-crates/gamma-0.1.0/src
f .vendored-crates/gamma-0.1.0/src/lib.rs
f Cargo.lock
END
check "git crate: checksum" file_is "$work/out/.vendored-crates/gamma-0.1.0/.cargo-checksum.json" '{"files": {}, "package": null}'
git_crate "$gamma" other | bad
check "git crate: of another name" fails SOURCE "" "Crate other 0.1.0 of https://git.example/gamma at commit '$gamma': not found in root manifest" source fetch bad.bst
# of a workspace: what the member inherits is written into its manifest, as BuildStream's plugin writes it
python3 "$here/registry.py" "$work/served" workspace
workspace=$(commit_gamma)
for name in gamma inner implied; do
	git_crate "$workspace" $name | element workspace
	check "workspace: sources of $name" sources workspace
	check "workspace: manifest of $name" diff -u "$here/workspace-$name.toml" "$work/out/.vendored-crates/$name-0.1.0/Cargo.toml"
done
git_crate "$workspace" inner | element workspace
check "workspace: sources" sources workspace
check "workspace: only the member" listing_is "$work/out/.vendored-crates" <<'END'
d inner-0.1.0
f inner-0.1.0/.cargo-checksum.json
f inner-0.1.0/Cargo.toml x
f inner-0.1.0/lib.rs
END
for name in hidden outside; do
	git_crate "$workspace" $name | bad
	check "workspace: no member $name" fails SOURCE "" "Crate $name 0.1.0 of https://git.example/gamma at commit '$workspace': neither found in root nor workspace manifests" source fetch bad.bst
done
change() { # TEXT FILE: a commit with this at the end of the file
	echo "$1" >>"$work/served/gamma/$2"
	commit_gamma
}
git_crate "$(change 'readme.workspace = true' crates/other/Cargo.toml)" other | bad
check "workspace: nothing to inherit for the package" fails SOURCE "" "Failed to inherit 'package.readme' in crate's Cargo.toml" source fetch bad.bst
git_crate "$(change '[dependencies]
absent.workspace = true' crates/other/Cargo.toml)" other | bad
check "workspace: nothing to inherit for a dependency" fails SOURCE "" "Failed to inherit dependency information for 'absent'" source fetch bad.bst
git_crate "$(change '[broken' crates/other/Cargo.toml)" inner | bad
check "workspace: a broken member" fails SOURCE "" "malformed crates/other/Cargo.toml: line 7" source fetch bad.bst
git_crate nonsense | bad
check "git crate: no commit" fails SOURCE "" "at commit 'nonsense': this is not 40 lower-case hexadecimal digits" source fetch bad.bst
git_crate "${gamma:0:39}x" | bad
check "git crate: not quite a commit" fails SOURCE "" "this is not 40 lower-case hexadecimal digits" source fetch bad.bst
git_crate "${other:0:40}" | bad
check "git crate: a commit that is not there" fails SOURCE "" "" source fetch bad.bst
mirrored_project

# ---- cpan
lines '- kind: cpan' "  index: 'web:'" '  name: Some::Thing' '- kind: cpan' '  directory: z' "  index: 'web:'" '  name: Zipped' | element cpan
check "cpan: track" works source track cpan.bst
check "cpan: the ref" has cpan <<END
  name: Some::Thing
  suffix: authors/id/S/SO/SOME/Some-Thing-1.2.tar.gz
  sha256sum: $(sha256 "$work/served/authors/id/S/SO/SOME/Some-Thing-1.2.tar.gz")
- kind: cpan
END
check "cpan: sources" sources cpan
check "cpan: what" listing_is "$work/out" <<'END'
d pkg
f pkg/a.py
l pkg/link a.py
f setup.py x
d z
f z/link
f z/run
d z/sub
f z/sub/file
END
lines '- kind: cpan' "  index: 'web:'" '  name: Nobody' | bad
check "cpan: unknown" fails SOURCE "" "\"Nobody\" not found in $url/" source track bad.bst
lines '- kind: cpan' "  index: 'web:'" '  name: Gone' | bad
check "cpan: 404" fails SOURCE "" "Gone-1.tar.gz: HTTP Error 404" source track bad.bst
lines '- kind: cpan' "  index: 'web:absent/'" '  name: Gone' | bad
check "cpan: no listing" fails SOURCE "" "HTTP Error 404" source track bad.bst
mkdir -p "$work/served/odd/modules"
head -c 60 "$work/served/modules/02packages.details.txt.gz" >"$work/served/odd/modules/02packages.details.txt.gz"
lines '- kind: cpan' "  index: 'web:odd/'" '  name: Gone' | bad
check "cpan: half a listing" fails SOURCE archive-damaged "damaged or truncated" source track bad.bst
project "ref-storage: project.refs
aliases:
  web: $url/"
lines '- kind: cpan' "  index: 'web:'" '  name: Some::Thing' | element refs
check "cpan: track into project.refs" works source track refs.bst
check "cpan: project.refs" file_is "$work/project/project.refs" "projects:
  test:
    refs.bst:
    - suffix: authors/id/S/SO/SOME/Some-Thing-1.2.tar.gz
      sha256sum: $(sha256 "$work/served/authors/id/S/SO/SOME/Some-Thing-1.2.tar.gz")"
check "cpan: fetch from there" works source fetch refs.bst
rm "$work/project/project.refs" "$work/project/elements/refs.bst"
project "aliases:
  web: $url/"

# ---- pypi
python() {
	lines '- kind: pypi' '  url: web:packages/' "  name: $1"
}
{
	python pony-time
	python pony-time
	lines '  directory: pre' '  prereleases: True'
	python pony-time
	lines '  directory: in' '  include: ["1.*"]' '  exclude: ["1.1?"]'
} | element pypi
check "pypi: track" works source track pypi.bst
check "pypi: the newest" has pypi <<END
  name: pony-time
  ref:
    sha256sum: $(sha256 "$work/served/packages/aa/bb/pony_time-1.10.tar.gz")
    suffix: aa/bb/pony_time-1.10.tar.gz
END
check "pypi: a prerelease" grep -q 'suffix: aa/bb/pony_time-2.0rc1.tar.gz' "$work/project/elements/pypi.bst"
check "pypi: filtered" grep -q 'suffix: aa/bb/pony_time-1.9.zip' "$work/project/elements/pypi.bst"
check "pypi: sources" sources pypi
check "pypi: what" listing_is "$work/out" <<'END'
d in
f in/link
f in/run
d in/sub
f in/sub/file
d pkg
f pkg/a.py
l pkg/link a.py
d pre
d pre/pkg
f pre/pkg/a.py
l pre/pkg/link a.py
f pre/setup.py x
f setup.py x
END
{
	python pony-time
	lines '  include: ["9*"]'
} | bad
check "pypi: none wanted" works source track bad.bst
check "pypi: says so" said "No matching release found"
python nothing | bad
check "pypi: no files" fails SOURCE "" "Cannot find any tracking for nothing" source track bad.bst
python broken | bad
check "pypi: not JSON" fails SOURCE "" "did not answer with the files of a package in JSON" source track bad.bst
python absent | bad
check "pypi: 404" fails SOURCE "" "simple/absent: HTTP Error 404" source track bad.bst
echo 500 >"$work/served/simple/pony-time.status"
python pony-time | bad
check "pypi: 500" fails SOURCE "" "simple/pony-time: HTTP Error 500" source track bad.bst
finish
