/* What an index of Python packages answers: what is found is a digest and a URL. */
#include "pypi-index.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const include[] = {"*", NULL}, *const exclude[] = {"0*", NULL};
    const PypiFilter filter = {size % 2 == 0, include, exclude};
    g_autofree char *url = NULL, *sha256 = NULL;
    PypiResult result = pypi_index_find((const char *)data, size, &filter, &url, &sha256);
    if ((result == PYPI_FOUND) != (url != NULL && sha256 != NULL && strlen(sha256) == 64)) {
        abort();
    }
    return 0;
}
