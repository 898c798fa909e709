/*
 * Prints the manual page of recc: the given text, with the table of variables where it says so.
 *
 *   make-recc-man VERSION recc.roff
 */
#include "recc-config.h"

#include <stdio.h>
#include <string.h>

#define PLACE ".\\\" variables\n"

static const char *kind_name(ReccKind kind)
{
    switch (kind) {
    case RECC_SWITCH:
        return "switch";
    case RECC_NUMBER:
        return "number";
    case RECC_LIST:
        return "list";
    case RECC_TEXT:
    case RECC_MAP:
        break;
    }
    return "text";
}

/* roff takes a "-" for a hyphen, and a dot or a quote at the beginning of a line for itself. */
static void print_text(const char *text)
{
    for (; *text != '\0'; text++)
        printf(*text == '-' ? "\\-" : *text == '\\' ? "\\e" : "%c", *text);
}

static void print_variables(ReccTreatment treatment)
{
    gsize count;
    const ReccVariable *variables = recc_variables(&count);
    for (gsize i = 0; i < count; i++) {
        if (variables[i].treatment != treatment)
            continue;
        printf(".TP\n.BR RECC_%s%s \" (%s)\"\n\\&", variables[i].name,
               variables[i].kind == RECC_MAP ? "_\\fIkey\\fP" : "", kind_name(variables[i].kind));
        print_text(variables[i].meaning);
        puts(".");
    }
}

static void print_section(void)
{
    puts(".SH VARIABLES\n"
         "With one of these in the environment, and not empty, the launcher runs the compiler and does nothing else:");
    print_variables(RECC_PASSES);
    puts("\n.PP\nSo it does where one has a value that recc would not take.  "
         "Other variables of recc, and its files (\\fIrecc/recc.conf\\fR, \\fI~/.recc/recc.conf\\fR and so on), are no "
         "mistake; files are read by the daemon only, for the server.\n"
         ".SS \"With effect\"\nOn, if they are not empty:");
    print_variables(RECC_DONE);
    puts(".SS \"In the key\"\nWith another value of these, or without, another result is looked for; so they "
         "keep results apart:");
    print_variables(RECC_KEYED);
    puts(".SS \"Without a sandbox around\"\nThe daemon looks for these in its environment (that of the compile which "
         "starts it) and in recc's "
         "files, "
         "when it starts.  In a sandbox it is known where results are kept:");
    print_variables(RECC_REMOTE_ONLY);
    puts(".SS \"Without effect\"\nHere is why nothing comes of these:");
    print_variables(RECC_IGNORED);
}

int main(int argc, char **argv)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    if (argc != 3 || !g_file_get_contents(argv[2], &text, NULL, &error)) {
        fprintf(stderr, "usage: %s VERSION recc.roff\n", argv[0]);
        return 2;
    }
    char *place = strstr(text, PLACE);
    if (place == NULL) {
        fprintf(stderr, "%s: there is no line %s", argv[2], PLACE);
        return 1;
    }
    *place = '\0';
    printf(".TH RECC 1 \"\" \"sluice %s\"\n%s", argv[1], text);
    print_section();
    fputs(place + strlen(PLACE), stdout);
    return 0;
}
