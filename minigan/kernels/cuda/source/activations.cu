// Maps of one number at a time. NVRTC, nvcc and the tests' g++ all take this text as it is: it includes nothing.

// y = max(x, slope * x), 0 <= slope <= 1. Not a number stays none; with a slope of 0, -inf * 0 must not become one.
extern "C" __global__ void leaky_relu(const float* __restrict__ x, float* __restrict__ y, float slope, int n) {
  unsigned int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  float v = x[i];
  y[i] = v <= 0 ? (slope == 0 ? 0 : slope * v) : v;
}

// dx = dy where y > 0, slope * dy elsewhere
extern "C" __global__ void leaky_relu_grad(const float* __restrict__ dy, const float* __restrict__ y,
                                           float* __restrict__ dx, float slope, int n) {
  unsigned int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) dx[i] = y[i] > 0 ? dy[i] : slope * dy[i];
}
