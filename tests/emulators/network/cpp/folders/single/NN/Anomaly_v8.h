#ifndef ANOMALY_H_
#define ANOMALY_H_
#include "defines.h"
namespace anomaly_v8 {
void Anomaly_v8(
    anomaly_v8::input_t input_2[anomaly_v8::N_INPUT_1_1],
    anomaly_v8::result_t layer4_out[anomaly_v8::OUT_DOT_4]
);
}
#endif
