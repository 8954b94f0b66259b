#ifndef NET_H_
#define NET_H_
#include "hls_stream.h"
#include "defines.h"
void net(
    hls::stream<input_t> &x,
    hls::stream<result_t> &layer3_out, hls::stream<result_t> &layer4_out,
    weight2_t w2[4],
    bias2_t b2[2],
    unsigned short &const_size_in_1
);
#endif
