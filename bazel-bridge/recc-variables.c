/* Every variable of recc 1.4, with what is done with it here.  The manual's table is made of this. */
#include "recc-config.h"

#include <string.h>

static const ReccVariable variables[] = {
    {"ACCESS_TOKEN_PATH", RECC_TEXT, RECC_REMOTE_ONLY, "a file with the bearer token for the server"},
    {"ACTION_CACHE_INSTANCE", RECC_TEXT, RECC_REMOTE_ONLY, "instance name for the action cache"},
    {"ACTION_CACHE_SERVER", RECC_TEXT, RECC_REMOTE_ONLY, "URL of the action cache"},
    {"ACTION_SALT", RECC_TEXT, RECC_KEYED, "any text"},
    {"ACTION_UNCACHEABLE", RECC_SWITCH, RECC_PASSES, "results are not kept, and not taken"},
    {"AUTH_UNCONFIGURED_MSG", RECC_TEXT, RECC_IGNORED, "the messages are our own"},
    {"CACHE_ONLY", RECC_SWITCH, RECC_DONE, "what is not in the cache is compiled here, with it or without"},
    {"CACHE_UPLOAD_FAILED_BUILD", RECC_SWITCH, RECC_IGNORED, "failures are never kept"},
    {"CACHE_UPLOAD_LOCAL_BUILD", RECC_SWITCH, RECC_REMOTE_ONLY,
     "what was compiled here is kept in the server's cache as well"},
    {"CAS_DIGEST_FUNCTION", RECC_TEXT, RECC_IGNORED, "SHA256 is the only one that there is"},
    {"CAS_GET_CAPABILITIES", RECC_SWITCH, RECC_IGNORED, "the server is always asked what it can do"},
    {"CAS_INSTANCE", RECC_TEXT, RECC_REMOTE_ONLY, "instance name for the CAS"},
    {"CAS_SERVER", RECC_TEXT, RECC_REMOTE_ONLY, "URL of the CAS"},
    {"CLANG_SCAN_DEPS", RECC_TEXT, RECC_IGNORED, "dependencies are learned from the compile itself"},
    {"CLIENT_CERT", RECC_TEXT, RECC_REMOTE_ONLY, "our certificate for the server (PEM)"},
    {"CLIENT_KEY", RECC_TEXT, RECC_REMOTE_ONLY, "its key (PEM)"},
    {"COMPILATION_DATABASE", RECC_TEXT, RECC_IGNORED, "dependencies are learned from the compile itself"},
    {"COMPILATION_METADATA_UDP_PORT", RECC_NUMBER, RECC_IGNORED, "see recc-stats"},
    {"COMPILE_CACHE_ONLY", RECC_SWITCH, RECC_DONE, "the same"},
    {"COMPILE_REMOTE_PLATFORM", RECC_MAP, RECC_KEYED, "platform properties of compiles"},
    {"CONFIG_DIRECTORY", RECC_TEXT, RECC_REMOTE_ONLY, "where a recc.conf is; of the environment only"},
    {"CORRELATED_INVOCATIONS_ID", RECC_TEXT, RECC_IGNORED, "there are no requests of one compile"},
    {"DEPS_DIRECTORY_OVERRIDE", RECC_TEXT, RECC_IGNORED, "dependencies are learned from the compile itself"},
    {"DEPS_ENV", RECC_MAP, RECC_IGNORED, "no command is run to find dependencies"},
    {"DEPS_EXCLUDE_PATHS", RECC_LIST, RECC_IGNORED, "whatever was read is in the key"},
    {"DEPS_EXTRA_SYMLINKS", RECC_LIST, RECC_IGNORED, "symbolic links are found by themselves"},
    {"DEPS_GLOBAL_PATHS", RECC_SWITCH, RECC_IGNORED, "all headers are in the key, always"},
    {"DEPS_OVERRIDE", RECC_LIST, RECC_IGNORED, "dependencies are learned from the compile itself"},
    {"DONT_SAVE_OUTPUT", RECC_SWITCH, RECC_PASSES, "recc leaves no output where it has a result; the compiler does"},
    {"ENABLE_METRICS", RECC_SWITCH, RECC_IGNORED, "see recc-stats"},
    {"ENV_TO_READ", RECC_LIST, RECC_KEYED, "names of variables that are in the key, too"},
    {"FALLBACK_TO_LOCAL", RECC_SWITCH, RECC_IGNORED, "what goes wrong here always ends in a compile without us"},
    {"FORCE_REMOTE", RECC_SWITCH, RECC_IGNORED, "what is not known to be safe is run by itself"},
    {"IGNORE_FAILURE_RESULT", RECC_SWITCH, RECC_IGNORED, "failures are never taken from a cache"},
    {"INSTANCE", RECC_TEXT, RECC_REMOTE_ONLY, "instance name"},
    {"INVALID_INPUT_PATHS_REGEX", RECC_LIST, RECC_KEYED,
     "expressions (as Perl has them): what is made of a source or header whose name, as it was given or absolute, has "
     "a match is not kept, and not taken (refused-input)"},
    {"KEEPALIVE_TIME", RECC_NUMBER, RECC_REMOTE_ONLY, "seconds between pings"},
    {"LINK", RECC_SWITCH, RECC_IGNORED, "links are run by themselves"},
    {"LINK_CACHE_ONLY", RECC_SWITCH, RECC_IGNORED, "links are run by themselves"},
    {"LINK_INSTANCE", RECC_TEXT, RECC_IGNORED, "links are run by themselves"},
    {"LINK_METRICS_ONLY", RECC_SWITCH, RECC_IGNORED, "see recc-stats"},
    {"LINK_REMOTE_PLATFORM", RECC_MAP, RECC_IGNORED, "links are run by themselves"},
    {"LOG_DIRECTORY", RECC_TEXT, RECC_IGNORED,
     "there is no log, and nothing else on standard error than the compiler's"},
    {"LOG_LEVEL", RECC_TEXT, RECC_IGNORED, "there is no log, and nothing else on standard error than the compiler's"},
    {"LOG_PROGRESS", RECC_SWITCH, RECC_IGNORED,
     "there is no log, and nothing else on standard error than the compiler's"},
    {"LOG_STDERR_DIRECTORY", RECC_TEXT, RECC_IGNORED,
     "there is no log, and nothing else on standard error than the compiler's"},
    {"MAX_THREADS", RECC_NUMBER, RECC_IGNORED, "the launcher has one thread"},
    {"METRICS_FILE", RECC_TEXT, RECC_IGNORED, "see recc-stats"},
    {"METRICS_TAG", RECC_MAP, RECC_IGNORED, "see recc-stats"},
    {"METRICS_UDP_SERVER", RECC_TEXT, RECC_IGNORED, "see recc-stats"},
    {"MIN_THROUGHPUT", RECC_TEXT, RECC_IGNORED, "a request has REQUEST_TIMEOUT"},
    {"NO_EXECUTE", RECC_SWITCH, RECC_PASSES, "recc asks nobody"},
    {"NO_PATH_REWRITE", RECC_SWITCH, RECC_IGNORED,
     "results are used in other folders only where the folder does not show"},
    {"OUTPUT_DIRECTORIES_OVERRIDE", RECC_LIST, RECC_IGNORED, "outputs are known from the command line"},
    {"OUTPUT_FILES_OVERRIDE", RECC_LIST, RECC_IGNORED, "outputs are known from the command line"},
    {"PASSTHROUGH", RECC_SWITCH, RECC_PASSES, "runs the command, and nothing else"},
    {"PREFIX_MAP", RECC_TEXT, RECC_IGNORED, "results are used in other folders only where the folder does not show"},
    {"PRESERVE_ENV", RECC_SWITCH, RECC_KEYED, "the whole environment is in the key, but for variables of recc"},
    {"PROJECT_ROOT", RECC_TEXT, RECC_IGNORED,
     "in sandboxes the build folder is in its place; outside, results are used in folders of the same name"},
    {"REAPI_VERSION", RECC_TEXT, RECC_IGNORED, "it is found out"},
    {"REMOTE_ENV", RECC_MAP, RECC_KEYED, "environment of actions; here the compiler has its own"},
    {"REMOTE_PLATFORM", RECC_MAP, RECC_KEYED, "platform properties of actions"},
    {"REQUEST_TIMEOUT", RECC_NUMBER, RECC_REMOTE_ONLY, "seconds"},
    {"RETRY_DELAY", RECC_NUMBER, RECC_REMOTE_ONLY, "milliseconds before the first repetition"},
    {"RETRY_LIMIT", RECC_NUMBER, RECC_REMOTE_ONLY, "how often a request is repeated"},
    {"RUNNER_COMMAND", RECC_TEXT, RECC_IGNORED, "compilers are run as they are"},
    {"SCAN_DEPS_PARALLELISM", RECC_NUMBER, RECC_IGNORED, "dependencies are learned from the compile itself"},
    {"SERVER", RECC_TEXT, RECC_REMOTE_ONLY, "URL of all services that are not named by themselves"},
    {"SERVER_AUTH_GOOGLEAPI", RECC_SWITCH, RECC_IGNORED, "not offered: use ACCESS_TOKEN_PATH"},
    {"SERVER_CERT", RECC_TEXT, RECC_REMOTE_ONLY, "certificates of the authorities to trust (PEM)"},
    {"SERVER_SSL", RECC_SWITCH, RECC_IGNORED, "the URL says it: grpcs: or https:"},
    {"SKIP_CACHE", RECC_SWITCH, RECC_DONE,
     "nothing is looked up; what the compiler makes then is kept in the place of what was known"},
    {"STATSD_FORMAT", RECC_TEXT, RECC_IGNORED, "see recc-stats"},
    {"TOOL_INVOCATION_ID", RECC_TEXT, RECC_IGNORED, "there are no requests of one compile"},
    {"USE_JOBSERVER", RECC_SWITCH, RECC_IGNORED, "a job keeps its slot"},
    {"USE_LOCALCAS", RECC_SWITCH, RECC_IGNORED, "nothing is hashed twice as it is"},
    {"VERBOSE", RECC_SWITCH, RECC_IGNORED, "there is no log, and nothing else on standard error than the compiler's"},
    {"VERIFY", RECC_SWITCH, RECC_DONE,
     "the compiler runs also where its outcome is known, and both are compared, messages left out (verify-same, "
     "verify-differs), but not gcc's precompiled headers, of which no two are equal; what it makes now is kept"},
    {"WORKING_DIR_PREFIX", RECC_TEXT, RECC_IGNORED, "nothing is executed elsewhere"},
};

