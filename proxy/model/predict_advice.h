/* What to change, in one sentence: out->advice. Private to predict. */
#pragma once
#include "model/predict.h"

void predict_advise(const struct predict_settings *s, const struct predict_fate *f,
    enum predict_death death, enum predict_when when, struct prediction *out);
