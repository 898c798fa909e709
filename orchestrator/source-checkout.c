/* source-checkout.c - see source-checkout.h */
#include "source-checkout.h"
#include "kind.h"
#include "element-private.h"

#include <string.h>

char *source_checkout_folder(const Element *element)
{
    const Project *toplevel = session_toplevel(element->project->session);
    char *folder = element_normal_name(element);
    for (const Project *project = element->project; project != toplevel; project = project->junction->project) {
        g_autofree char *inner = folder, *outer = element_normal_name(project->junction);
        folder = g_strconcat(outer, "/", inner, NULL);
    }
    return folder;
}

/* ---- Scripts ---------------------------------------------------------------------------------------------------------------------- */

static void append_assignment(GString *out, const char *name, const char *value)
{
    g_autofree char *quoted = g_shell_quote(value != NULL ? value : "");
    g_string_append_printf(out, "%s=%s\n", name, quoted);
}

static void append_commands(GString *out, const Element *element)
{
    static const char *const steps[] = {"configure-commands", "build-commands", "install-commands", "strip-commands"};
    for (gsize i = 0; i < G_N_ELEMENTS(steps); i++) {
        const Node *commands = node_find(element->config, steps[i]);
        for (gsize j = 0; j < node_size(commands); j++) {
            g_string_append_printf(out, "(set -ex; %s\n) || exit 1\n", node_text(node_at(commands, j)));
        }
    }
}

static char *element_script(const Element *element)
{
    g_autofree char *name = element_normal_name(element), *folder = source_checkout_folder(element);
    GString *out = g_string_new(
        "#!/bin/sh\n# Builds one element from its sources and installs it; made by `source checkout`.\nset -e\n");
    append_assignment(out, "name", name);
    append_assignment(out, "folder", folder);
    append_assignment(out, "build_root", element_variable(element, "build-root"));
    append_assignment(out, "install_root", element_variable(element, "install-root"));
    g_string_append(out, "echo \"Building $name\"\n"
                         "rm -rf \"$build_root\" \"$install_root\"\n"
                         "mkdir -p \"$build_root\" \"$install_root\"\n"
                         "if [ -d \"$SRCDIR/$folder\" ]; then cp -a \"$SRCDIR/$folder/.\" \"$build_root\"; fi\n"
                         "cd \"$build_root\"\n");
    for (gsize i = 0; i < node_size(element->environment); i++) {
        g_string_append(out, "export ");
        append_assignment(out, node_key_at(element->environment, i), node_text(node_value_at(element->environment, i)));
    }
    append_commands(out, element);
    g_string_append(out, "rm -rf \"$build_root\"\n"
                         "echo \"Installing $name\"\n"
                         "(cd \"$install_root\" && find . | cpio -umdp /)\n");
    return g_string_free(out, FALSE);
}

static char *master_script(Element *const *elements, gsize count)
{
    GString *out =
        g_string_new("#!/bin/sh\n# Builds all elements, one after the other; made by `source checkout`.\nset -eu\n"
                     "export PATH=/usr/bin:/usr/sbin:/sbin:/bin:/tools/bin:/tools/sbin\n"
                     "export SRCDIR=./source\nfor module in");
    for (gsize i = 0; i < count; i++) {
        g_autofree char *name = element_normal_name(elements[i]), *quoted = g_shell_quote(name);
        g_string_append_printf(out, " %s", quoted);
    }
    g_string_append(out, "; do\n"
                         "\t\"$SRCDIR/build-$module\" || { echo \"Error building module $module\" >&2; exit 1; }\n"
                         "\tif [ -e /sbin/ldconfig ]; then /sbin/ldconfig || true; fi\n"
                         "done\n");
    return g_string_free(out, FALSE);
}

static gboolean add_script(const SourceContext *context, SluiceTree *tree, const char *path, const char *text,
                           GError **error)
{
    SluiceDigest digest;
    return sluice_store_put(context->store, text, strlen(text), NULL, &digest, error) &&
           sluice_tree_add_file(tree, path, &digest, TRUE, error);
}

static gboolean add_scripts(Element *const *elements, gsize count, const SourceContext *context, SluiceTree *tree,
                            GError **error)
{
    for (gsize i = 0; i < count; i++) {
        if ((elements[i]->flags & KIND_BUILD_ELEMENT) == 0) {
            continue;
        }
        g_autofree char *name = element_normal_name(elements[i]), *text = element_script(elements[i]);
        g_autofree char *path = g_strconcat("/build-", name, NULL);
        if (!add_script(context, tree, path, text, error)) {
            return FALSE;
        }
    }
    g_autofree char *all = master_script(elements, count);
    return add_script(context, tree, "/build.sh", all, error);
}

/* ---- All of it -------------------------------------------------------------------------------------------------------------------- */

gboolean source_checkout_stage(Element *const *elements, gsize count, gboolean scripts, const SourceContext *context,
                               SluiceDigest *root, GError **error)
{
    g_autoptr(SluiceTree) tree = sluice_tree_new(context->store);
    for (gsize i = 0; i < count; i++) {
        SluiceDigest sources;
        if (elements[i]->n_sources == 0) {
            continue;
        }
        g_autofree char *folder = source_checkout_folder(elements[i]);
        if (!sources_stage(elements[i], context, &sources, error) || !sluice_tree_make_directory(tree, folder, error) ||
            !sluice_tree_merge(tree, folder, &sources, NULL, NULL, error)) {
            return FALSE;
        }
    }
    return (!scripts || add_scripts(elements, count, context, tree, error)) && sluice_tree_commit(tree, root, error);
}
