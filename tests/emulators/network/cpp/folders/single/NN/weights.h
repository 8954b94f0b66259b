#ifndef WEIGHTS_H_
#define WEIGHTS_H_
#include "defines.h"

namespace anomaly_v8 {
q_dense_weight_t w2[6] = {0.125, 0.000, -0.125, -1, 0.875, 0.500};
q_dense_bias_t b2[2] = {0.750, 0.375};
} // namespace anomaly_v8
#endif
