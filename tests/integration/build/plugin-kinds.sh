#!/bin/bash
# What the kinds of buildstream-plugins-community make: the files that BuildStream 2.8.1 makes of the same elements.
here=$(dirname "$0")
# shellcheck source=tests/integration/build/lib.sh
source "$here/lib.sh"

new_project "plugins:
- origin: pip
  package-name: buildstream-plugins-community
  elements: [cargo, check_forbidden, collect_integration, collect_manifest, flatpak_image, flatpak_repo, makemaker,
    modulebuild, pyproject, qmake]
- origin: local
  path: plugins
  elements: [collect_initial_scripts]
variables: {arch: x86_64, branch: '1'}"
mkdir -p "$work/project/plugins" "$work/project/files/tree/usr/"{bin,include,share/doc} "$work/project/files/tree/"{etc,app}
cd "$work/project/files/tree"
echo hi >usr/bin/hi
chmod 755 usr/bin/hi
ln -s bin/hi usr/link
echo header >usr/include/h.h
echo doc >usr/share/doc/d
echo conf >etc/conf
echo app >app/a
cd - >/dev/null

# A program that writes what it was called with: stands for those that the kinds run.
recorder() { # NAME…
	local name
	mkdir -p "$work/project/files/programs/usr/bin"
	for name in "$@"; do
		cat >"$work/project/files/programs/usr/bin/$name" <<-'END'
			#!/bin/sh
			folder=${RECORD:-.}
			mkdir -p "$folder"
			echo "${0##*/} $*" >>"$folder/calls"
		END
		chmod 755 "$work/project/files/programs/usr/bin/$name"
	done
}
recorder appstreamcli cargo flatpak make ostree perl python qmake

element tree.bst <<'END'
kind: import
sources:
- kind: local
  path: files/tree
public:
  bst:
    integration-commands:
    - ldconfig "%{prefix}"
    - |
      for i in 1 2; do
        echo $i
      done
  initial-script:
    script: |
      #!/bin/sh
      chown -R root "${1}"
END
element sub/more.x.bst <<'END'
kind: import
runtime-depends: [tree.bst]
sources:
- kind: local
  path: files/tree/etc
config:
  target: /etc/more
public:
  bst:
    integration-commands: []
  initial-script:
    script: echo more
END
element filter.bst <<'END'
kind: filter
build-depends: [tree.bst]
config:
  include: [runtime]
  pass-integration: True
public:
  bst:
    integration-commands: [own]
END
element stack.bst <<'END'
kind: stack
depends: [filter.bst, sub/more.x.bst]
END
element tools.bst <<'END'
kind: import
runtime-depends: [base.bst]
sources:
- kind: local
  path: files/programs
END

# ---- collect_integration
element integration.bst <<'END'
kind: collect_integration
build-depends: [stack.bst]
config:
  script-path: '%{prefix}/libexec/post.sh'
END
check "collect_integration builds" builds integration.bst
check "collect_integration: checkout" checkout integration.bst --deps none
check "collect_integration: one script, commands of filtered elements in front of the filter's" file_is "$work/out/usr/libexec/post.sh" '#!/bin/sh
set -e

# integration commands from filter.bst
ldconfig "/usr"

for i in 1 2; do
  echo $i
done

own

# integration commands from tree.bst
ldconfig "/usr"

for i in 1 2; do
  echo $i
done

# integration commands from sub/more.x.bst'
check "collect_integration: executable" test -x "$work/out/usr/libexec/post.sh"
element integration-ignore.bst <<'END'
kind: collect_integration
build-depends: [stack.bst]
config:
  script-path: post.sh
  ignore: [filter.bst, tree.bst]
END
check "collect_integration: ignore" builds integration-ignore.bst
check "collect_integration: checkout without what is ignored" checkout integration-ignore.bst --deps none
check "collect_integration: the rest" file_is "$work/out/post.sh" $'#!/bin/sh\nset -e\n\n# integration commands from sub/more.x.bst'

# ---- collect_initial_scripts
element scripts.bst <<'END'
kind: collect_initial_scripts
build-depends: [stack.bst]
config:
  path: /etc//initial/
END
check "collect_initial_scripts builds" builds scripts.bst
check "collect_initial_scripts: checkout" checkout scripts.bst --deps none
check "collect_initial_scripts: one file each, in staging order" test "$(ls "$work/out/etc/initial")" = $'001-tree_bst\n002-sub_more_x_bst'
check "collect_initial_scripts: text" file_is "$work/out/etc/initial/001-tree_bst" $'#!/bin/sh\nchown -R root "${1}"'
check "collect_initial_scripts: executable" test -x "$work/out/etc/initial/002-sub_more_x_bst"

