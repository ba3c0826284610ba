/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <math.h>
#include <string.h>

#include "core/growth.h"

#define FARTHEST_S (366.0 * 86400) /* what is further off is not foretold */

static bool goes_on(const struct mv_growth_fit *fit)
{
	return (fit->state == MV_GROWTH_GROWS || fit->state == MV_GROWTH_STEPS) && fit->slope > 0;
}

static struct mv_growth_forecast foretell(struct mv_val limit, struct mv_val used,
					  const struct mv_growth_fit *fit)
{
	struct mv_growth_forecast f = {.why = limit.why, .limit = limit.value, .used = used.value};

	if (!mv_have(&limit))
		return f;
	f.why = used.why;
	if (!mv_have(&used))
		return f;
	f.why = MV_WHY_NOT_HERE;
	if (!goes_on(fit))
		return f;
	double left = limit.value > used.value ? (double)(limit.value - used.value) : 0;
	f.in_s = left / fit->slope;
	f.early_s = fit->slope_high > 0 ? left / fit->slope_high : f.in_s;
	f.late_s = fit->slope_low > 0 && left / fit->slope_low < FARTHEST_S ? left / fit->slope_low : 0;
	f.why = f.in_s < FARTHEST_S ? MV_WHY_HAVE : MV_WHY_NOT_HERE;
	return f;
}

void mv_growth_forecast(const struct mv_growth *growth, const struct mv_snapshot *snap,
			struct mv_growth_forecast forecasts[static MV_LIMIT__N])
{
	const struct mv_growth_track *process = mv_growth_process(growth);
	struct mv_growth_fit none = {0};
	const struct mv_growth_fit *held = process ? &process->fit : &none;

	forecasts[MV_LIMIT_CGROUP] = foretell(snap->figure[MV_FIG_LIMIT], snap->figure[MV_FIG_USAGE], held);
	forecasts[MV_LIMIT_ADDRESS_SPACE] =
	    foretell(snap->limits.address_bytes, snap->figure[MV_FIG_SIZE], mv_growth_size_fit(growth));
	forecasts[MV_LIMIT_AVAILABLE] = foretell(snap->limits.available_bytes, mv_val_of(0), held);
}

enum mv_growth_limit mv_growth_nearest(const struct mv_growth_forecast forecasts[static MV_LIMIT__N])
{
	enum mv_growth_limit nearest = MV_LIMIT__N;

	for (unsigned i = 0; i < MV_LIMIT__N; i++)
		if (forecasts[i].why == MV_WHY_HAVE &&
		    (nearest == MV_LIMIT__N || forecasts[i].in_s < forecasts[nearest].in_s))
			nearest = (enum mv_growth_limit)i;
	return nearest;
}

void mv_growth_time_build(struct mv_build *b, double seconds)
{
	if (seconds < 99.5)
		mv_build_fmt(b, "%.0f s", seconds);
	else if (seconds < 595)
		mv_build_fmt(b, "%.1f min", seconds / 60);
	else if (seconds < 99.5 * 60)
		mv_build_fmt(b, "%.0f min", seconds / 60);
	else if (seconds < 36 * 3600)
		mv_build_fmt(b, "%.1f h", seconds / 3600);
	else
		mv_build_fmt(b, "%.0f days", seconds / 86400);
}

void mv_growth_rate_build(struct mv_build *b, double per_second)
{
	static const struct {
		double seconds;
		struct mv_clean words;
	} spans[] = {{1, {"/s"}}, {60, {"/min"}}, {3600, {"/h"}}};
	double rate = fabs(per_second);
	size_t i = 0;

	while (i + 1 < MV_COUNT_OF(spans) && rate * spans[i].seconds < 1024)
		i++;
	rate *= spans[i].seconds;
	if (per_second < 0)
		mv_build_clean(b, MV_TEXT("-"));
	if (rate < 1000)
		mv_build_fmt(b, "%.0f B", rate);
	else if (rate < 1000.0 * 1024)
		mv_build_fmt(b, rate < 10 * 1024 ? "%.1f KiB" : "%.0f KiB", rate / 1024);
	else if (rate < 1000.0 * 1024 * 1024)
		mv_build_fmt(b, rate < 10.0 * 1024 * 1024 ? "%.2f MiB" : "%.0f MiB", rate / (1024 * 1024));
	else
		mv_build_fmt(b, "%.2f GiB", rate / (1024.0 * 1024 * 1024));
	mv_build_clean(b, spans[i].words);
}

bool mv_growth_forecast_build(struct mv_build *b, enum mv_growth_limit limit,
			      const struct mv_growth_forecast *f)
{
	static const struct mv_clean names[MV_LIMIT__N] = {
	    {"the cgroup's limit ("}, {"RLIMIT_AS ("}, {"MemAvailable ("}};
	struct mv_build early, late;

	if (f->why != MV_WHY_HAVE)
		return false;
	mv_build_clean(b, names[limit]);
	mv_build_size(b, f->limit);
	mv_build_clean(b, limit == MV_LIMIT_AVAILABLE ? MV_TEXT(") used up in ") : MV_TEXT(") reached in "));
	mv_growth_time_build(b, f->in_s);
	mv_build_init(&early);
	mv_build_init(&late);
	mv_growth_time_build(&early, f->early_s);
	if (f->late_s > 0)
		mv_growth_time_build(&late, f->late_s);
	else
		mv_build_clean(&late, MV_TEXT("never"));
	if (strcmp(early.text, late.text) == 0)
		return true;
	mv_build_clean(b, MV_TEXT(" ("));
	mv_build_clean(b, mv_build_text(&early));
	mv_build_clean(b, MV_TEXT(" to "));
	mv_build_clean(b, mv_build_text(&late));
	mv_build_clean(b, MV_TEXT(")"));
	return true;
}
