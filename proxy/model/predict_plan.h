/* The timers that a connection's settings give. Private to predict. */
#pragma once
#include "model/predict_timers.h"

struct plan plan_data(const struct predict_settings *s);
struct plan plan_syns(const struct predict_settings *s);

/* already: since the peer's last segment, or since the window closed, at the death. */
struct plan plan_keepalive(const struct predict_settings *s, int64_t already_ns);
struct plan plan_window(const struct predict_settings *s, int64_t already_ns);
