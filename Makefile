# A thin front: the real build is meson's.  Each goal installs the Debian packages it lacks and says so.
#
#   make         build into build/; the programs are in build/bin/
#   make demo    build, then run the example: real Bazel in a sandbox of pinned Debian packages
#   make check   build, then run every test and static check
#   make bench   build, then measure against the native run and the peers
#   make install [DESTDIR=…] [PREFIX=/usr/local]

BUILD ?= build
PREFIX ?= /usr/local

.PHONY: all demo check bench install clean
all:
	@scripts/build $(BUILD)
demo: all
	@scripts/demo $(BUILD)
check: all
	@scripts/check $(BUILD)
bench: all
	@scripts/bench $(BUILD)
install: all
	@meson configure $(BUILD) -Dprefix=$(PREFIX) >/dev/null
	@meson install -C $(BUILD) --no-rebuild
clean:
	rm -rf $(BUILD)
