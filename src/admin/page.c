#include "admin/page.h"

/* Made of status.html by embed. */
#include "admin/page.inc"
