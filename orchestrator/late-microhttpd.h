/*
 * late-microhttpd.h - libmicrohttpd's functions as libmicrohttpd->NAME: see late.h.
 */
#pragma once

#include <microhttpd.h>

/* clang-format off */
#define LATE_MICROHTTPD(F) \
    F(add_response_header) \
    F(create_response_from_buffer) \
    F(destroy_response) \
    F(queue_response) \
    F(start_daemon) \
    F(stop_daemon)
/* clang-format on */

typedef struct {
#define LATE_MEMBER(name) __typeof__(&MHD_##name) name;
    LATE_MICROHTTPD(LATE_MEMBER)
#undef LATE_MEMBER
} LateMicrohttpd;

const LateMicrohttpd *late_microhttpd(void);
#define libmicrohttpd late_microhttpd()
