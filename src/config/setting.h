/*
 * setting: one setting of libconfig's tree into its member of a snapshot, by the
 * type of its option (config/schema.h).  What does not fit is added to the errors, with
 * line and path, and leaves the member as it was.
 */
#ifndef ECHOD_CONFIG_SETTING_H
#define ECHOD_CONFIG_SETTING_H

#include <libconfig.h>

#include "config/schema.h"

struct error_list;

/* A setting on its way; all of it is borrowed. */
struct setting_reading {
	const struct schema_option *option;
	config_setting_t *setting;
	const char *path; /* names it in errors */
	void *member; /* holds a value, whose memory is freed for the new one */
	struct error_list *errors;
};

void setting_read(const struct setting_reading *reading);

/* For errors: where it stands, and what it is, as "an integer". */
int setting_line(const config_setting_t *setting);
const char *setting_type_name(const config_setting_t *setting);

#endif
