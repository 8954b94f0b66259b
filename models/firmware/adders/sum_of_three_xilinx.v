// The same as carry chains of AMD's devices: one table of two outputs a bit.
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
  function integer lesser(input integer a, input integer b);
    lesser = a < b ? a : b;
  endfunction
  function integer middle(input integer a, input integer b, input integer c);
    middle = a > b ? (b > c ? b : lesser(a, c)) : (a > c ? a : lesser(b, c));
  endfunction
  function integer lowest(input [WIDTH-1:0] value);
    integer i;
    begin
      lowest = WIDTH;
      for (i = WIDTH - 1; i >= 0; i = i - 1) if (value[i]) lowest = i;
    end
  endfunction

  localparam THREE = OPERANDS == 3;
  // What is added so that a subtracted operand is its complement.
  localparam [WIDTH-1:0] ONE = 1;
  localparam [WIDTH-1:0] ADDED = CONSTANT + (N0 ? ONE << P0 : 0) + (N1 ? ONE << P1 : 0);
  localparam THIRD = THREE ? P2 : lowest(ADDED);
  localparam NEGATIVE = lesser(lesser(N0 ? P0 : WIDTH, N1 ? P1 : WIDTH), THREE && N2 ? P2 : WIDTH);
  // Below this bit there is one operand only, and it is added.
  localparam START = lesser(lesser(middle(P0, P1, THIRD), NEGATIVE), WIDTH);
  localparam COUNT = N0 + N1 + (THREE ? N2 : 0);
  localparam BLOCKS = (WIDTH - START + 3) / 4;

  wire [WIDTH+W0-1:0] wide0 = {{WIDTH{S0 ? in0[W0-1] : 1'b0}}, in0};
  wire [WIDTH+W1-1:0] wide1 = {{WIDTH{S1 ? in1[W1-1] : 1'b0}}, in1};
  wire [WIDTH+W2-1:0] wide2 = {{WIDTH{S2 ? in2[W2-1] : 1'b0}}, in2};
  wire [WIDTH-1:0] x0 = wide0[WIDTH-1:0] << P0;
  wire [WIDTH-1:0] x1 = wide1[WIDTH-1:0] << P1;
  wire [WIDTH-1:0] x2 = THREE ? wide2[WIDTH-1:0] << P2 : ADDED;

  localparam [63:0] I0 = 64'hAAAAAAAAAAAAAAAA, I1 = 64'hCCCCCCCCCCCCCCCC;
  localparam [63:0] I2 = 64'hF0F0F0F0F0F0F0F0, I3 = 64'hFF00FF00FF00FF00;
  wire [4*BLOCKS-1:0] s, di, o, co;
  genvar i;
  generate
    if (START > 0) begin : low
      assign out[START-1:0] = x0[START-1:0] | x1[START-1:0] | x2[START-1:0];
    end
    for (i = START; i < 4 * BLOCKS + START; i = i + 1) begin : bits
      if (i >= WIDTH) begin : none
        assign s[i-START] = 1'b0;
        assign di[i-START] = 1'b0;
      end else if (THREE) begin : three
        localparam [63:0] A = N0 ? ~I0 : I0, B = N1 ? ~I1 : I1, C = N2 ? ~I2 : I2;
        localparam [63:0] SUM = A ^ B ^ C ^ I3, NEXT = (A & B) | (C & (A | B));
        if (i == START) begin : first
          assign di[0] = COUNT > 1;
        end
        wire next;
        LUT6_2 #(.INIT({SUM[63:32], NEXT[31:0]})) lut (
            .I0(x0[i]), .I1(x1[i]), .I2(x2[i]), .I3(di[i-START]), .I4(1'b0), .I5(1'b1),
            .O6(s[i-START]), .O5(next));
        if (i + 1 < WIDTH) begin : more
          assign di[i+1-START] = next;
        end
      end else begin : two
        localparam [63:0] A = N0 && i >= P0 ? ~I0 : I0, B = N1 && i >= P1 ? ~I1 : I1;
        localparam [63:0] D = N0 && i > P0 ? ~I2 : I2, E = N1 && i > P1 ? ~I3 : I3;
        localparam [63:0] K = ADDED[i] ? ~64'd0 : 64'd0;
        localparam [63:0] L = i > START && ADDED[i>START?i-1:0] ? ~64'd0 : 64'd0;
        localparam [63:0] DIGIT = i > START ? (D & E) | (L & (D | E)) : 64'd0;
        localparam [63:0] SUM = A ^ B ^ K ^ DIGIT;
        LUT6_2 #(.INIT({SUM[63:32], DIGIT[31:0]})) lut (
            .I0(x0[i]), .I1(x1[i]), .I2(i > START ? x0[i>START?i-1:0] : 1'b0),
            .I3(i > START ? x1[i>START?i-1:0] : 1'b0), .I4(1'b0), .I5(1'b1),
            .O6(s[i-START]), .O5(di[i-START]));
      end
    end
    for (i = 0; i < BLOCKS; i = i + 1) begin : chain
      CARRY4 carry (
          .CYINIT(i == 0 ? THREE && COUNT > 0 : 1'b0), .CI(i == 0 ? 1'b0 : co[i>0?4*i-1:0]),
          .DI(di[4*i+:4]), .S(s[4*i+:4]), .O(o[4*i+:4]), .CO(co[4*i+:4]));
    end
    assign out[WIDTH-1:START] = o[WIDTH-1-START:0];
  endgenerate
endmodule
