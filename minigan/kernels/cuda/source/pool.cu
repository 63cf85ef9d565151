// Pooling of images (N, H, W, C) into (N, OH, OW, C). One block per row of pixels, one thread per number of the result:
// each is written once, and sums run in the order of the window's places k * KW + l, so all rounding is the formula's.

extern "C" __global__ void max_pool(const float* __restrict__ x, float* __restrict__ y,
                                    unsigned char* __restrict__ winner, int H, int W, int C, int KH, int KW, int OH,
                                    int OW, int SH, int SW, int PH, int PW) {
    int n = blockIdx.x / OH, top = blockIdx.x % OH * SH - PH;
    for (int q = threadIdx.x; q < OW * C; q += blockDim.x) {
        int left = q / C * SW - PW;
        int place = max(0, -top) * KW + max(0, -left);  // the first inside
        float best = x[(((size_t)n * H + max(0, top)) * W + max(0, left)) * C + q % C];
        for (int t = place + 1; t < KH * KW; ++t) {
            int h = top + t / KW, w = left + t % KW;
            if (h >= H || w < 0 || w >= W) continue;
            float value = x[(((size_t)n * H + h) * W + w) * C + q % C];
            if (value > best) place = t;
            if (value > best || value != value) best = value;  // no number stays: nothing is higher
        }
        y[(size_t)blockIdx.x * OW * C + q] = best;
        winner[(size_t)blockIdx.x * OW * C + q] = place;
    }
}

extern "C" __global__ void max_pool_pick(const float* __restrict__ x, float* __restrict__ y,
                                         const unsigned char* __restrict__ winner, int H, int W, int C, int KH, int KW,
                                         int OH, int OW, int SH, int SW, int PH, int PW) {
    int n = blockIdx.x / OH, top = blockIdx.x % OH * SH - PH;
    for (int q = threadIdx.x; q < OW * C; q += blockDim.x) {
        size_t at = (size_t)blockIdx.x * OW * C + q;
        int h = top + winner[at] / KW, w = q / C * SW - PW + winner[at] % KW;
        bool inside = 0 <= h && h < H && 0 <= w && w < W;
        y[at] = inside ? x[(((size_t)n * H + h) * W + w) * C + q % C] : 0.0f;
    }
}

extern "C" __global__ void sum_pool(const float* __restrict__ x, float* __restrict__ y, int H, int W, int C, int KH,
                                    int KW, int OH, int OW, int SH, int SW, int PH, int PW) {
    int n = blockIdx.x / OH, top = blockIdx.x % OH * SH - PH;
    for (int q = threadIdx.x; q < OW * C; q += blockDim.x) {
        int left = q / C * SW - PW;
        float sum = 0.0f;
        for (int h = max(0, top); h < min(H, top + KH); ++h)
            for (int w = max(0, left); w < min(W, left + KW); ++w) sum += x[(((size_t)n * H + h) * W + w) * C + q % C];
        y[(size_t)blockIdx.x * OW * C + q] = sum;
    }
}

// dx at a pixel: the sum of dy over the windows that have it, or, given `winner`, over those where it won.
extern "C" __global__ void pool_grad(const float* __restrict__ dy, const unsigned char* __restrict__ winner,
                                     float* __restrict__ dx, int H, int W, int C, int KH, int KW, int OH, int OW,
                                     int SH, int SW, int PH, int PW) {
    int n = blockIdx.x / H, a = blockIdx.x % H + PH;
    for (int q = threadIdx.x; q < W * C; q += blockDim.x) {
        int b = q / C + PW;
        float sum = 0.0f;
        for (int k = a % SH; k < KH && k <= a; k += SH) {
            int i = (a - k) / SH;
            if (i >= OH) continue;
            for (int l = b % SW; l < KW && l <= b; l += SW) {
                int j = (b - l) / SW;
                if (j >= OW) continue;
                size_t at = (((size_t)n * OH + i) * OW + j) * C + q % C;
                if (winner == nullptr || winner[at] == k * KW + l) sum += dy[at];
            }
        }
        dx[(size_t)blockIdx.x * W * C + q] = sum;
    }
}
