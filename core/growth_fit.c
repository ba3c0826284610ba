/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <math.h>
#include <stdlib.h>

#include "core/growth.h"

/*
 * What a history amounts to. First the ups and downs: where much is given back again and again, only the
 * troughs tell. Then steps: rises with pauses between them. Then the last bend: what goes on now is what
 * comes after it. Its slope is the median of the slopes between its points.
 */

#define LEAST_SAMPLES 6
#define LEAST_SECONDS 8.0
#define FIT_POINTS    48
#define FIT_PAIRS     (FIT_POINTS * (FIT_POINTS - 1) / 2)
#define TURNS	      64
#define BENDS	      4
#define PAUSES	      2.5 /* the last pause is that many times the longest before: it is none */

struct slope {
	double value, low, high;
	double wide_low,
	    wide_high; /* taking into account that what wanders is not independent from look to look */
	bool have;
};

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
	qsort(values, n, sizeof(*values), compare);
	return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

/* Half the width, in ranks, of where the median of the slopes lies with 95 %. */
static double rank_spread(const struct mv_growth_sample *s, const size_t *at, size_t n)
{
	double variance = 0;

	for (size_t i = 0; i < n;) {
		size_t first = i;

		while (i < n && s[at[i]].segment == s[at[first]].segment)
			i++;
		double k = (double)(i - first);
		variance += k * (k - 1) * (2 * k + 5) / 18;
	}
	return 1.96 * sqrt(variance);
}

/*
 * How much wider the range is for points that hang together: sqrt((1 + r) / (1 - r)), r the correlation of
 * each point's distance from the line with that of the next.
 */
static double widening(const struct mv_growth_sample *s, const size_t *at, size_t n, double slope)
{
	double off[FIT_POINTS], mean = 0, all = 0, next = 0;

	for (size_t i = 0; i < n; i++) {
		off[i] = s[at[i]].value - slope * s[at[i]].at_s;
		mean += off[i] / (double)n;
	}
	for (size_t i = 0; i < n; i++) {
		all += (off[i] - mean) * (off[i] - mean);
		next += i ? (off[i] - mean) * (off[i - 1] - mean) : 0;
	}
	/* Less than a page is rounding. */
	if (all / (double)n < 4096.0 * 4096 || next <= 0)
		return 1;
	double r = next / all > 0.9 ? 0.9 : next / all;
	return sqrt((1 + r) / (1 - r));
}

/* The slopes at both ends of a range of ranks about the median. */
static void range_of(const double *slopes, size_t pairs, double spread, double *ret_low, double *ret_high)
{
	double low = ((double)pairs - spread) / 2, high = ((double)pairs + spread) / 2;

	*ret_low = slopes[low > 0 ? (size_t)low : 0];
	*ret_high = slopes[high < (double)pairs - 1 ? (size_t)ceil(high) : pairs - 1];
}

/* Theil and Sen's, over at most 48 of the points; pairs of one segment alone. */
static struct slope slope_of(const struct mv_growth_sample *s, size_t n)
{
	double slopes[FIT_PAIRS];
	size_t at[FIT_POINTS], points = n < FIT_POINTS ? n : FIT_POINTS, pairs = 0;

	for (size_t i = 0; i < points; i++)
		at[i] = points > 1 ? i * (n - 1) / (points - 1) : 0;
	for (size_t i = 0; i < points; i++)
		for (size_t j = i + 1; j < points; j++) {
			const struct mv_growth_sample *a = &s[at[i]], *b = &s[at[j]];

			if (a->segment == b->segment && b->at_s > a->at_s)
				slopes[pairs++] = (b->value - a->value) / (b->at_s - a->at_s);
		}
	if (!pairs)
		return (struct slope){0};
	struct slope slope = {.value = median(slopes, pairs), .have = true};
	double spread = rank_spread(s, at, points);
	range_of(slopes, pairs, spread, &slope.low, &slope.high);
	range_of(slopes, pairs, spread * widening(s, at, points, slope.value), &slope.wide_low,
		 &slope.wide_high);
	return slope;
}

/* How far the points lie off a line of that slope: 1.48 times the median distance, as sigma is of noise. */
static double noise_of(const struct mv_growth_sample *s, size_t n, double slope)
{
	double off[MV_GROWTH_SAMPLES];
	size_t points = n < MV_GROWTH_SAMPLES ? n : MV_GROWTH_SAMPLES;

	for (size_t i = 0; i < points; i++)
		off[i] = s[i].value - slope * s[i].at_s;
	double middle = median(off, points);
	for (size_t i = 0; i < points; i++)
		off[i] = fabs(off[i] - middle);
	return 1.4826 * median(off, points);
}

