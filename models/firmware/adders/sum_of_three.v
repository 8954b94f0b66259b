`timescale 1ns / 1ps
// in0 * 2**P0 + in1 * 2**P1 + in2 * 2**P2 + CONSTANT, with N of an operand that is subtracted.
// Where OPERANDS is 2, in2 is not there. S: two's complement.
module sum_of_three #(
    parameter OPERANDS = 3, WIDTH = 8,
    parameter W0 = 8, S0 = 0, N0 = 0, P0 = 0,
    parameter W1 = 8, S1 = 0, N1 = 0, P1 = 0,
    parameter W2 = 8, S2 = 0, N2 = 0, P2 = 0,
    parameter [WIDTH-1:0] CONSTANT = 0
) (
    input [W0-1:0] in0,
    input [W1-1:0] in1,
    input [W2-1:0] in2,
    output [WIDTH-1:0] out
);
  // verilator lint_off UNUSED
  wire [WIDTH+W0-1:0] wide0 = {{WIDTH{S0 ? in0[W0-1] : 1'b0}}, in0};
  wire [WIDTH+W1-1:0] wide1 = {{WIDTH{S1 ? in1[W1-1] : 1'b0}}, in1};
  wire [WIDTH+W2-1:0] wide2 = {{WIDTH{S2 ? in2[W2-1] : 1'b0}}, in2};
  // verilator lint_on UNUSED
  wire [WIDTH-1:0] x0 = wide0[WIDTH-1:0] << P0;
  wire [WIDTH-1:0] x1 = wide1[WIDTH-1:0] << P1;
  wire [WIDTH-1:0] x2 = wide2[WIDTH-1:0] << P2;
  wire [WIDTH-1:0] two = (N0 ? -x0 : x0) + (N1 ? -x1 : x1);
  generate
    if (OPERANDS == 3) assign out = two + (N2 ? -x2 : x2) + CONSTANT;
    else assign out = two + CONSTANT;
  endgenerate
endmodule
