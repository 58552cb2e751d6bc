#include "probe/load.h"

#include <math.h>

uint64_t
load_quota(const struct load *load, unsigned index)
{
	if (load->count == 0)
		return UINT64_MAX;
	return load->count / load->peers + (index < load->count % load->peers);
}

int64_t
load_time(const struct load *load, uint64_t k)
{
	double after = (double)k * 1e9 / load->rate;

	if ((load->count > 0 && k >= load->count) ||
	    after >= (double)(INT64_MAX - load->begin))
		return INT64_MAX;
	return load->begin + (int64_t)llround(after);
}

uint64_t
load_due(const struct load *load, int64_t now)
{
	uint64_t due;

	if (now < load->begin)
		return 0;
	due = (uint64_t)((double)(now - load->begin) * load->rate / 1e9);
	if (load->count > 0 && due > load->count)
		due = load->count;
	/* What is rounded here must not contradict load_time(). */
	while (load_time(load, due) <= now)
		due++;
	while (due > 0 && load_time(load, due - 1) > now)
		due--;
	return due;
}

int64_t
load_time_of(const struct load *load, unsigned index, uint64_t j)
{
	return load_time(load, j * load->peers + index);
}

uint64_t
load_due_of(const struct load *load, unsigned index, uint64_t due)
{
	return due / load->peers + (index < due % load->peers);
}
