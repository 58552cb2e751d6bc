/*
 * page: the bytes of status.html, as browsers get them.
 */
#ifndef ECHOD_ADMIN_PAGE_H
#define ECHOD_ADMIN_PAGE_H

#include <stddef.h>

extern const unsigned char page_html[];
extern const size_t page_html_size;

/* The Content-Security-Policy that allows its own script and style only. */
extern const char page_policy[];

#endif
