#ifndef NNET_INSTR_GEN_H_
#define NNET_INSTR_GEN_H_

#include "nnet_helpers.h"

namespace nnet {

template <class data_T, class res_T, typename CONFIG_T> class Kernel {
  public:
    static void dense(data_T data[CONFIG_T::n_in], res_T res[CONFIG_T::n_out]) {
        // To be implemented in subclasses
    }
};

template<class data_T, typename CONFIG_T>
class fill_buffer_6 : public Kernel<data_T, data_T, CONFIG_T> {
    public:
    static void fill_buffer(data_T data[3], data_T buffer[CONFIG_T::n_pixels][2], const unsigned partition) {
        if (partition ==   0) {
            buffer[0][0] =    data[0]; buffer[0][1] =          0;
        }
        if (partition ==   1) {
            buffer[0][0] =    data[1]; buffer[0][1] =    data[2];
        }
    }
};

template <typename inp_t, typename out_t>
void dense_da_6(inp_t inp[3], out_t out[3]) { // NOLINT
    #pragma HLS INLINE
    // ================ Latency: 1 ================
    ap_fixed<16, 5> v1 = -bit_shift<-3>(inp[0]) - bit_shift<2>(inp[1]);
    ap_fixed<17, 6> v2 = v1 + ap_ufixed<2, -1>(0.375);
    out[0] = v1;
    out[1] = v2;
    out[2] = 0;
}

} // namespace nnet

#endif
