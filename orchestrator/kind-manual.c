/*
 * kind-manual.c - the build element as it is.
 */
#include "kind.h"
#include "kinds-table.h"

const ElementKind element_kind_manual = {
    .name = "manual",
    .defaults = "config:\n"
                "  configure-commands: []\n"
                "  build-commands: []\n"
                "  install-commands: []\n"
                "  strip-commands: [\"%{strip-binaries}\"]\n",
    .flags = KIND_BUILD_ELEMENT_FLAGS,
    .configure = build_element_configure,
    .configure_dependencies = build_element_configure_dependencies,
    .unique_key = build_element_unique_key,
    .assemble = build_element_assemble,
};
