#include "control/certificate_metrics.h"

#include <stdlib.h>

#include "admin/metrics.h"
#include "config/config.h"
#include "tls/context.h"

static void
add(struct metrics *metrics, const struct config_listener *listener,
    const char *setting, const char *file, size_t at)
{
	metrics->certificates[metrics->certificate_count++] =
		(struct metrics_certificate){
			.listener = listener->name,
			.setting = setting,
			.file = file,
			.not_after = tls_context_not_after(
				listener->tls_context, at),
		};
}

static void
add_files(struct metrics *metrics, const struct config_listener *listener)
{
	const struct string_list *files = &listener->tls.certificate;

	for (size_t i = 0; i < files->count; i++)
		add(metrics, listener, "tls.certificate", files->items[i], i);
	if (*listener->tls.client_ca)
		add(metrics, listener, "tls.client_ca", listener->tls.client_ca,
		    files->count);
}

bool
certificate_metrics_fill(const struct config *config, struct metrics *metrics)
{
	size_t files = 0;

	for (size_t i = 0; i < config->listener_count; i++)
		files += config->listeners[i].settings->tls.certificate.count +
			 1; /* client_ca */
	/* Not 0: calloc(3) could return NULL then. */
	metrics->certificates =
		calloc(files + 1, sizeof(*metrics->certificates));
	if (!metrics->certificates)
		return false;
	for (size_t i = 0; i < config->listener_count; i++)
		if (config->listeners[i].settings->tls_context)
			add_files(metrics, config->listeners[i].settings);
	return true;
}