# ---- check_forbidden
element allowed.bst <<'END'
kind: check_forbidden
build-depends: [stack.bst]
config:
  forbidden: [scripts.bst]
END
check "check_forbidden: nothing forbidden" builds allowed.bst
check "check_forbidden: makes nothing" checkout allowed.bst --deps none
check "check_forbidden: empty" test -z "$(ls "$work/out")"
element forbidden.bst <<'END'
kind: check_forbidden
build-depends: [stack.bst]
config:
  forbidden: [tree.bst]
END
sluice build forbidden.bst
check "check_forbidden: below a stack" error_is ELEMENT ""
check "check_forbidden: says so" contains "$work/output" "Some elements were forbidden"
check "check_forbidden: by which way, from below" contains "$work/output" "WARNING sub-more.x depends on tree"
check "check_forbidden: by which way, on top" contains "$work/output" "WARNING stack depends on sub-more.x"

# ---- flatpak_image
element image.bst <<'END'
kind: flatpak_image
build-depends:
- tree.bst
- filename: tools.bst
  config:
    location: /tools
config:
  directory: '%{prefix}'
  exclude: [devel]
  metadata:
    Runtime:
      name: org.example.Platform/%{arch}
      text: |
        one
        two
      empty: ''
      percent: 5%% of
    Environment: {}
    DEFAULT:
      lib: lib
    Extension org.example.Debug:
      directory: '%(lib)s/debug'
END
check "flatpak_image builds" builds image.bst
check "flatpak_image: checkout" checkout image.bst --deps none
check "flatpak_image: layout" test "$(cd "$work/out" && find . | LC_ALL=C sort)" = ".
./files
./files/bin
./files/bin/hi
./files/etc
./files/etc/conf
./files/lib
./files/lib/debug
./files/link
./files/share
./files/share/doc
./files/share/doc/d
./metadata"
check "flatpak_image: metadata as configparser writes it" file_is "$work/out/metadata" '[DEFAULT]
lib = lib

[Runtime]
name = org.example.Platform/x86_64
text = one
	two
empty = 
percent = 5%% of

[Environment]

[Extension org.example.Debug]
directory = %(lib)s/debug'
element application.bst <<'END'
kind: flatpak_image
build-depends:
- tree.bst
- filename: tools.bst
  config:
    location: /
environment:
  RECORD: /buildstream/install
config:
  directory: /app
  component-ids: [org.example.First, org.example.Last]
  metadata:
    Application: {}
END
check "flatpak_image: an application with components" builds application.bst
check "flatpak_image: checkout of the application" checkout application.bst --deps none
check "flatpak_image: no etc in an application, a folder for exports" test "$(cd "$work/out" && find . | LC_ALL=C sort | tr '\n' ' ')" = ". ./calls ./export ./files ./files/a ./metadata "
check "flatpak_image: the last component is composed, as by the plugin" file_is "$work/out/calls" \
	"appstreamcli compose --components org.example.Last --result-root /buildstream/install --prefix /app --data-dir /buildstream/allfiles/app/share --origin org.example.Last /buildstream/allfiles"
element extension.bst <<'END'
kind: flatpak_image
build-depends: [tree.bst]
config:
  directory: /usr/share/
  metadata:
    Runtime: {}
    ExtensionOf: {ref: x}
    Extension nowhere: {}
END
sluice build extension.bst
check "flatpak_image: an extension without directory" error_is ELEMENT ""
check "flatpak_image: says which option of which section" contains "$work/output" "No option 'directory' in section: 'Extension nowhere'"

# ---- flatpak_repo
element images.bst <<'END'
kind: stack
depends: [application.bst]
END
element repo.bst <<'END'
kind: flatpak_repo
build-depends:
- tools.bst
- filename: image.bst
  config: {flatpak-image: True}
- filename: images.bst
  config: {flatpak-stack: True, branch: beta}
environment:
  RECORD: /buildstream/repo
config:
  copy-refs:
  - {src: a, dest: b}