/* ---- ups and downs ---- */

struct turns {
	struct mv_growth_sample
	    trough[TURNS]; /* the newest ones; the beginning, if it went up from there, is the first */
	double fall[TURNS];
	size_t troughs, falls;
	double rise;	  /* before the first fall */
	double peak;	  /* before the last fall */
	size_t trough_at; /* index of the last trough; it may still sink */
};

static void note_trough(struct turns *t, const struct mv_growth_sample *s, double low)
{
	struct mv_growth_sample trough = *s;

	trough.value = low;
	if (t->troughs == TURNS) {
		for (size_t i = 1; i < TURNS; i++)
			t->trough[i - 1] = t->trough[i];
		t->troughs--;
	}
	t->trough[t->troughs++] = trough;
}

/* Falls of `swing` and more from what was highest before, and rises of as much from what was lowest. */
static void find_turns(const struct mv_growth_sample *s, size_t n, double swing, struct turns *t)
{
	double top = s[0].value, bottom = s[0].value;
	size_t top_at = 0, bottom_at = 0;
	bool down = false, up = false;

	*t = (struct turns){0};
	for (size_t i = 1; i < n; i++) {
		if (!down && top - s[i].low >= swing) {
			if (!t->falls && top_at) {
				note_trough(t, &s[bottom_at], bottom);
				t->rise = top - bottom;
			}
			t->fall[t->falls++ % TURNS] = top - s[i].low;
			t->peak = top;
			down = true;
			up = false;
			bottom = s[i].low;
			bottom_at = t->trough_at = i;
			continue;
		}
		if (down && s[i].high - bottom >= swing) {
			note_trough(t, &s[bottom_at], bottom);
			down = false;
			up = true;
			top = s[i].high;
			top_at = i;
			continue;
		}
		if (down && s[i].low < bottom) {
			t->fall[(t->falls - 1) % TURNS] = t->peak - s[i].low;
			bottom = s[i].low;
			bottom_at = t->trough_at = i;
		}
		if (!down && s[i].high > top) {
			top = s[i].high;
			top_at = i;
		}
		if (!down && !up && !t->falls && s[i].low < bottom) {
			bottom = s[i].low;
			bottom_at = i;
		}
	}
}

/* Do the troughs rise (1) or sink (-1), by far more than they differ? */
static int troughs_lead(const struct turns *t, double least, double fall)
{
	size_t up = 0, down = 0;

	for (size_t i = 0; i < t->troughs; i++)
		for (size_t j = i + 1; j < t->troughs; j++) {
			bool same = t->trough[i].segment == t->trough[j].segment;

			up += same && t->trough[j].value > t->trough[i].value;
			down += same && t->trough[j].value < t->trough[i].value;
		}
	if (t->troughs < 3)
		return 0;
	struct slope slope = slope_of(t->trough, t->troughs);
	double all = (double)(up + down), span = t->trough[t->troughs - 1].at_s - t->trough[0].at_s;
	if (!slope.have || all < 3 || fabs(slope.value) * span < fmax(least, fall / 4))
		return 0;
	return (double)up >= 0.8 * all ? 1 : (double)down >= 0.8 * all ? -1 : 0;
}

static void fit_troughs(const struct mv_growth_sample *s, size_t n, struct turns *t, double least,
			double range, struct mv_growth_fit *fit)
{
	double falls[TURNS];
	size_t kept = t->falls < TURNS ? t->falls : TURNS;

	for (size_t i = 0; i < kept; i++)
		falls[i] = t->fall[i];
	fit->falls = (uint32_t)t->falls;
	fit->fall = median(falls, kept);
	fit->since_s = s[0].at_s;
	int lead = troughs_lead(t, least, fit->fall);
	/* Where the falls are small beside the growth, all points tell the slope better than the troughs
	 * alone. */
	struct slope slope = lead && fit->fall < range / 3 ? slope_of(s, n) : slope_of(t->trough, t->troughs);
	fit->state = lead > 0 ? MV_GROWTH_GROWS : lead < 0 ? MV_GROWTH_SHRINKS : MV_GROWTH_SAWTOOTH;
	fit->saw = lead > 0 && fit->fall >= range / 3;
	if (slope.have) {
		fit->slope = slope.value;
		fit->slope_low = slope.low;
		fit->slope_high = slope.high;
	}
	fit->rise = fit->slope * (s[n - 1].at_s - s[0].at_s);
}

