/*
 * page: status.html, as it is sent to browsers.
 */
#ifndef ECHOD_ADMIN_PAGE_H
#define ECHOD_ADMIN_PAGE_H

#include <stddef.h>

extern const unsigned char page_html[];
extern const size_t page_html_size;

/* The Content-Security-Policy under which its own script and style run. */
extern const char page_policy[];

#endif
