/*
 * page: the status page: the bytes of status.html, embedded at build time.
 */
#ifndef ECHOD_ADMIN_PAGE_H
#define ECHOD_ADMIN_PAGE_H

#include <stddef.h>

extern const unsigned char page_html[];
extern const size_t page_html_size;

/* The Content-Security-Policy: it allows only the page's script and style. */
extern const char page_policy[];

#endif