/* ---- steps ---- */

struct steps {
	size_t rises;
	double longest;		/* pause between two of them */
	double pauses;		/* all of them together */
	double first_s, last_s; /* when the first began, when the last ended */
	double last_pause;	/* since then */
	double ups, downs;	/* bytes, all together */
};

static void find_steps(const struct mv_growth_sample *s, size_t n, double least, struct steps *t)
{
	bool rising = false;
	size_t still = 0;

	*t = (struct steps){0};
	for (size_t i = 1; i < n; i++) {
		double by = s[i].value - s[i - 1].value;

		t->ups += by > 0 ? by : 0;
		t->downs += by < 0 ? -by : 0;
		if (by > least) {
			double pause = s[i - 1].at_s - t->last_s;

			if (!rising && t->rises) {
				t->pauses += pause;
				t->longest = pause > t->longest ? pause : t->longest;
			}
			if (!rising && !t->rises)
				t->first_s = s[i - 1].at_s;
			t->rises += !rising;
			rising = true;
			still = 0;
			t->last_s = s[i].at_s;
		} else if (++still >= 2) {
			rising = false;
		}
	}
	t->last_pause = t->rises ? s[n - 1].at_s - t->last_s : 0;
}

/* ---- bends ---- */

struct sums {
	double n, t, v, tt, tv, vv;
};

static void add(struct sums *u, const struct mv_growth_sample *s, const struct mv_growth_sample *origin)
{
	double t = s->at_s - origin->at_s, v = s->value - origin->value;

	u->n++;
	u->t += t;
	u->v += v;
	u->tt += t * t;
	u->tv += t * v;
	u->vv += v * v;
}

/* Squares that a straight line leaves. */
static double left_over(const struct sums *u)
{
	double tt = u->tt - u->t * u->t / u->n, tv = u->tv - u->t * u->v / u->n,
	       vv = u->vv - u->v * u->v / u->n;
	double left = tt > 0 ? vv - tv * tv / tt : vv;

	return left > 0 ? left : 0;
}

/* Where two lines fit far better than one: index of the second's first point; 0 nowhere. */
static size_t find_bend(const struct mv_growth_sample *s, size_t n, double least)
{
	struct sums left = {0}, all = {0};
	double whole, best, seconds = s[n - 1].at_s - s[0].at_s;
	size_t at = 0;

	for (size_t i = 0; i < n; i++)
		add(&all, &s[i], &s[0]);
	whole = left_over(&all);
	if (whole / all.n < least * least / 16)
		return 0;
	best = whole * 0.35;
	for (size_t i = 0; i + LEAST_SAMPLES <= n; i++) {
		struct sums right = {all.n - left.n,   all.t - left.t,	 all.v - left.v,
				     all.tt - left.tt, all.tv - left.tv, all.vv - left.vv};
		double rest = s[n - 1].at_s - s[i].at_s;

		if (i >= 3 && rest >= LEAST_SECONDS && rest >= seconds / 5 &&
		    left_over(&left) + left_over(&right) < best) {
			best = left_over(&left) + left_over(&right);
			at = i;
		}
		add(&left, &s[i], &s[0]);
	}
	return at;
}

static void fit_line(const struct mv_growth_sample *s, size_t n, double least, struct mv_growth_fit *fit)
{
	size_t from = 0, bend;

	for (int i = 0;
	     i < BENDS && n - from >= 2 * LEAST_SAMPLES && (bend = find_bend(s + from, n - from, least)); i++)
		from += bend;
	const struct mv_growth_sample *now = s + from;
	double seconds = s[n - 1].at_s - now[0].at_s, before_s = now[0].at_s - s[0].at_s;
	struct slope slope = slope_of(now, n - from);
	double noise = noise_of(now, n - from, slope.value), before = now[0].value - s[0].value;
	double rate_before = before_s > 0 ? before / before_s : 0;

	fit->slope = slope.value;
	fit->slope_low = slope.wide_low;
	fit->slope_high = slope.wide_high;
	fit->since_s = now[0].at_s;
	fit->rise = slope.value * seconds;
	bool clear = fabs(fit->rise) >= fmax(least, 2 * noise);
	/* What fills up slows down; a last trickle is no growth of its own. */
	bool trickle = before >= 20 * fit->rise && rate_before > 10 * slope.value;
	if (slope.have && slope.low > 0 && clear && !trickle) {
		fit->state = MV_GROWTH_GROWS;
		fit->faster_before = rate_before > 3 * slope.value && before >= least;
	} else if (slope.have && slope.high < 0 && clear) {
		fit->state = MV_GROWTH_SHRINKS;
	} else if (before >= fmax(least, 3 * noise)) {
		fit->state = MV_GROWTH_STOPPED;
		fit->rise = before;
	} else {
		fit->state = MV_GROWTH_STEADY;
	}
}

