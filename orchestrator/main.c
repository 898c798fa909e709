/* main.c - the program */
#include "app.h"

int main(int argc, char **argv)
{
    return app_main(SLUICE_VERSION, argc, argv);
}
