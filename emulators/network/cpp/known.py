"""The library functions that are known, by their fingerprints; see `library` and `releases`.

A row: fingerprint, function, and where a function of this text is found: releases of hls4ml (Vivado
and Vitis), or, where no release has it, networks that the group cms-hls4ml publishes. Functions are
missing here that compute otherwise than those of 1.3 and are not reproduced: old recurrent layers,
hard sigmoid, pools of streams, merged quantized activations, and convolutions of hls4ml before 0.7.

`python -m l1kd.emulators.network.cpp.releases` says what a new release brings, and writes its rows.
"""

from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["KNOWN", "RELEASES", "ROWS", "Row", "rows"]

RELEASES = (
    "0.5.0",
    "0.6.0",
    "0.7.0",
    "0.7.1",
    "0.8.0",
    "0.8.1",
    "1.0.0",
    "1.1.0",
    "1.2.0",
    "1.3.0",
)
"""Releases of hls4ml in their order."""


class Row(NamedTuple):
    """A known function: its fingerprint, its name, and where it is found."""

    fingerprint: str
    function: str
    origins: tuple[str, ...]


ROWS = """
3e74f443 Activation 0.7.0-1.3.0
d5002ed4 BatchedDenseForConv1D 1.2.0-1.3.0
c9eba41e Conv1DKernel 1.0.0-1.3.0
7adcabe9 Conv1DLatency 1.0.0-1.3.0
f0bd2d06 Conv1DLatency 1.2.0-1.3.0
ead66990 Conv1DResource 1.2.0-1.3.0
fadef7a6 Conv1DResource 1.0.0-1.3.0
3f772ada DenseKernel 1.0.0-1.3.0
5504b4ee DenseLatency 1.0.0-1.3.0
93523996 DenseResource_rf_gt_nin_rem0 1.0.0-1.3.0
6e9975f7 DenseResource_rf_leq_nin 1.0.0-1.3.0
d322a3cd DepthwiseDenseKernel 1.1.0-1.3.0
6691faba DepthwiseDenseLatency 1.1.0-1.3.0
7c2499ba DepthwiseDenseResource_rf_gt_nout 1.1.0-1.3.0
8adde28e DepthwiseDenseResource_rf_gt_nout_rem0 1.1.0-1.3.0
c0a7c1ff DepthwiseDenseResource_rf_leq_nout 1.1.0-1.3.0
8ae33ba4 FillConv1DBuffer 0.7.0-1.3.0
b5f75a36 FillConv2DBuffer 0.7.0-1.3.0
9b887d9c Op_add 0.5.0-1.3.0
2575da74 Op_and 0.5.0-1.3.0
f9f7e9e3 Op_max 0.5.0-1.3.0
045ed7fa Op_min 0.5.0-1.3.0
cc1e02b0 Op_or 0.5.0-1.3.0
662b6412 Product 0.5.0-0.6.0
d5065def acos 0.8.0-1.3.0
29400278 add 0.5.0-1.2.0
37b78c9a add 1.3.0
54e9b839 add 0.5.0-1.3.0
5029ca7e array 0.5.0-1.1.0
5891ec94 array 1.2.0-1.3.0
7049d2e6 asin 0.8.0-1.3.0
edb20a21 atan 0.8.0-1.3.0
6cb2388c atan2 0.8.0-1.3.0
19ac64fa average 0.6.0-1.1.0
2dfef2dc average 0.6.0-1.1.0
76adc070 average 1.2.0
d82f1898 average 1.2.0-1.3.0
f150400d average 1.3.0
15d7732b avg TOoLLiP
22be80ea avg 0.5.0-0.8.1
235a41cd avg TOoLLiP
244bba84 avg 0.5.0-0.8.1
5ab0ea69 avg 1.0.0-1.3.0
613d23cc avg 0.5.0-0.8.1
82e8d4f3 avg TOoLLiP
bd008dd1 avg TOoLLiP
ce3e89b1 avg TOoLLiP
e4896aac avg TOoLLiP
1072d4bf bidirectional_stack 1.2.0-1.3.0
d7b2cc61 binary_cast 1.2.0-1.3.0
e0eae006 binary_cast 1.2.0-1.3.0
4cdf20d1 binary_tanh 0.5.0-1.1.0
793de3d6 binary_tanh 1.2.0-1.3.0
97ea1a27 binary_tanh 0.7.0-1.1.0
9ba6daf9 binary_tanh 1.2.0-1.3.0
31a773bb bit_shift 1.2.0-1.3.0
3e60b388 bit_shift 1.2.0-1.3.0
40c16660 bit_shift 1.2.0-1.3.0
671a5312 bit_shift 1.2.0-1.3.0
68b60325 both_binary 0.7.0-1.3.0
7b59e39c both_binary 0.5.0-0.6.0
0f5574d9 broadcast_stream 0.7.0-1.3.0
8ed20c32 broadcast_stream 0.6.0
986f28df broadcast_stream_1x1xC 0.7.0-1.3.0
836270a3 broadcast_stream_HxWx1 0.7.0-1.3.0
235d2aa5 cast 0.6.0-1.3.0
71297ccd cast 0.5.0
895c03ec cast 0.6.0-1.3.0
8b14cfa0 ceillog2 0.5.0
97b5be99 ceillog2 1.2.0-1.3.0
d52db88d ceillog2 0.6.0-1.1.0
b3298dc7 change_type 0.5.0-1.3.0
00c27959 clone_stream 1.2.0-1.3.0
2e7112ca clone_stream 0.7.0-1.3.0
4a27e427 clone_stream 1.2.0-1.3.0
8b2c533a clone_stream 0.5.0-1.3.0
ac325fce clone_stream 1.2.0-1.3.0
eff6c601 clone_stream 1.2.0-1.3.0
0d6b75ee compute_depthwise_output_buffer_1d 0.6.0-1.0.0
cac58de4 compute_depthwise_output_buffer_1d 1.1.0-1.3.0
0511ba11 compute_depthwise_output_buffer_2d 1.1.0-1.3.0
f70ea227 compute_depthwise_output_buffer_2d 0.6.0-1.0.0
ebd5becc compute_depthwise_output_encoded 0.6.0-1.3.0
7d9937f6 compute_global_pool 0.6.0-1.3.0
420a0914 compute_output_buffer_1d 0.6.0-0.8.1
a4d773a7 compute_output_buffer_1d 1.0.0-1.3.0
3fcf6a12 compute_output_buffer_2d 1.0.0-1.3.0
9283dbaf compute_output_buffer_2d 0.6.0-0.8.1
b832e865 compute_output_encoded 0.6.0-1.3.0
b7005f62 compute_pool_buffer_1d 0.7.0-1.3.0
4532b953 compute_pool_buffer_2d 0.7.0-1.3.0
d76b2bbf compute_pool_encoded_1d 0.6.0-1.3.0
f6907c0f compute_pool_encoded_2d 0.6.0-1.3.0
4aef11f4 compute_scaled_indices_1d 0.7.0-1.3.0
7b459de0 compute_scaled_indices_2d 0.7.0-1.3.0
18bc9017 concatenate1d CICADA
3107bab6 concatenate1d 0.5.0-1.3.0
ef77e3a9 concatenate1d 0.7.0-1.3.0
4d603dc6 concatenate2d 0.7.0-1.3.0
fd980fbb concatenate2d 0.6.0-1.3.0
93ff3ca1 concatenate2d_0 0.7.0-1.3.0
b069e855 concatenate2d_0 0.5.0-1.3.0
4449e022 concatenate2d_1 0.5.0-1.3.0
dd612944 concatenate2d_1 0.7.0-1.3.0
cacfe83a concatenate3d 0.6.0-1.3.0
d4b5a8e2 concatenate3d 0.6.0-1.3.0
af5e25e2 concatenate3d_0 0.5.0-1.3.0
c4983338 concatenate3d_0 0.6.0-1.3.0
8ccefbd8 concatenate3d_1 0.6.0-1.3.0
e858022c concatenate3d_1 0.5.0-1.3.0
1cae4edd concatenate3d_2 0.6.0-1.3.0
4fff6708 concatenate3d_2 1.2.0-1.3.0
a9e735fe concatenate3d_2 0.6.0-1.1.0
2693cd05 conv1d_cl 1.2.0-1.3.0
b7b854d8 conv1d_da_cl AXOL1TL
147b8fa7 conv2d_cl 1.2.0-1.3.0
331a052a conv2d_da_cl AXOL1TL
bd00dbe0 conv_1d_buffer_cl 1.2.0-1.3.0
c1f627c5 conv_1d_buffer_cl 0.6.0-0.8.1
d8753a39 conv_1d_buffer_cl 1.0.0-1.1.0
1f24a7f6 conv_1d_cl 1.0.0-1.3.0
29908b7f conv_1d_cl L1TSC4NGJetModel
97a83c31 conv_1d_cl 0.7.0-1.1.0
a0ce26a5 conv_1d_cl 0.5.0-0.8.1
c30cb875 conv_1d_cl 0.6.0-1.3.0
c349c992 conv_1d_cl 1.2.0-1.3.0
1b7c19f9 conv_1d_encoded_cl 1.2.0-1.3.0
5141c33c conv_1d_encoded_cl 0.6.0-1.1.0
13c28125 conv_1d_latency_cl 0.8.0-1.3.0
6a0d7e8f conv_1d_latency_cl 0.7.0-1.3.0
894871c2 conv_1d_latency_cl CICADA
51db65c8 conv_1d_resource_cl 0.7.0-1.3.0
5ef501d8 conv_1d_resource_cl 0.7.0-0.8.1
cdd2aae6 conv_1d_resource_cl 1.0.0-1.3.0
118339e7 conv_2d_buffer_cl 1.2.0-1.3.0
add3f708 conv_2d_buffer_cl 0.6.0-0.8.1
ec1713a2 conv_2d_buffer_cl 1.0.0-1.1.0
e6289cc5 conv_2d_buffer_latency_cl 0.7.0-1.3.0
f6430dd1 conv_2d_buffer_resource_cl 0.7.0-1.3.0
25b04fc0 conv_2d_cl 0.5.0-1.1.0
59c224e1 conv_2d_cl 1.2.0-1.3.0
7826682d conv_2d_cl 1.2.0-1.3.0
a9375e25 conv_2d_cl 0.7.0-1.1.0
b4d80b58 conv_2d_cl 0.6.0-1.3.0
e825c6e1 conv_2d_cl 1.2.0-1.3.0
89fbb80a conv_2d_encoded_cl 0.6.0-1.1.0
8bc8aaed conv_2d_encoded_cl 1.2.0-1.3.0
28c3eb7c conv_2d_latency_cl 0.7.0-1.3.0
8eb1ed39 conv_2d_latency_cl CICADA
90f3c94b conv_2d_latency_cl 0.8.0-1.3.0
360a6b90 conv_2d_resource_cl 0.7.0-0.7.1
7cf47da5 conv_2d_resource_cl 0.8.0-1.3.0
a1d0f48d conv_2d_resource_cl 1.0.0-1.3.0
fae42f41 conv_2d_resource_cl 0.7.0-0.8.1
0cce6a0f convert_data 0.5.0-1.3.0
270c440b convert_data 0.5.0-1.3.0
35372493 convert_data 0.5.0-1.3.0
4e69d84b copy_data 0.5.0-1.3.0
e0dac088 copy_data 0.5.0-1.3.0
5723636e copy_data_axi 0.6.0-1.3.0
7a1b6d8a cos 0.8.0-1.3.0
7370bd61 cos_lut 0.8.0-1.3.0
3b62d933 cropping1d_cl 1.2.0-1.3.0
6057f22e cropping1d_cl 1.2.0-1.3.0
19ab4e44 cropping2d_cf 1.2.0-1.3.0
8e0b3c2c cropping2d_cl 1.2.0-1.3.0
d70fa910 cropping2d_cl 1.2.0-1.3.0
c0123ef0 data_binary 0.7.0-1.3.0
6d5fcb84 data_prepare 0.7.0-1.3.0
3967321f dense NNPuppiTauModel
45816871 dense 0.7.0-1.1.0
46a4f148 dense 1.2.0-1.3.0
7925670e dense 0.5.0-0.8.1
ccb7c752 dense 0.5.0-1.3.0
e9924e86 dense 1.0.0-1.3.0
fe97c98f dense 1.2.0-1.3.0
b471f010 dense_compressed 0.7.0-1.3.0
cfa52c5c dense_compressed 0.5.0-0.6.0
0a8b795c dense_latency AXOL1TL CICADA
23c44618 dense_latency 0.7.0-1.3.0
3b7939c3 dense_latency 0.5.0-0.6.0
29083da5 dense_latency_wrapper 0.7.0-1.3.0
107031c9 dense_resource 0.5.0-1.3.0
3a2ba1ef dense_resource_rf_gt_nin 1.0.0-1.3.0
88116700 dense_resource_rf_gt_nin 0.5.0-0.6.0
bd5b13a1 dense_resource_rf_gt_nin 0.7.0-0.8.1
c62f0fa2 dense_resource_rf_gt_nin 0.7.0-0.8.1
082045e8 dense_resource_rf_gt_nin_rem0 0.5.0-0.6.0
79618c19 dense_resource_rf_gt_nin_rem0 1.0.0-1.3.0
e6359f97 dense_resource_rf_gt_nin_rem0 0.7.0-0.8.1
eaa40ce5 dense_resource_rf_gt_nin_rem0 0.7.0-0.8.1
60f3ac72 dense_resource_rf_leq_nin 0.7.0-0.8.1
6a527b3c dense_resource_rf_leq_nin 0.5.0-0.6.0
8d8469eb dense_resource_rf_leq_nin 0.7.0-0.8.1
e1b0b21a dense_resource_rf_leq_nin 1.0.0-1.3.0
12c83c92 dense_resource_wrapper 0.7.0-1.3.0
796238f5 dense_wrapper 1.2.0-1.3.0
9f16680f dense_wrapper 0.5.0-0.8.1
a5e4b186 dense_wrapper 1.0.0-1.1.0
4c8566c8 depthwise_conv_1d_buffer_cl 1.2.0-1.3.0
53374696 depthwise_conv_1d_buffer_cl 0.7.0-1.1.0
c0ea85ff depthwise_conv_1d_buffer_cl 0.6.0-1.1.0
ec5e2015 depthwise_conv_1d_buffer_cl 1.2.0-1.3.0
146242ad depthwise_conv_1d_cl 0.8.0-0.8.1
3017783c depthwise_conv_1d_cl 1.2.0-1.3.0
38a36240 depthwise_conv_1d_cl 1.0.0-1.3.0
9ed3b9b7 depthwise_conv_1d_cl 0.8.0-1.3.0
da583c8a depthwise_conv_1d_cl 1.0.0-1.1.0
6459cbba depthwise_conv_1d_encoded_cl 1.2.0-1.3.0
db98886f depthwise_conv_1d_encoded_cl 0.6.0-1.1.0
c477b21b depthwise_conv_1d_latency_cl 1.0.0-1.3.0
3c736272 depthwise_conv_2d_buffer_cl 0.7.0-1.1.0
428f9280 depthwise_conv_2d_buffer_cl 1.2.0-1.3.0
47152008 depthwise_conv_2d_buffer_cl 0.6.0-1.1.0
b815d6f0 depthwise_conv_2d_buffer_cl 1.2.0-1.3.0
33dd6a4d depthwise_conv_2d_cl 1.0.0-1.1.0
85872a77 depthwise_conv_2d_cl 0.8.0-0.8.1
cafef866 depthwise_conv_2d_cl 0.8.0-1.3.0
e26ccabe depthwise_conv_2d_cl 1.2.0-1.3.0
ee76052c depthwise_conv_2d_cl 1.0.0-1.3.0
45634752 depthwise_conv_2d_encoded_cl 1.2.0-1.3.0
f7ec9e28 depthwise_conv_2d_encoded_cl 0.6.0-1.1.0
98bc944d depthwise_conv_2d_latency_cl 1.0.0-1.3.0
3dd76c7a depthwise_mult_buffer 1.1.0-1.3.0
ec17dae5 depthwise_mult_buffer 0.5.0-1.0.0
61ad376d depthwise_product CICADA
8a94ecad depthwise_product 0.7.0-1.0.0
b93a80f4 depthwise_product_latency 1.1.0-1.3.0
738479e7 depthwise_product_resource_gt_nout 1.1.0-1.3.0
a880eec3 depthwise_product_resource_rf_gt_nout_rem0 1.1.0-1.3.0
1a2f2578 depthwise_product_resource_rf_leq_nout 1.1.0-1.3.0
70f3c93b dot1d 0.7.0-1.3.0
99852598 dot1d AXOL1TL CICADA
9a00300c dot1d 0.5.0-0.6.0
55d34eb6 einsum 1.2.0-1.3.0
f6cda145 einsum AXOL1TL
c0d91d82 einsum_dense 1.2.0-1.3.0
c8bc9ef8 einsum_dense 1.2.0-1.3.0
045dbe2b elu 1.0.0-1.3.0
204c51d6 elu 0.5.0-0.8.1
2dc038f9 elu 1.0.0-1.3.0
58b4aad2 elu 1.0.0-1.3.0
cd7399c4 elu 1.0.0-1.3.0
d06f0273 elu 0.5.0-0.8.1
e23d6fb5 elu 0.5.0-0.8.1
e3b35fab elu 0.5.0-0.8.1
d3a0606a elu_fcn_float 0.5.0-1.3.0
47dea07e embedding 0.7.0-1.3.0
f67b4a4c embedding 0.7.0-1.3.0
d2ebdf00 exp_fcn_float 0.5.0-1.3.0
8ea5a378 fill_data 0.6.0-1.3.0
7f238fba fill_mult 0.5.0-1.3.0
07119d80 fill_zero 0.5.0-1.3.0
8960bf46 fill_zero 0.5.0-1.3.0
99be9069 fill_zero 0.5.0-1.3.0
7741aed8 get_index_unary_lut 1.0.0-1.3.0
6931484a global_pooling1d_cl 0.6.0-1.3.0
bf472260 global_pooling1d_cl 0.6.0-0.8.1
df9ee087 global_pooling1d_cl 1.0.0-1.3.0
3b661867 global_pooling2d_cl 1.0.0-1.3.0
3edb5714 global_pooling2d_cl 0.6.0-1.3.0
565b2ed0 global_pooling2d_cl 0.7.0-0.8.1
496046cb gru 1.1.0-1.3.0
78789ca7 gru_class 1.2.0-1.3.0
5fe83d61 gru_class_static 1.2.0-1.3.0
6b2178b1 gru_stack 1.1.0-1.3.0
6b408f96 gru_stack 1.1.0-1.3.0
b4cb1ab1 gru_stack 1.1.0-1.3.0
9b508beb gru_static 1.2.0-1.3.0
f70a6ce0 gru_static 1.1.0
3efe2219 hard_sigmoid 0.7.0-1.3.0
ecd34a61 hard_sigmoid 0.7.0-1.3.0
0e52c3da hard_tanh 0.7.0-1.3.0
651e5fce hard_tanh 0.7.0-1.3.0
a97e75c5 hls_stream_debug 0.5.0-1.3.0
3144e932 im2col_1d_pointwise_cl CICADA
47d8c3f9 im2col_2d_pointwise_cl CICADA
d67d21ce init_elu_table 0.5.0-1.3.0
7378373f init_exp_table 0.5.0-1.1.0
78e23394 init_exp_table 1.2.0-1.3.0
63594a55 init_exp_table_legacy 0.5.0-1.3.0
edb0eec5 init_invert_sqr_table 1.2.0-1.3.0
d900d692 init_invert_table 0.5.0-1.1.0
ddb00e73 init_invert_table 1.2.0-1.3.0
8ac88400 init_invert_table_legacy 0.5.0-1.3.0
ea91c119 init_pool_table 0.5.0-1.3.0
808f5233 init_selu_table 0.5.0-1.3.0
54f38ecd init_sigmoid_table 0.5.0-1.3.0
5890880b init_sigmoid_table NNPuppiTauModel
e91433f3 init_sincos_table 0.8.0-1.3.0
1bbeaf00 init_softplus_table 0.5.0-1.3.0
59efcfbb init_softsign_table 0.5.0-1.3.0
b371023c init_tanh_table 0.5.0-1.3.0
4671d3de kernel_shift_1d 0.6.0-1.3.0
b0fd90a5 kernel_shift_2d 0.6.0-1.3.0
484c5f42 layernorm_1d 1.2.0-1.3.0
1c69fe90 layernormalize 1.2.0-1.3.0
46e7078a leaky_relu 0.5.0-0.8.1
5ea1ce88 leaky_relu 1.0.0-1.3.0
aec87197 leaky_relu 1.0.0-1.3.0
c21c4096 leaky_relu 0.5.0-0.8.1
844ae160 linear NNPuppiTauModel
b8edc455 linear 0.5.0-1.3.0
cedc05db linear 0.5.0-1.3.0
db647c9d load_compressed_weights_from_txt 0.5.0-1.3.0
db984eae load_exponent_weights_from_txt 0.5.0-1.3.0
7b45750f load_weights_from_txt 0.5.0-1.1.0
c809b6e9 load_weights_from_txt 1.2.0-1.3.0
1e9c3a9a lookup_table 0.8.0-1.3.0
a75859fd lstm 1.1.0-1.3.0
d5b60eec lstm_class 1.2.0-1.3.0
469c8d55 lstm_class_static 1.2.0-1.3.0
0cab7fa4 lstm_stack 1.1.0-1.3.0
93e2eeca lstm_stack 1.1.0-1.3.0
ff99c031 lstm_stack 1.1.0-1.3.0
06687152 lstm_static 1.2.0-1.3.0
98665e66 lstm_static 1.1.0
67b26ccd max 0.5.0-0.8.1
a64512da max 1.0.0-1.3.0
429b3b0f maximum 1.2.0
43829040 maximum 0.5.0-1.1.0
5fde9c26 maximum 1.2.0-1.3.0
644dfa76 maximum 0.5.0-1.1.0
8d57b091 maximum 1.3.0
1902313a minimum 1.2.0-1.3.0
4de706f1 minimum 0.5.0-1.1.0
b3b69e47 minimum 1.3.0
bc408970 minimum 1.2.0
bc521f53 minimum 0.5.0-1.1.0
7eb6b3c4 mult CICADA
a2ae1928 mult 0.7.0-1.3.0
b20c874b mult AXOL1TL
cd44f6f9 mult 0.5.0-0.6.0
8b1a2649 mult_buffer 0.5.0-0.8.1
b585a708 mult_buffer 1.0.0-1.3.0
66f150ff multiply L1METML
687792a1 multiply 0.5.0-1.3.0
ae470fb0 multiply 0.5.0-1.2.0
fc9c0824 multiply 1.3.0
70d6055e normalize 0.7.0-1.3.0
7dd33519 normalize 0.5.0-0.6.0
8d815f4a normalize CICADA
9083a0aa normalize 0.7.0-1.3.0
d1d63928 normalize CICADA
f32c3401 normalize 0.5.0-0.6.0
5ae145a2 normalize_binary_tanh 0.8.0-1.3.0
b70727fe normalize_binary_tanh 0.8.0-1.3.0
17b01661 normalize_ternary_tanh 0.8.0-1.3.0
c41a38ae normalize_ternary_tanh 0.7.0-1.3.0
231d1bf0 pad_val 0.5.0-1.3.0
04a45273 pointwise_conv_1d_cl 1.2.0-1.3.0
0d4ed11c pointwise_conv_1d_cl L1METML TOoLLiP
7e91bba1 pointwise_conv_1d_cl 1.2.0-1.3.0
7fe2ae4d pointwise_conv_1d_cl L1TSC4NGJetModel
85d0647a pointwise_conv_1d_cl 0.5.0-1.1.0
99857f17 pointwise_conv_1d_cl 1.0.0-1.3.0
af66a258 pointwise_conv_1d_cl CICADA
d9632ec2 pointwise_conv_1d_cl 0.7.0-0.8.1
d96fd39f pointwise_conv_1d_cl 0.7.0-1.1.0
91bfaba1 pointwise_conv_1d_latency_cl CICADA
c1d447c2 pointwise_conv_1d_latency_cl L1METML TOoLLiP
c1ec1a9d pointwise_conv_1d_latency_cl 1.2.0-1.3.0
e5c36526 pointwise_conv_1d_latency_cl 1.0.0-1.1.0
2716e6e0 pointwise_conv_1d_latency_cl_split_by_rf L1METML TOoLLiP
f9f34d91 pointwise_conv_1d_resource_cl CICADA
04f00941 pointwise_conv_2d_cl 1.2.0-1.3.0
0e277426 pointwise_conv_2d_cl 1.2.0-1.3.0
2265fec5 pointwise_conv_2d_cl 0.5.0-1.1.0
344a305d pointwise_conv_2d_cl 1.2.0-1.3.0
5dceedc9 pointwise_conv_2d_cl CICADA
9218b20e pointwise_conv_2d_cl 1.2.0-1.3.0
e2876f80 pointwise_conv_2d_cl 0.7.0-1.1.0
fd44090e pointwise_conv_2d_cl 0.7.0-1.1.0
e354f39b pointwise_conv_2d_latency_cl CICADA
f8fbfef9 pointwise_conv_2d_resource_cl CICADA
34a46124 pointwise_mult_buffer 1.1.0-1.3.0
801eb552 pointwise_mult_buffer 0.5.0-1.0.0
99bec796 pool_op 1.0.0-1.3.0
c556d564 pool_op 0.5.0-0.8.1
eeabcc76 pool_op 1.0.0-1.3.0
2209ba3d pool_op_limit 0.7.0-1.3.0
8d446bd5 pool_op_limit 0.5.0-0.6.0
e6506135 pool_op_limit 0.7.0-1.3.0
3593f770 pool_op_limit_1d 0.7.0-1.3.0
719cde87 pool_op_limit_1d 0.5.0-0.6.0
05acf83f pooling1d_buffer_cl 0.6.0-1.3.0
21818bc3 pooling1d_cl 0.7.0-1.3.0
2caa77f6 pooling1d_cl 0.7.0-0.8.1
44228587 pooling1d_cl 1.2.0-1.3.0
452b0b8d pooling1d_cl 1.0.0-1.1.0
7d4e577d pooling1d_cl 0.8.0-0.8.1
e87ec465 pooling1d_cl 0.6.0-1.3.0
93061fe3 pooling1d_encoded_cl 0.6.0-1.3.0
0db29166 pooling2d_buffer_cl 0.6.0-1.3.0
14c4f24e pooling2d_cf 0.8.0-0.8.1
2e0f3373 pooling2d_cf 0.7.0-0.8.1
376e8d61 pooling2d_cf 0.7.0-0.7.1
fbbc2b1f pooling2d_cf 1.0.0-1.3.0
2d0d013f pooling2d_cl 1.2.0-1.3.0
606d1f97 pooling2d_cl 0.7.0-0.8.1
7e1ed76f pooling2d_cl 1.0.0-1.1.0
b220dd26 pooling2d_cl 0.8.0-0.8.1
be72150b pooling2d_cl 0.6.0-1.3.0
c566d589 pooling2d_cl 0.7.0-1.3.0
8c1f9885 pooling2d_encoded_cl 0.6.0-1.3.0
0d3829c2 prelu 1.0.0-1.3.0
6a6588ba prelu 1.0.0-1.3.0
7ac0bde2 prelu 0.5.0-0.8.1
97f17cde prelu 0.5.0-0.8.1
5a8a12f6 print_result 0.5.0-1.3.0
edc4a7e0 print_result 0.5.0-1.3.0
9c59c729 read_file_1D 0.5.0-1.3.0
0db568d8 read_file_2D 0.5.0-1.3.0
70b13321 read_time_step_2d 1.2.0-1.3.0
22c81a9b read_time_step_3d 1.2.0-1.3.0
51fb874f read_time_step_4d 1.2.0-1.3.0
a8311a84 reduce 0.6.0-1.3.0
b1afde73 reduce 0.5.0
ecc34fbf reduce_global_pool 0.5.0-1.3.0
2bcb6722 reduce_pool 0.5.0-1.3.0
29635330 relu NNPuppiTauModel
4cc183f8 relu 0.7.0-1.3.0
7286da28 relu 0.5.0-1.3.0
df2d9d2e relu 0.5.0-1.3.0
2ca108f3 relu1 0.5.0-1.3.0
b3f46f7d relu6 0.5.0-1.3.0
feb4770b relu_max 0.5.0-1.3.0
16457267 repack_stream 0.5.0-1.3.0
300a542e res_write 0.7.0-1.3.0
7d9388bf resize_nearest 0.5.0-0.6.0
a48e8867 resize_nearest 0.5.0-1.3.0
ab59dcb6 resize_nearest 0.7.0-1.3.0
47f3fe54 save_layer_output 0.5.0-1.3.0
d90fd9f0 save_layer_output 0.5.0-1.3.0
c00df210 save_output_array 0.5.0-1.3.0
f9d14a12 save_output_array 0.5.0-1.3.0
1698d2eb scale_index_K_gte_S 0.6.0-1.3.0
f5abcc03 scale_index_K_lt_S 0.6.0-1.3.0
957f59cf scale_index_regular 0.7.0-1.3.0
fbec0cdc scale_index_unscaled 0.7.0-1.3.0
553653ec selu 1.2.0-1.3.0
88b7f05c selu 0.5.0-1.1.0
d1ab6c82 selu 0.5.0-1.3.0
d90c147a selu_fcn_float 0.5.0-1.3.0
0d6fb684 separable_conv_1d_cl 1.1.0-1.3.0
22793c5b separable_conv_1d_cl 1.1.0-1.3.0
2e8dfae8 separable_conv_1d_cl 0.6.0-0.7.1
49d82973 separable_conv_1d_cl 1.0.0-1.3.0
a4553105 separable_conv_1d_cl 0.7.0-0.7.1
bda95f72 separable_conv_1d_cl 0.8.0-1.0.0
be97b25d separable_conv_1d_cl 0.8.0-1.0.0
17c025c1 separable_conv_2d_cl 1.1.0-1.3.0
200d2156 separable_conv_2d_cl 0.8.0-1.0.0
3b6e0204 separable_conv_2d_cl 0.8.0-1.0.0
75654ca9 separable_conv_2d_cl 0.6.0-0.7.1
7edabfd8 separable_conv_2d_cl 1.1.0-1.3.0
87318234 separable_conv_2d_cl 0.7.0-0.7.1
da642f11 separable_conv_2d_cl 1.0.0-1.3.0
e805efcb shift_line_buffer 0.6.0-1.3.0
5a620024 sigmoid 0.5.0-1.3.0
8281691e sigmoid 0.5.0-1.3.0
a194385d sigmoid 0.7.0-1.3.0
cc588c57 sigmoid NNPuppiTauModel
4cb1420a sigmoid_fcn_float 0.5.0-1.3.0
684665a2 sigmoid_fcn_float NNPuppiTauModel
32e02f63 sin 0.8.0-1.3.0
c698efa2 sin_lut 0.8.0-1.3.0
545a8342 sincos_lut 0.8.0-1.3.0
1a56bb6a softmax 0.5.0-0.6.0
9fb874e0 softmax 0.7.0-1.1.0
b8533dfd softmax 0.6.0
ccc63d12 softmax 0.7.0-1.3.0
e878b2ce softmax 1.2.0-1.3.0
2954bb29 softmax_argmax 0.7.0-1.1.0
5e245a49 softmax_argmax 1.2.0-1.3.0
c50ab431 softmax_argmax 0.7.0-1.3.0
921e3c70 softmax_idx_from_real_val 1.2.0-1.3.0
d1e7b9da softmax_idx_from_real_val 0.5.0-1.1.0
651bd8a0 softmax_latency 0.6.0-1.1.0
781bf38d softmax_latency 1.2.0-1.3.0
c0c44d63 softmax_latency 0.5.0-1.1.0
f511f473 softmax_latency 1.2.0-1.3.0
55f190e5 softmax_legacy 0.5.0-1.1.0
653635eb softmax_legacy 1.2.0-1.3.0
b956e4c5 softmax_legacy 0.6.0-1.3.0
2016e3c0 softmax_multidim 1.2.0-1.3.0
04cb2601 softmax_real_val_from_idx 1.2.0-1.3.0
bb9b7e53 softmax_real_val_from_idx 0.5.0-1.1.0
13d14234 softmax_stable 1.2.0-1.3.0
850108b4 softmax_stable 0.5.0-1.1.0
8b4bdedc softmax_stable AXOL1TL
a1e74673 softmax_stable 1.2.0-1.3.0
b529c853 softmax_stable 0.6.0-1.1.0
32576f31 softplus 0.5.0-1.3.0
9a3cf97b softplus 0.5.0-1.3.0
b44b3aa5 softplus_fcn_float 0.5.0-1.3.0
56a9fc26 softsign 0.5.0-1.3.0
f5e9f387 softsign 0.5.0-1.3.0
54b65d6f softsign_fcn_float 0.5.0-1.3.0
0226d9f5 subtract 0.5.0-1.3.0
7457917e subtract 1.3.0
fd182dc7 subtract 0.5.0-1.2.0
37d4458e tanh 0.7.0-1.3.0
da8637d1 tanh 0.5.0-1.3.0
f8f0584d tanh 0.5.0-1.3.0
5eb3fef7 ternary_tanh 0.5.0-1.3.0
e9c2746c ternary_tanh 0.7.0-1.3.0
17432be8 thresholded_relu 1.0.0-1.3.0
1d78699c thresholded_relu 0.5.0-0.8.1
a16e5ea3 thresholded_relu 1.0.0-1.3.0
accc5112 thresholded_relu 0.5.0-0.8.1
74db13d7 transfer_idx 1.1.0-1.3.0
be780599 transpose 1.1.0-1.3.0
dcb4c4b7 transpose 1.1.0-1.3.0
ea371137 transpose 1.1.0-1.3.0
904a48a3 transpose_2d 0.7.0-1.0.0
dc4ac435 transpose_2d 0.7.0-1.0.0
e53e37d3 transpose_2d 0.6.0
b8ed5ee7 transpose_3d 0.7.0-1.0.0
d4ba753d transpose_3d 0.5.0-0.6.0
176cd2f0 unary_lut 1.0.0-1.3.0
3a261f67 unary_lut 1.0.0-1.3.0
60367df1 weight_binary 0.7.0-1.3.0
41db39a4 weight_exponential 0.8.0-1.3.0
de39454f weight_ternary 0.7.0-1.3.0
0a54096a write_time_step_2d 1.2.0-1.3.0
eb6fb7a9 write_time_step_3d 1.2.0-1.3.0
f831ec13 write_time_step_4d 1.2.0-1.3.0
f6054beb zeropad1d_cf 0.5.0-1.3.0
213f7db5 zeropad1d_cl 0.5.0-1.3.0
c6ee7428 zeropad1d_cl 0.5.0
d68ea50c zeropad1d_cl 0.6.0-1.3.0
eb35db8d zeropad2d_cf 0.5.0-1.3.0
25437911 zeropad2d_cl 0.5.0
3c36811e zeropad2d_cl 0.5.0-1.3.0
b9374424 zeropad2d_cl 0.6.0-1.3.0
"""


def rows() -> list[Row]:
    """Return the rows of the table."""
    parts = (line.split() for line in ROWS.strip().splitlines())
    return [Row(part[0], part[1], tuple(_origins(part[2:]))) for part in parts]


def _origins(words: list[str]) -> Iterator[str]:
    """Yield every release of the runs from one to another."""
    for word in words:
        first, _, last = word.partition("-")
        if last:
            yield from RELEASES[RELEASES.index(first) : RELEASES.index(last) + 1]
        else:
            yield word


KNOWN = frozenset(row.fingerprint for row in rows())
"""Hashes of names and texts."""
