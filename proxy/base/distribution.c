/* See distribution.h. The Pareto deviation is that of a long-tailed network: most a little early, a
 * few very late. Its shape is the one that netem(8) has; the cut keeps its moments finite. */
#include "base/distribution.h"
#include <math.h>

#define PARETO_CUT 0.999

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

/* X = (1 - p)^(-1/3) for p uniform in [0, CUT]: its mean and mean square are integrals of powers.
 */
static double pareto(double u)
{
	const double rest = 1 - PARETO_CUT;
	const double mean = 1.5 * (1 - cbrt(rest * rest)) / PARETO_CUT;
	const double square = 3 * (1 - cbrt(rest)) / PARETO_CUT;

	return (1 / cbrt(1 - u * PARETO_CUT) - mean) / sqrt(square - mean * mean);
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
