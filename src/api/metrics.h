/* Handler of /metrics: what Prometheus collects, on this machine or from a network of metrics_from. */
#ifndef API_METRICS_H
#define API_METRICS_H

#include "http/route.h"

handler get_metrics;

#endif
