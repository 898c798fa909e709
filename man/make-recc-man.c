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
         "A setting is looked for in the environment, and then in the files of recc (\\fBFILES\\fR), in which its name "
         "is without \\fBRECC_\\fR and in any case.  "
         "The first place that has it counts, also if it is empty there.  A switch is on if it is not empty: \\fB0\\fR "
         "and \\fBfalse\\fR switch it on.  "
         "A list has commas between.  Variables that are not here are no mistake, and have no effect.");
    print_variables(RECC_HONOURED);
    puts(".SS \"Without a sandbox around\"\nInside of one it is known where results are kept, and these have no "
         "effect.");
    print_variables(RECC_REMOTE_ONLY);
    puts(".SS \"Without effect\"\nThese are accepted for the sake of those who use them with recc.  Here is why "
         "nothing comes of them:");
    print_variables(RECC_IGNORED);
    puts(".SH FILES\n"
         "In this order: \\fIrecc/recc.conf\\fR below the working directory, \\fI$RECC_CONFIG_DIRECTORY/recc.conf\\fR, "
         "\\fI~/.recc/recc.conf\\fR, "
         "\\fI/etc/recc/recc.conf\\fR.  They have lines of \\fIname\\fR=\\fIvalue\\fR, without blanks around the "
         "\\fB=\\fR; those that begin with \\fB#\\fR are comments.");
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