const ReccVariable *recc_variables(gsize *count)
{
    *count = G_N_ELEMENTS(variables);
    return variables;
}

/* The longest name counts: COMPILE_REMOTE_PLATFORM_x is not COMPILE_… */
const ReccVariable *recc_variable_find(const char *name)
{
    const ReccVariable *found = NULL;
    for (gsize i = 0; i < G_N_ELEMENTS(variables); i++) {
        const ReccVariable *variable = &variables[i];
        gsize length = strlen(variable->name);
        if (g_ascii_strncasecmp(name, variable->name, length) != 0)
            continue;
        gboolean fits =
            variable->kind == RECC_MAP ? name[length] == '_' && name[length + 1] != '\0' : name[length] == '\0';
        if (fits && (found == NULL || length > strlen(found->name)))
            found = variable;
    }
    return found;
}

static gboolean is_treated(const char *setting, ReccTreatment treatment)
{
    static const char prefix[] = "RECC_";
    const char *equals = strchr(setting, '=');
    if (!g_str_has_prefix(setting, prefix) || equals == NULL || equals[1] == '\0')
        return FALSE;
    const char *begin = setting + strlen(prefix);
    g_autofree char *name = g_strndup(begin, (gsize)(equals - begin));
    const ReccVariable *variable = recc_variable_find(name);
    return variable != NULL && variable->treatment == treatment;
}

char **recc_variables_dup(char *const *environment, ReccTreatment treatment)
{
    GPtrArray *found = g_ptr_array_new();
    for (; *environment != NULL; environment++) {
        if (is_treated(*environment, treatment))
            g_ptr_array_add(found, g_strdup(*environment));
    }
    g_ptr_array_add(found, NULL);
    return (char **)g_ptr_array_free(found, FALSE);
}
