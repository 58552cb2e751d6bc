#include "admin/page.h"

/* Generated from status.html by embed. */
#include "admin/page.inc"
