/*
 * source-debian.c - `kind: debian`: a root made of Debian packages: configuration, ref and key.
 *
 *   suite: bookworm            or suites: [bookworm, bookworm-security]; the newest version of each package over all
 *   components: [main]
 *   architecture: amd64        default: this machine's
 *   packages: [build-essential, …]
 *   exclude: []                never taken; what depends on them does without
 *   include-essential: true    the packages marked Essential too
 *   dependencies: true         and everything that the packages depend on
 *   recommends: false          and what they recommend
 *   mirror: URL                default: the alias `debian`, that is, what the system's apt is configured for
 *   keyring: PATH              default: that of Debian; relative paths are the project's
 *   check-valid-until: true    indices that have expired are an error
 *   merge-usr: true            bin, lib, … are links into usr
 *
 * The ref is a list of packages, each with name, version, architecture, path, size and sha256.  The key is made of what the packages are, not of where they come from.
 */
#include "debian-depends.h"
#include "debian-private.h"
#include "debian-verify.h"
#include "debian-version.h"
#include "element.h"
#include "source-kinds.h"

#include <string.h>
#include <sys/utsname.h>

#define PINS_MAX 100000

static const char *host_architecture(void)
{
    static const struct {
        const char *machine, *debian;
    } names[] = {{"x86_64", "amd64"}, {"aarch64", "arm64"},   {"i686", "i386"},          {"i386", "i386"},
                 {"armv7l", "armhf"}, {"armv8l", "armhf"},    {"ppc64le", "ppc64el"},    {"riscv64", "riscv64"},
                 {"s390x", "s390x"},  {"mips64", "mips64el"}, {"loongarch64", "loong64"}};
    struct utsname host;
    uname(&host);
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        if (strcmp(names[i].machine, host.machine) == 0) {
            return names[i].debian;
        }
    }
    return "amd64";
}

static gboolean bad(const Node *node, const char *what, const char *text, GError **error)
{
    error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(node), "%s: '%s'", what, text);
    return FALSE;
}

/* Words of a list: each must be a name, slashes allowed where a suite or component has them. */
static gboolean check_names(const Node *config, const char *key, const char *const *names, gboolean slashes,
                            GError **error)
{
    const Node *node = node_find(config, key);
    for (gsize i = 0; names != NULL && names[i] != NULL; i++) {
        g_autofree char *plain = g_strdup(names[i]);
        if (slashes) {
            g_strdelimit(plain, "/", '-');
        }
        if (!debian_name_is_valid(plain, strlen(plain)) || strstr(names[i], "..") != NULL) {
            g_autofree char *what = g_strdup_printf("Not a name that `%s` can have", key);
            return bad(node != NULL && node_type(node) == NODE_SEQUENCE ? node_at(node, i) : config, what, names[i],
                       error);
        }
    }
    return TRUE;
}

static gboolean get_suites(Source *source, Debian *debian, const Node *config, GError **error)
{
    Arena *arena = source_arena(source);
    const char *suite = NULL;
    if (!node_get_string(config, "suite", &suite, error) ||
        !node_get_strings(config, "suites", arena, &debian->suites, error)) {
        return FALSE;
    }
    if ((suite != NULL) == (debian->suites != NULL)) {
        error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(config),
                  "A debian source needs one of `suite` and `suites`");
        return FALSE;
    }
    if (suite != NULL) {
        const char **list = arena_alloc(arena, 2 * sizeof *list);
        list[0] = suite;
        debian->suites = list;
    }
    if (debian->suites[0] == NULL) {
        error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(config), "`suites` is empty");
        return FALSE;
    }
    return check_names(config, suite != NULL ? "suite" : "suites", debian->suites, TRUE, error);
}

static gboolean get_lists(Source *source, Debian *debian, const Node *config, GError **error)
{
    static const char *const main_only[] = {"main", NULL}, *const none[] = {NULL};
    Arena *arena = source_arena(source);
    debian->components = main_only;
    debian->packages = debian->exclude = none;
    return get_suites(source, debian, config, error) &&
           node_get_strings(config, "components", arena, &debian->components, error) &&
           node_get_strings(config, "packages", arena, &debian->packages, error) &&
           node_get_strings(config, "exclude", arena, &debian->exclude, error) &&
           check_names(config, "components", debian->components, TRUE, error) &&
           check_names(config, "packages", debian->packages, FALSE, error) &&
           check_names(config, "exclude", debian->exclude, FALSE, error);
}

static gboolean get_switches(Debian *debian, const Node *config, GError **error)
{
    debian->essential = debian->dependencies = debian->check_valid_until = debian->merge_usr = TRUE;
    return node_get_bool(config, "include-essential", &debian->essential, error) &&
           node_get_bool(config, "dependencies", &debian->dependencies, error) &&
           node_get_bool(config, "recommends", &debian->recommends, error) &&
           node_get_bool(config, "check-valid-until", &debian->check_valid_until, error) &&
           node_get_bool(config, "merge-usr", &debian->merge_usr, error);
}