/* ---- all of it ---- */

static void fit_steps(const struct mv_growth_sample *s, size_t n, const struct steps *t,
		      struct mv_growth_fit *fit)
{
	struct slope slope = slope_of(s, n);

	fit->since_s = s[0].at_s;
	fit->slope = slope.value;
	fit->slope_low = slope.low;
	fit->slope_high = slope.high;
	fit->rise = s[n - 1].value - s[0].value;
	fit->state = MV_GROWTH_STEPS;
	if (t->last_pause > PAUSES * t->longest) {
		fit->state = MV_GROWTH_STOPPED;
		fit->since_s = t->last_s;
		fit->slope = fit->slope_low = fit->slope_high = 0;
	} else if (slope.value <= 0) {
		/* Few steps in long pauses: the median sees none of them. */
		fit->slope = fit->rise / (s[n - 1].at_s - s[0].at_s);
		fit->slope_low = fit->slope_low > 0 ? fit->slope_low : 0;
		fit->slope_high = fit->slope_high > 2 * fit->slope ? fit->slope_high : 2 * fit->slope;
	}
}

/* It never gave much back, or what is looked at begins after that. */
static void fit_upward(const struct mv_growth_sample *s, size_t n, double least, double range,
		       struct mv_growth_fit *fit)
{
	struct steps t;

	find_steps(s, n, fmax(least / 4, range / 50), &t);
	/* Between steps it stands still; what only trembles has none. */
	bool paused = t.pauses >= (t.last_s - t.first_s) / 2 && t.pauses > 0 && t.downs < t.ups / 8;
	if (t.rises >= 3 && paused) {
		fit_steps(s, n, &t, fit);
		return;
	}
	fit_line(s, n, least, fit);
	/* It rose, paused, rose again: whether this pause is the last one nobody knows yet. */
	if (fit->state == MV_GROWTH_STOPPED && t.rises == 2 && paused && t.last_pause <= PAUSES * t.longest)
		fit->state = MV_GROWTH_SHORT;
}

struct mv_growth_fit mv_growth_fit(const struct mv_growth_sample *s, size_t n, double least)
{
	struct mv_growth_fit fit = {.state = MV_GROWTH_SHORT, .samples = (uint32_t)n};
	double low, high;
	struct turns turns;

	if (!n)
		return fit;
	fit.since_s = s[0].at_s;
	fit.until_s = s[n - 1].at_s;
	if (n < LEAST_SAMPLES || s[n - 1].at_s - s[0].at_s < LEAST_SECONDS)
		return fit;
	low = high = s[0].value;
	for (size_t i = 1; i < n; i++) {
		low = s[i].low < low ? s[i].low : low;
		high = s[i].high > high ? s[i].high : high;
	}
	if (high - low < least) {
		fit.state = MV_GROWTH_STEADY;
		return fit;
	}
	find_turns(s, n, fmax(least, (high - low) / 5), &turns);
	if (turns.falls >= 2) {
		fit_troughs(s, n, &turns, least, high - low, &fit);
		return fit;
	}
	if (turns.falls == 1 && turns.rise > 0 && turns.fall[0] >= turns.rise / 2) {
		/* Whether it will do so again is to be seen, until it has gone well beyond where it turned.
		 */
		struct mv_growth_fit after = mv_growth_fit(s + turns.trough_at, n - turns.trough_at, least);
		bool beyond = s[n - 1].value > turns.peak + turns.fall[0] / 2;

		after.falls = 1;
		after.fall = turns.fall[0];
		if ((after.state == MV_GROWTH_GROWS || after.state == MV_GROWTH_STEPS) && !beyond)
			after.state = MV_GROWTH_SHORT;
		after.fell_once = after.state == MV_GROWTH_SHORT;
		return after;
	}
	fit_upward(s, n, least, high - low, &fit);
	return fit;
}
