/*
 * Random deviations of a given shape, made of a normal one, so that correlated draws keep their
 * distribution (a Gaussian copula): correlate the normals, then shape each of them.
 */
#pragma once
#include <stdint.h>

enum distribution { DISTRIBUTION_UNIFORM, DISTRIBUTION_NORMAL, DISTRIBUTION_PARETO };
extern const char *const distribution_names[]; /* "uniform", "normal", "pareto", NULL */

/* Standard normal, from two uniform draws in [0, 1) (Box and Muller). */
double distribution_normal(double u1, double u2);

/* What a standard normal g becomes: uniform in [-1, 1); normal: itself; pareto: shape 3, from -0.97
 * to 4, with mean 0, standard deviation 1 and kurtosis 5.36. */
double distribution_shape(enum distribution d, double g);