static gboolean debian_configure(Source *source, const Node *config, GError **error)
{
    static const char *const keys[] = {"suite",        "suites",     "components", "architecture",      "packages",
                                       "exclude",      "recommends", "mirror",     "include-essential", "keyring",
                                       "dependencies", "merge-usr",  "ref",        "check-valid-until", NULL};
    Debian *debian = arena_new_of(source_arena(source), Debian);
    const char *keyring = NULL;
    source->data = debian;
    debian->architecture = host_architecture();
    if (!node_check_keys(config, keys, error) || !get_lists(source, debian, config, error) ||
        !get_switches(debian, config, error) ||
        !node_get_string(config, "architecture", &debian->architecture, error) ||
        !node_get_string(config, "mirror", &debian->mirror, error) ||
        !node_get_string(config, "keyring", &keyring, error)) {
        return FALSE;
    }
    const char *const architecture[] = {debian->architecture, NULL};
    if (!check_names(config, "architecture", architecture, FALSE, error)) {
        return FALSE;
    }
    debian->keyring = DEBIAN_KEYRING;
    if (keyring != NULL) {
        debian->keyring = keyring[0] == '/' ? keyring
                                            : arena_printf(source_arena(source), "%s/%s",
                                                           project_directory(source_project(source)), keyring);
    }
    return TRUE;
}

/* ---- Ref --------------------------------------------------------------------------------------------------------------------------- */

static gboolean load_pin(const Node *node, DebianPin *pin, GError **error)
{
    static const char *const keys[] = {"name", "version", "architecture", "path", "size", "sha256", NULL};
    SluiceDigest digest;
    pin->size = -1;
    if (node_type(node) != NODE_MAPPING) {
        return bad(node, "A ref of a debian source is a list of packages, each a mapping; this is a",
                   node_type_name(node), error);
    }
    if (!node_check_keys(node, keys, error) || !node_need_string(node, "name", &pin->name, error) ||
        !node_need_string(node, "version", &pin->version, error) ||
        !node_need_string(node, "architecture", &pin->architecture, error) ||
        !node_need_string(node, "path", &pin->path, error) || !node_need_string(node, "sha256", &pin->sha256, error) ||
        !node_get_int(node, "size", &pin->size, error)) {
        return FALSE;
    }
    if (!debian_name_is_valid(pin->name, strlen(pin->name))) {
        return bad(node, "Not the name of a package", pin->name, error);
    }
    if (!debian_version_is_valid(pin->version)) {
        return bad(node, "Not a version", pin->version, error);
    }
    if (!debian_path_is_safe(pin->path)) {
        return bad(node, "Not a path below an archive", pin->path, error);
    }
    if (!sluice_digest_parse_hex(pin->sha256, strlen(pin->sha256), 0, &digest, NULL)) {
        return bad(node, "Not a SHA-256 (64 lower-case hexadecimal digits)", pin->sha256, error);
    }
    return pin->size >= 0 || bad(node, "A package without a size", pin->name, error);
}

static gboolean debian_load_ref(Source *source, const Node *ref, GError **error)
{
    Debian *debian = source->data;
    debian->pins = NULL;
    debian->n_pins = 0;
    if (ref == NULL) {
        return TRUE;
    }
    if (node_type(ref) != NODE_SEQUENCE || node_size(ref) > PINS_MAX) {
        return bad(ref, "A ref of a debian source is a list of packages, not a", node_type_name(ref), error);
    }
    gsize count = node_size(ref);
    DebianPin *pins = arena_alloc(source_arena(source), (count + 1) * sizeof *pins);
    for (gsize i = 0; i < count; i++) {
        if (!load_pin(node_at(ref, i), &pins[i], error)) {
            return FALSE;
        }
    }
    debian->pins = pins;
    debian->n_pins = count;
    return TRUE;
}

static Json *debian_unique_key(Source *source, Arena *arena, GError **error)
{
    const Debian *debian = source->data;
    Json *key = json_object(arena), *packages = json_array(arena);
    for (gsize i = 0; i < debian->n_pins; i++) {
        const DebianPin *pin = &debian->pins[i];
        Json *package = json_array(arena);
        json_append(package, json_string(arena, pin->name));
        json_append(package, json_string(arena, pin->version));
        json_append(package, json_string(arena, pin->architecture));
        json_append(package, json_string(arena, pin->sha256));
        json_append(packages, package);
    }
    json_set(key, "layout", json_int(arena, DEBIAN_LAYOUT));
    json_set(key, "merge-usr", json_bool(arena, debian->merge_usr));
    json_set(key, "packages", packages);
    return key;
}

const SourceKind source_kind_debian = {
    .name = "debian",
    .has_ref = TRUE,
    .configure = debian_configure,
    .load_ref = debian_load_ref,
    .unique_key = debian_unique_key,
    .track = debian_track,
    .fetch = debian_fetch,
    .stage = debian_stage,
};
