// One step of an optimizer, all arrays of a network in one launch; kernels/general.py has the formulas.
// Nothing is included: NVRTC, nvcc and the tests' g++ all take this text as it is.
//
// A block works on one array, a thread on one of its numbers. Block `first[k]` is the first of array k. The clock in
// memory, (number of this step, number of this average, learning rate), is what a recorded step goes by.

#define ARRAYS 24

struct Moves {
  float* p[ARRAYS];        // parameters
  const float* g[ARRAYS];  // gradients
  float* m[ARRAYS];        // first moment, or null
  float* v[ARRAYS];        // second moment, or null
  float* average[ARRAYS];  // or null
  int n[ARRAYS];
  int first[ARRAYS + 1];
};

struct Place { int array, i; };

__device__ __forceinline__ Place place(const Moves& moves) {
  int k = 0;
  while (moves.first[k + 1] <= (int)blockIdx.x) ++k;
  return {k, int((blockIdx.x - moves.first[k]) * blockDim.x + threadIdx.x)};
}

// The average takes in p; its decay is capped in the first steps.
__device__ __forceinline__ void take_in(const Moves& moves, Place at, float p, float decay, const float* clock) {
  float* average = moves.average[at.array];
  if (average == nullptr) return;
  float t = clock[1], weight = 1 - min(decay, (1 + t) / (10 + t));
  average[at.i] += (p - average[at.i]) * weight;
}

__device__ __forceinline__ void move(const Moves& moves, Place at, float step, float decay, const float* clock) {
  float p = moves.p[at.array][at.i] - step;
  moves.p[at.array][at.i] = p;
  take_in(moves, at, p, decay, clock);
}

// 1 - beta^t without cancellation; log_beta is -inf for a beta of 0
__device__ __forceinline__ float correction(float log_beta, float t) { return -expm1f(t * log_beta); }

extern "C" __global__ void sgd(const __grid_constant__ Moves moves, const float* clock, float decay, float momentum) {
  Place at = place(moves);
  if (at.i >= moves.n[at.array]) return;
  float v = moves.m[at.array][at.i] * momentum + moves.g[at.array][at.i];
  moves.m[at.array][at.i] = v;
  move(moves, at, v * clock[2], decay, clock);
}

extern "C" __global__ void rmsprop(const __grid_constant__ Moves moves, const float* clock, float decay, float alpha,
                                   float rest, float eps) {
  Place at = place(moves);
  if (at.i >= moves.n[at.array]) return;
  float g = moves.g[at.array][at.i], s = moves.m[at.array][at.i] * alpha + g * g * rest;
  moves.m[at.array][at.i] = s;
  move(moves, at, g / (sqrtf(s) + eps) * clock[2], decay, clock);
}

extern "C" __global__ void adam(const __grid_constant__ Moves moves, const float* clock, float decay, float beta1,
                                float rest1, float log1, float beta2, float rest2, float log2, float eps) {
  Place at = place(moves);
  if (at.i >= moves.n[at.array]) return;
  float g = moves.g[at.array][at.i];
  float m = moves.m[at.array][at.i] * beta1 + g * rest1;
  float v = moves.v[at.array][at.i] * beta2 + g * g * rest2;
  moves.m[at.array][at.i] = m;
  moves.v[at.array][at.i] = v;
  float c = sqrtf(correction(log2, clock[0]));
  move(moves, at, m / (sqrtf(v) + c * eps) * (clock[2] * c / correction(log1, clock[0])), decay, clock);
}

extern "C" __global__ void adamax(const __grid_constant__ Moves moves, const float* clock, float decay, float beta1,
                                  float rest1, float beta2, float eps) {
  Place at = place(moves);
  if (at.i >= moves.n[at.array]) return;
  float g = moves.g[at.array][at.i];
  float m = moves.m[at.array][at.i] * beta1 + g * rest1;
  float v = max(moves.v[at.array][at.i] * beta2 + eps, fabsf(g));
  moves.m[at.array][at.i] = m;
  moves.v[at.array][at.i] = v;
  move(moves, at, m / v * clock[2], decay, clock);
}

// Averages of arrays p that something else has changed
extern "C" __global__ void follow(const __grid_constant__ Moves moves, const float* clock, float decay) {
  Place at = place(moves);
  if (at.i < moves.n[at.array]) take_in(moves, at, moves.p[at.array][at.i], decay, clock);
}
