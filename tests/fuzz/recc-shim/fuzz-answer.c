/* What a proxy answers to the compiler launcher, through a socket as it comes. */
#include "recc.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool condition)
{
    if (!condition)
        abort();
}

static void check_answer(const ReccAnswer *answer, size_t size)
{
    check(answer->verdict == RECC_RUN || answer->verdict == RECC_HIT || answer->verdict == RECC_LEARN);
    check(answer->n_outputs <= RECC_OUTPUTS_MAX && (answer->verdict != RECC_HIT || answer->n_outputs > 0));
    uint8_t sum = 0;
    check(answer->n_errors <= size);
    for (size_t i = 0; i < answer->n_errors; i++)
        sum ^= answer->errors[i];
    (void)sum; /* read, where a sanitizer watches */
    for (size_t i = 0; i < answer->n_outputs; i++)
        check(*answer->outputs[i].path != '\0' && strlen(answer->outputs[i].path) <= size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int pair[2];
    ReccAnswer answer;
    if (size > 64 << 10 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return 0;
    check(send(pair[0], data, size, 0) == (ssize_t)size);
    shutdown(pair[0], SHUT_WR);
    bool good = recc_receive_answer(pair[1], &answer);
    if (good)
        check_answer(&answer, size);
    for (size_t i = 0; i < answer.n_outputs; i++)
        free(answer.outputs[i].path);
    free(answer.errors);
    close(pair[0]);
    close(pair[1]);
    return 0;
}
