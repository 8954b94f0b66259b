#ifndef TOY_H_
#define TOY_H_

#include "ap_fixed.h"
#include "defines.h"

void toy(
    input_t x[2*2], input_t extra[3],
    result_t layer7_out[3]
);

inline void toy_emulator(inputs_t& inputs) { toy(std::get<0>(inputs).data()); }

#endif
