#include "NN/Anomaly_v8.h"
using namespace anomaly_v8;
