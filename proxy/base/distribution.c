/* See distribution.h. The Pareto deviation is that of a long-tailed network: most a little early, a
 * few very late. Its shape is the one that netem(8) has, and so is where it ends: tables of 16 bits
 * hold no more than four standard deviations. */
#include "base/distribution.h"
#include <math.h>

#define PARETO_MOST 4 /* standard deviations */

const char *const distribution_names[] = { "uniform", "normal", "pareto", 0 };

double distribution_normal(double u1, double u2)
{
	return sqrt(-2 * log(1 - u1)) * cos(2 * M_PI * u2);
}

/* The share of a standard normal below g. */
static double normal_below(double g)
{
	return 0.5 * erfc(-g * M_SQRT1_2);
}

/* X = (1 - p)^(-1/3), of which only what is below 1/end is drawn. Of that, by integrals of powers,
 * the mean is 1.5 (1 + end) / q and the variance 0.75 (1 - end)^2 / q^2, where q = 1 + end + end^2;
 * so 1/end lies (2 + end) / (sqrt(3) end) standard deviations above the mean. */
static double pareto(double u)
{
	const double end = 2 / (PARETO_MOST * sqrt(3) - 1);
	const double q = 1 + end + end * end;
	const double mean = 1.5 * (1 + end) / q;
	const double sd = sqrt(0.75) * (1 - end) / q;

	return (1 / cbrt(1 - u * (1 - end * end * end)) - mean) / sd;
}

double distribution_shape(enum distribution d, double g)
{
	switch (d) {
	case DISTRIBUTION_UNIFORM:
		return 2 * normal_below(g) - 1;
	case DISTRIBUTION_PARETO:
		return pareto(normal_below(g));
	case DISTRIBUTION_NORMAL:
		break;
	}
	return g;
}
