#include "page.h"

/* Made of status.html by src/embed. */
#include "page.inc"
