/*
 * How a client waits between attempts. Gaps that grow reach a cap, the longest of them; those near
 * it say nothing of the growth. A constant wait with jitter has a longest gap, too, so gaps are
 * only taken for growing ones if they begin well below what is usual, rise and then stay, or grow
 * as a whole.
 */
#include "base/mono.h"
#include "control/facts_parts.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define AT_CAP       0.9
#define GROWS        1.25 /* as a whole */
#define BEGINS_BELOW 0.5  /* the first gaps, by the usual one */
#define RISES_FROM   0.6  /* the first gap, by the cap */
#define EARLY        3
#define GAPS_MAX     512 /* more than these say nothing new */
#define LEAST_NS     NS_PER_MS

/* ln(gap) = a + b i, by least squares. */
struct line {
	double a, b;
};

static double ln_gap(int64_t gap_ns)
{
	return log((double)(gap_ns > LEAST_NS ? gap_ns : LEAST_NS));
}

static struct line fit(const int64_t *gaps, size_t n)
{
	const double middle = (double)(n - 1) / 2;
	double mean = 0, xy = 0, xx = 0;
	struct line l;

	for (size_t i = 0; i < n; i++)
		mean += ln_gap(gaps[i]) / (double)n;
	for (size_t i = 0; i < n; i++) {
		xy += ((double)i - middle) * (ln_gap(gaps[i]) - mean);
		xx += ((double)i - middle) * ((double)i - middle);
	}
	l.b = n > 1 ? xy / xx : 0;
	l.a = mean - l.b * middle;
	return l;
}

static int by_size(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int64_t median(const int64_t *gaps, size_t n)
{
	int64_t sorted[GAPS_MAX];

	memcpy(sorted, gaps, n * sizeof(*gaps));
	qsort(sorted, n, sizeof(*sorted), by_size);
	return sorted[n / 2];
}

/* The first gap that is as long as the cap. */
static size_t cap_at(const int64_t *gaps, size_t n)
{
	int64_t cap = 0;
	size_t i;

	for (i = 0; i < n; i++)
		cap = gaps[i] > cap ? gaps[i] : cap;
	for (i = 0; i < n && (double)gaps[i] < AT_CAP * (double)cap; i++)
		;
	return i;
}

/* Gaps that rise to a cap and stay there. */
static bool rises_to(const int64_t *gaps, size_t n, size_t cap)
{
	if ((double)gaps[0] > RISES_FROM * (double)gaps[cap])
		return false;
	for (size_t i = 1; i < n; i++)
		if (i <= cap ? gaps[i] <= gaps[i - 1]
			     : (double)gaps[i] < AT_CAP * (double)gaps[cap])
			return false;
	return true;
}

/* How many gaps tell how they grow: up to the cap, with it if there are too few without; all, if
 * they do not grow. */
static size_t ramp_of(const int64_t *gaps, size_t n)
{
	const size_t cap = cap_at(gaps, n);
	const bool begins_low =
	    (double)median(gaps, n < EARLY ? n : EARLY) < BEGINS_BELOW * (double)median(gaps, n);

	if (!cap || (!begins_low && !rises_to(gaps, n, cap) && exp(fit(gaps, n).b) <= GROWS))
		return n;
	return cap > 1 ? cap : 2;
}

double facts_growth(const int64_t *gaps, size_t n)
{
	n = n < GAPS_MAX ? n : GAPS_MAX;
	return n < 2 ? -1 : exp(fit(gaps, ramp_of(gaps, n)).b);
}

double facts_spread(const double *values, size_t n)
{
	double mean = 0, squares = 0;

	for (size_t i = 0; i < n; i++)
		mean += values[i] / (double)n;
	for (size_t i = 0; i < n; i++)
		squares += (values[i] - mean) * (values[i] - mean) / (double)n;
	return mean > 0 ? sqrt(squares) / mean : 0;
}

/* Each gap by what the growth makes of it; at the cap by their mean. */
double facts_jitter(const int64_t *gaps, size_t n)
{
	double off[GAPS_MAX], at_cap = 0;
	struct line l;
	size_t ramp;

	n = n < GAPS_MAX ? n : GAPS_MAX;
	if (n < 3)
		return -1;
	ramp = ramp_of(gaps, n);
	l = fit(gaps, ramp);
	for (size_t i = ramp; i < n; i++)
		at_cap += (double)gaps[i] / (double)(n - ramp);
	for (size_t i = 0; i < n; i++)
		off[i] = (double)gaps[i] / (i < ramp ? exp(l.a + l.b * (double)i) : at_cap);
	return facts_spread(off, n);
}

/* ---- several lanes ---- */

/* How many have a gap of this ordinal. */
static size_t have(struct fact_comeback *const *lanes, size_t n_lanes, size_t ordinal)
{
	size_t n = 0;

	for (size_t i = 0; i < n_lanes; i++)
		n += lanes[i]->n_gaps > ordinal;
	return n;
}

/* Means over the lanes: lanes of one rule are in step by ordinal, not by time. Beyond what half of
 * them have only the fastest are left. */
void facts_pool(
    struct fact_comeback *const *lanes, size_t n_lanes, double *growth, double *jitter, size_t *n)
{
	int64_t means[GAPS_MAX];
	double *values = calloc(n_lanes + 1, sizeof(*values)), spread = 0;
	size_t k, of_several = 0;

	for (*n = 0; values && *n < GAPS_MAX && have(lanes, n_lanes, *n) * 2 >= n_lanes; ++*n) {
		double sum = 0;

		k = 0;
		for (size_t i = 0; i < n_lanes; i++)
			if (lanes[i]->n_gaps > *n)
				values[k++] = (double)lanes[i]->gaps_ns[*n];
		for (size_t i = 0; i < k; i++)
			sum += values[i];
		if (!k)
			break;
		means[*n] = (int64_t)(sum / (double)k);
		if (k > 1) {
			spread += facts_spread(values, k);
			of_several++;
		}
	}
	free(values);
	*growth = facts_growth(means, *n);
	*jitter = of_several ? spread / (double)of_several : facts_jitter(means, *n);
}
