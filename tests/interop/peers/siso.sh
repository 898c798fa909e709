#!/bin/bash
# Siso, Chromium's build tool, as Debian ships it.
source "$(dirname "$(readlink -f "$0")")/lib.sh"
# shellcheck source=tests/interop/peers/debian.sh
source "$here/debian.sh"
unchanged "$here/debian.sh" && exit 0
started
debian_fetch sid siso
debian_programs siso
finished
