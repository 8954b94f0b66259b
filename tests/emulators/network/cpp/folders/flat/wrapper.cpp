#include "calo.h"
// The emulator's wrapper: not a network.
class Wrapper : public hls4mlEmulator::Model { virtual void predict() { calo(in, out); } };
