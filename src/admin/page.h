/*
 * page: the status page: status.html, embedded at build time, with the name of
 * the host and a plain table for browsers without scripts.
 */
#ifndef ECHOD_ADMIN_PAGE_H
#define ECHOD_ADMIN_PAGE_H

#include <stddef.h>

/* The Content-Security-Policy: it allows only the page's script and style. */
extern const char page_policy[];

/*
 * The page.  `metrics` is a text of admin/metrics.h.  The table has a row for
 * each sample that is not zero, except buckets of histograms; a name that the
 * row above has, too, is left out.  The caller frees the page.  NULL: out of
 * memory.
 */
char *page_format(const char *metrics, size_t *length);

#endif
