// The two maps of batch norm; channels are the columns of a row-major matrix of n numbers.
// Nothing is included: NVRTC, nvcc and the tests' g++ all take this text as it is.

// y = max(t, slope * t) of t = weight * ((x - mean) * rstd) + bias
extern "C" __global__ void batchnorm(const float* __restrict__ x, const float* __restrict__ mean,
                                     const float* __restrict__ rstd, const float* __restrict__ weight,
                                     const float* __restrict__ bias, float* __restrict__ y, float slope, int columns,
                                     int n) {
  unsigned int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  unsigned int c = i % columns;
  float t = weight[c] * ((x[i] - mean[c]) * rstd[c]) + bias[c];
  y[i] = t <= 0 ? (slope == 0 ? 0 : slope * t) : t;
}

// dx = weight * rstd * (dy - a - (x - mean) * rstd * b); dx may be dy
extern "C" __global__ void batchnorm_grad(const float* dy, const float* __restrict__ x,
                                          const float* __restrict__ mean, const float* __restrict__ rstd,
                                          const float* __restrict__ weight, const float* __restrict__ a,
                                          const float* __restrict__ b, float* dx, int columns, int n) {
  unsigned int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  unsigned int c = i % columns;
  dx[i] = weight[c] * rstd[c] * (dy[i] - a[c] - (x[i] - mean[c]) * rstd[c] * b[c]);
}