END
check "flatpak_repo builds" builds repo.bst
check "flatpak_repo: checkout" checkout repo.bst --deps none
check "flatpak_repo: its programs are called in order" file_is "$work/out/calls" "ostree init --repo=/buildstream/repo --mode=archive
flatpak build-export --files=files --arch=x86_64 /buildstream/repo /buildstream/input/image 1
flatpak build-export --files=files --arch=x86_64 /buildstream/repo /buildstream/input/application beta
flatpak build-commit-from --src-ref=a /buildstream/repo b"

# ---- collect_manifest
element manifest.bst <<'END'
kind: collect_manifest
build-depends: [sub/more.x.bst]
config:
  path: '%{prefix}/manifest.json'
END
check "collect_manifest builds" builds manifest.bst
check "collect_manifest: checkout" checkout manifest.bst --deps none
check "collect_manifest: modules in staging order" file_is "$work/out/usr/manifest.json" '{
  "//NOTE": "This is a generated manifest from buildstream files and not usable by flatpak-builder",
  "modules": [
    {
      "name": "tree.bst",
      "x-cpe": {
        "product": "tree"
      },
      "sources": [
        {
          "type": "dir",
          "path": "files/tree",
          "x-cpe": {
            "product": "tree"
          }
        }
      ]
    },
    {
      "name": "sub/more.x.bst",
      "x-cpe": {
        "product": "more.x"
      },
      "sources": [
        {
          "type": "dir",
          "path": "files/tree/etc",
          "x-cpe": {
            "product": "etc"
          }
        }
      ]
    }
  ]
}'
check "collect_manifest: no newline at the end, as Python writes it" test "$(tail -c 1 "$work/out/usr/manifest.json")" = "}"
element spdx.bst <<'END'
kind: collect_manifest
build-depends: [manifest.bst]
config:
  path: spdx.json
  output-type: spdx
  spdx-info: {name: all, creators: ['Tool: x'], created: 1700000000}
END
check "collect_manifest: SPDX of what another manifest collected" builds spdx.bst
check "collect_manifest: checkout of SPDX" checkout spdx.bst --deps none
check "collect_manifest: package" contains "$work/out/spdx.json" '"SPDXID": "SPDXRef-test-sub-more.x-0"'
check "collect_manifest: creation" contains "$work/out/spdx.json" '"created": "2023-11-14T22:13:20Z"'
element unmatched.bst <<'END'
kind: import
sources:
- kind: local
  path: files/tree
public:
  cpe: {version-match: 'v(\d+)'}
END
element manifest-unmatched.bst <<'END'
kind: collect_manifest
build-depends: [unmatched.bst]
END
sluice build manifest-unmatched.bst
check "collect_manifest: a pattern that nothing matches" error_is ELEMENT ""
check "collect_manifest: says which" contains "$work/output" 'did not match anything'

# ---- kinds that are only defaults
for kind in cargo makemaker modulebuild pyproject qmake; do
	{
		printf 'kind: %s\nbuild-depends: [tools.bst]\nenvironment:\n  RECORD: "%%{install-root}"\n' "$kind"
		case $kind in
		cargo) printf 'variables:\n  cargo-install-local: --features all\nconfig:\n  install-commands: ["%%{cargo-install}"]\n' ;;
		modulebuild) printf 'sources:\n- kind: local\n  path: files/programs/usr/bin\nconfig:\n  configure-commands:\n    (>): [cp perl Build]\n' ;;
		esac
	} | element "$kind.bst"
	check "$kind builds" builds "$kind.bst"
	check "$kind: checkout" checkout "$kind.bst" --deps none
	cp "$work/out/calls" "$work/$kind.calls" || true
done
check "cargo: its commands" contains "$work/cargo.calls" "cargo install --jobs "
check "cargo: its flags" contains "$work/cargo.calls" " --features all --frozen --path . --root /buildstream-install/usr"
check "makemaker: its commands" file_is "$work/makemaker.calls" $'perl Makefile.PL PREFIX=/usr DESTDIR=/buildstream-install\nmake \nmake pure_install'
check "modulebuild: its commands" file_is "$work/modulebuild.calls" $'perl Build.PL --prefix /buildstream-install/usr\nBuild \nBuild pure_install'
check "pyproject: its commands" file_is "$work/pyproject.calls" \
	$'python -P -mbuild --no-isolation --wheel --outdir /buildstream/test/pyproject.bst/dist .\npython -P -minstaller /buildstream/test/pyproject.bst/dist/*.whl --destdir /buildstream-install'
check "qmake: its commands" file_is "$work/qmake.calls" $'qmake -makefile .\nmake \nmake -j1 INSTALL_ROOT=/buildstream-install install'

finish
