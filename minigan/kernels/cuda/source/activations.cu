// Maps of one number at a time. No #include: NVRTC, nvcc and the tests' g++ all take this text as it is.

// y = max(x, slope · x), for 0 <= slope <= 1; a slope of 0 is a branch of its own, since 0 · ∞ would be no number.
extern "C" __global__ void leaky_relu(const float* __restrict__ x, float* __restrict__ y, float slope, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) {
    float v = x[i];
    y[i] = v > 0 ? v : slope == 0 ? (v <= 0 ? 0 : v) : slope * v;
  }
}
