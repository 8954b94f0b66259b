library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;

-- in0 * 2**P0 + in1 * 2**P1 + in2 * 2**P2 + CONSTANT, with N = 1 for an operand that is subtracted
-- and S = 1 for two's complement. Where OPERANDS is 2, in2 is not there.
entity sum_of_three is
  generic (
    OPERANDS : natural := 3;
    WIDTH : positive := 8;
    W0 : positive := 8; S0 : natural := 0; N0 : natural := 0; P0 : natural := 0;
    W1 : positive := 8; S1 : natural := 0; N1 : natural := 0; P1 : natural := 0;
    W2 : positive := 1; S2 : natural := 0; N2 : natural := 0; P2 : natural := 0;
    CONSTANT_BITS : std_logic_vector := "0"
  );
  port (
    in0 : in std_logic_vector(W0 - 1 downto 0);
    in1 : in std_logic_vector(W1 - 1 downto 0);
    in2 : in std_logic_vector(W2 - 1 downto 0);
    result : out std_logic_vector(WIDTH - 1 downto 0)
  );
end entity sum_of_three;

architecture rtl of sum_of_three is
  function operand(
    bits : std_logic_vector; is_signed, is_negative, shift : natural
  ) return signed is
    variable wide : signed(WIDTH + bits'length - 1 downto 0);
    variable value : signed(WIDTH - 1 downto 0);
  begin
    if is_signed = 1 then
      wide := resize(signed(bits), wide'length);
    else
      wide := signed(resize(unsigned(bits), wide'length));
    end if;
    value := shift_left(wide(WIDTH - 1 downto 0), shift);
    if is_negative = 1 then
      value := -value;
    end if;
    return value;
  end function;

  signal two : signed(WIDTH - 1 downto 0);
begin
  two <= operand(in0, S0, N0, P0) + operand(in1, S1, N1, P1);
  three_operands : if OPERANDS = 3 generate
    result <= std_logic_vector(two + operand(in2, S2, N2, P2));
  end generate;
  two_operands : if OPERANDS = 2 generate
    result <= std_logic_vector(two + signed(resize(unsigned(CONSTANT_BITS), WIDTH)));
  end generate;
end architecture rtl;
