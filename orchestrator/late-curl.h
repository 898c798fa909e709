/*
 * late-curl.h - libcurl's functions as libcurl->NAME: see late.h.
 */
#pragma once

#include <curl/curl.h>

/* clang-format off */
#define LATE_CURL(F) \
    F(easy_cleanup) \
    F(easy_getinfo) \
    F(easy_init) \
    F(easy_setopt) \
    F(easy_strerror) \
    F(global_init) \
    F(multi_add_handle) \
    F(multi_cleanup) \
    F(multi_info_read) \
    F(multi_init) \
    F(multi_perform) \
    F(multi_poll) \
    F(multi_remove_handle) \
    F(multi_setopt) \
    F(slist_append) \
    F(slist_free_all)
/* clang-format on */

typedef struct {
#define LATE_MEMBER(name) __typeof__(&curl_##name) name;
    LATE_CURL(LATE_MEMBER)
#undef LATE_MEMBER
} LateCurl;

const LateCurl *late_curl(void);
#define libcurl late_curl()
