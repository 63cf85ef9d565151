// im2col and its adjoint for images x (N, H, W, C) and columns (N, OH, OW, KH, KW, C), of which a row is the window
// that one output pixel looks at. One block per row of pixels. Every number is written once, by one thread, and summed
// in the order of the window's places: no atomics, the same bits every time.

// Thread t has the place q = t % width of `length` numbers that lie side by side and repeat; where fewer numbers than
// threads lie side by side, t / width threads share the repetitions.
struct Share {
    int place, first, step;
};

__device__ Share share(int length) {
    int width = min(length, (int)blockDim.x), together = blockDim.x / width;
    return {(int)threadIdx.x % width, (int)threadIdx.x / width, together};
}

__device__ void add(float& sum, float value) { sum += value; }

__device__ void add(float4& sum, float4 value) {
    sum.x += value.x;
    sum.y += value.y;
    sum.z += value.z;
    sum.w += value.w;
}

template <typename T>
__device__ void gather(const T* __restrict__ x, T* __restrict__ columns, int H, int W, int C, int KH, int KW, int OH,
                       int OW, int SH, int SW, int PH, int PW) {
    int n = blockIdx.x / OH, i = blockIdx.x % OH, length = KH * KW * C;
    Share mine = share(length);
    if (mine.first >= mine.step) return;
    for (int q = mine.place; q < length; q += blockDim.x) {
        int l = q / C % KW, c = q % C, h = SH * i + q / C / KW - PH;
        const T* row = x + ((long long)n * H + h) * W * C + c;
        T* to = columns + (size_t)blockIdx.x * OW * length + q;
        for (int j = mine.first; j < OW; j += mine.step) {
            int w = SW * j + l - PW;
            bool inside = 0 <= h && h < H && 0 <= w && w < W;
            to[(size_t)j * length] = inside ? row[(long long)w * C] : T{};
        }
    }
}

// x[n, h, w, c] = sum over k, l of columns[n, i, j, k, l, c] with SH i + k - PH = h and SW j + l - PW = w.
template <typename T>
__device__ void fold(const T* __restrict__ columns, T* __restrict__ x, int H, int W, int C, int KH, int KW, int OH,
                     int OW, int SH, int SW, int PH, int PW) {
    int n = blockIdx.x / H, a = blockIdx.x % H + PH;
    Share mine = share(C);
    if (mine.first >= mine.step) return;
    for (int c = mine.place; c < C; c += blockDim.x)
        for (int w = mine.first; w < W; w += mine.step) {
            int b = w + PW;
            T sum = {};
            for (int k = a % SH; k < KH && k <= a; k += SH) {
                int i = (a - k) / SH;
                if (i >= OH) continue;
                for (int l = b % SW; l < KW && l <= b; l += SW) {
                    int j = (b - l) / SW;
                    if (j < OW) add(sum, columns[((((size_t)n * OH + i) * OW + j) * KH * KW + k * KW + l) * C + c]);
                }
            }
            x[((size_t)blockIdx.x * W + w) * C + c] = sum;
        }
}

extern "C" __global__ void im2col(const float* x, float* columns, int H, int W, int C, int KH, int KW, int OH, int OW,
                                  int SH, int SW, int PH, int PW) {
    gather(x, columns, H, W, C, KH, KW, OH, OW, SH, SW, PH, PW);
}

extern "C" __global__ void col2im(const float* columns, float* x, int H, int W, int C, int KH, int KW, int OH, int OW,
                                  int SH, int SW, int PH, int PW) {
    fold(columns, x, H, W, C, KH, KW, OH, OW, SH, SW, PH, PW);
}

// The same for C a multiple of four and memory that begins at a multiple of 16 bytes: four channels at a time.

extern "C" __global__ void im2col_by_4(const float* x, float* columns, int H, int W, int C, int KH, int KW, int OH,
                                       int OW, int SH, int SW, int PH, int PW) {
    gather((const float4*)x, (float4*)columns, H, W, C / 4, KH, KW, OH, OW, SH, SW, PH, PW);
}

extern "C" __global__ void col2im_by_4(const float* columns, float* x, int H, int W, int C, int KH, int KW, int OH,
                                       int OW, int SH, int SW, int PH, int PW) {
    fold((const float4*)columns, (float4*)x, H, W, C / 4, KH, KW, OH, OW, SH, SW, PH, PW);
}
