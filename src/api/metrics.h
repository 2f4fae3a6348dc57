/* Handler of /metrics: what a Prometheus on this machine collects. */
#ifndef API_METRICS_H
#define API_METRICS_H

#include "http/route.h"

handler get_metrics;

#endif
