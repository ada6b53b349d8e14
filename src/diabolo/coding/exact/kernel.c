// Exact coding of pictures of 8 bits, pixel by pixel, in whole numbers (docs/format.md, "Pictures coded exactly").
// One function codes and decodes. Built by `make kernel` to kernel.wasm, which gives the same bits on every processor.
#include <stdint.h>
#include <wasm_simd128.h>

typedef int32_t i32;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int16_t i16;
typedef uint16_t u16;
typedef uint8_t u8;

enum { PLANES = 4, K = 24, F = 48, HIDDEN = 16, FB = 4, MARGIN = 4, SLOTS = 16, CONTEXTS = 3, INPUTS = 8 };
enum { ENCODE, DECODE, DUMP };

// The model file, as bench/train_photos.py writes it.
static struct {
    u32 tail[2][4096];   // mass beyond z / 64 scales: logistic, Student's t with 3 degrees; 2^27 is 1
    i16 blend[512];      // weight of a predictor by its recent error, where 16 to 31 is the least
    i32 inverse[256];    // 2^18 / 2^(L / 16)
    i32 scale[256];      // 16 * 2^(L / 16)
    i32 rate[512];       // 65536 / (n + 1.5)
    i16 stretch[4096];
    u16 squash[4096];
    i16 log[8192];       // 16 log2
    i32 bias1[3][HIDDEN], bias2[3][2];
    i16 first[3][F / 2][HIDDEN][2];
    i16 second[3][2][HIDDEN];
} M __attribute__((aligned(16)));

static struct {
    u32 adaptive[PLANES][CONTEXTS][1331 * SLOTS];  // probability of 22 bits, count of 9
    i32 mix[PLANES][SLOTS * 32][INPUTS];
    i32 spread[PLANES][4][4096], seen[PLANES][4][4096];
    i32 bias[PLANES][3][4096], met[PLANES][3][4096];
} S;

extern u8 __heap_base;
static u32 x1, x2, code_;
static u8 *bytes;
static u32 place, length;
static i32 decoding;

u8 *model(void) { return (u8 *)&M; }
u32 model_size(void) { return sizeof M; }
u8 *heap(void) { return &__heap_base; }

static inline i32 min(i32 a, i32 b) { return a < b ? a : b; }
static inline i32 max(i32 a, i32 b) { return a > b ? a : b; }
static inline i32 clamp(i32 x, i32 a, i32 b) { return max(a, min(x, b)); }
static inline i32 mag(i32 x) { return x < 0 ? -x : x; }
static inline i32 lg(i32 x) { return M.log[min(x, 8191)]; }
static inline u32 next(void) { u32 b = place < length ? bytes[place] : 0; place++; return b; }

// One binary decision; p: probability of 1 in 65536ths.
static i32 decide(i32 bit, u32 p) {
    u32 middle = x1 + (u32)(((u64)(x2 - x1) * p) >> 16);
    if (decoding) bit = code_ <= middle;
    if (bit) x2 = middle; else x1 = middle + 1;
    while (!((x1 ^ x2) >> 24)) {
        if (decoding) code_ = code_ << 8 | next();
        else { if (place < length) bytes[place] = x2 >> 24; place++; }
        x1 <<= 8;
        x2 = x2 << 8 | 255;
    }
    return bit;
}

static inline i32 sloped(i32 a, i32 b, i32 c) {  // LOCO-I's median predictor
    i32 low = min(a, b), high = max(a, b);
    return c >= high ? low : c <= low ? high : a + b - c;
}

static inline i32 signed11(i32 e) {  // a signed error to 0..10
    i32 m = min(5, lg(mag(e) >> 2) >> 4);
    return mag(e) < 8 ? 5 : e > 0 ? 5 + m : 5 - m;
}

static inline u32 beyond(i32 kind, i32 z, i32 inverse) { return M.tail[kind][min(4095, (max(z, 0) * inverse + 2048) >> 12)]; }

static inline i32 share(u32 part, u32 whole) {  // part / whole in 4096ths
    return whole < 16 ? 2048 : min(4095, (part << 4) / (whole >> 8 ? whole >> 8 : 1));
}

static inline i32 total_of(v128_t x) {
    x = wasm_i32x4_add(x, wasm_i64x2_shuffle(x, x, 1, 0));
    return wasm_i32x4_extract_lane(x, 0) + wasm_i32x4_extract_lane(x, 1);
}

// One decision under the mixer: two distributions' opinions (in 4096ths) and three adaptive ones.
static i32 mixed(i32 p, i32 bit, i32 slot, i32 set, const i32 *contexts, i32 a, i32 b) {
    u32 *cells[CONTEXTS];
    for (i32 i = 0; i < CONTEXTS; i++) cells[i] = &S.adaptive[p][i][contexts[i] * SLOTS + slot];
    const v128_t one = wasm_i32x4_make(M.stretch[a], M.stretch[b], 256, M.stretch[*cells[0] >> 19]);
    const v128_t two = wasm_i32x4_make(M.stretch[*cells[1] >> 19], M.stretch[*cells[2] >> 19], 0, 0);
    i32 *w = S.mix[p][slot * 32 + set];
    v128_t first = wasm_v128_load(w), second = wasm_v128_load(w + 4);
    v128_t parts = wasm_i32x4_add(wasm_i32x4_shr(wasm_i32x4_mul(one, first), 4), wasm_i32x4_shr(wasm_i32x4_mul(two, second), 4));
    i32 found = clamp(M.squash[clamp(total_of(parts) >> 12, -2047, 2047) + 2048], 24, 65512);
    bit = decide(bit, found);
    const v128_t error = wasm_i32x4_splat(((bit << 16) - found) >> 3), half = wasm_i32x4_splat(2048), most = wasm_i32x4_splat(500000);
    first = wasm_i32x4_add(first, wasm_i32x4_shr(wasm_i32x4_add(wasm_i32x4_mul(one, error), half), 12));
    second = wasm_i32x4_add(second, wasm_i32x4_shr(wasm_i32x4_add(wasm_i32x4_mul(two, error), half), 12));
    wasm_v128_store(w, wasm_i32x4_max(wasm_i32x4_min(first, most), wasm_i32x4_neg(most)));
    wasm_v128_store(w + 4, wasm_i32x4_max(wasm_i32x4_min(second, most), wasm_i32x4_neg(most)));
    for (i32 i = 0; i < CONTEXTS; i++) {
        i32 count = *cells[i] & 511, value = *cells[i] >> 9;
        value += ((((bit << 22) - bit) - value) / 16 * (M.rate[count] >> 4)) >> 8;
        *cells[i] = (u32)value << 9 | min(count + 1, 255);
    }
    return bit;
}

static void fresh(void) {
    for (i32 p = 0; p < PLANES; p++) {
        for (i32 i = 0; i < CONTEXTS; i++) for (i32 c = 0; c < 1331 * SLOTS; c++) S.adaptive[p][i][c] = 1u << 30;
        for (i32 c = 0; c < SLOTS * 32; c++)
            for (i32 i = 0; i < INPUTS; i++) S.mix[p][c][i] = i < 2 ? 20000 : i > 2 && i < 6 ? 5000 : 0;
        for (i32 i = 0; i < 4; i++) for (i32 c = 0; c < 4096; c++) S.spread[p][i][c] = 16 << 8, S.seen[p][i][c] = 0;
        for (i32 i = 0; i < 3; i++) for (i32 c = 0; c < 4096; c++) S.bias[p][i][c] = S.met[p][i][c] = 0;
    }
}

// Code `count` pictures of h x w x c values 0..top, interleaved, at `pixels`, to or from `length_` bytes at `bytes_`.
// rows: room for rows of w + 8 places, for each of c planes: 4 of values, 4 of errors, 2 of the errors of K predictors.
// Returns the bytes written (more than length_: they did not fit), or how many rows DUMP wrote at bytes_.
u32 run(i32 mode, u8 *pixels, i32 count, i32 h, i32 w, i32 c, i32 top, u8 *bytes_, u32 length_, i16 *rows, i32 effort) {
    static const u8 SOURCE[5][4] = {{0}, {0}, {0, 1}, {1, 0, 2}, {1, 0, 2, 3}};
    i32 stride = w + 2 * MARGIN, dumped = 0;
    i16 *B[PLANES][4], *E[PLANES][4];
    i16 *P[PLANES][2];
    i16 *room = rows;
    for (i32 p = 0; p < c; p++) {
        for (i32 i = 0; i < 4; i++) B[p][i] = room, room += stride;
        for (i32 i = 0; i < 4; i++) E[p][i] = room, room += stride;
        for (i32 i = 0; i < 2; i++) P[p][i] = room, room += stride * K;
    }
    bytes = bytes_, length = length_, place = 0, decoding = mode == DECODE;
    x1 = 0, x2 = ~0u;
    if (decoding) for (i32 i = 0; i < 4; i++) code_ = code_ << 8 | next();
    fresh();
    const i32 highest = top << FB;
    for (i32 n = 0; n < count; n++) {
        for (i32 p = 0; p < c; p++) {
            for (i32 i = 0; i < 4; i++) for (i32 x = 0; x < stride; x++) B[p][i][x] = (top + 1) >> 1, E[p][i][x] = 0;
            for (i32 i = 0; i < 2; i++) for (i32 x = 0; x < stride * K; x++) P[p][i][x] = 0;
        }
        for (i32 y = 0; y < h; y++, pixels += w * c) {
            for (i32 p = 0; p < c; p++) {
                i16 *b = B[p][3], *e = E[p][3];
                i16 *q = P[p][1];
                for (i32 i = 3; i > 0; i--) B[p][i] = B[p][i - 1], E[p][i] = E[p][i - 1];
                B[p][0] = b, E[p][0] = e, P[p][1] = P[p][0], P[p][0] = q;
                for (i32 i = 0; i < MARGIN; i++) {
                    b[i] = B[p][1][MARGIN], e[i] = E[p][1][MARGIN];
                    for (i32 k = 0; k < K; k++) q[i * K + k] = P[p][1][MARGIN * K + k];
                }
            }
            for (i32 x0 = 0; x0 < w; x0++) for (i32 p = 0; p < c; p++) {
                const i32 x = x0 + MARGIN, net = p == 3 || c == 2 ? 0 : p;
                i16 *r0 = B[p][0] + x, *r1 = B[p][1] + x, *r2 = B[p][2] + x;
                const i16 *e0 = E[p][0] + x, *e1 = E[p][1] + x, *e2 = E[p][2] + x;
                const i32 W = r0[-1], N = r1[0], NW = r1[-1], NE = r1[1], WW = r0[-2], NN = r2[0], NNE = r2[1];
                const i32 med = sloped(W, N, NW);
                i16 pr[K] __attribute__((aligned(16))), pen[K] __attribute__((aligned(16)));
                pr[0] = W << 4, pr[1] = N << 4, pr[2] = (W + N - NW) << 4, pr[3] = med << 4;
                pr[4] = (W + NE - N) << 4, pr[5] = (N + NE - NNE) << 4, pr[6] = (2 * W - WW) << 4, pr[7] = (2 * N - NN) << 4;
                pr[8] = (W + N) << 3, pr[9] = (2 * (W + N) + NE - NW) << 2, pr[10] = (W + NE) << 3, pr[11] = (W + N + NW + NE) << 2;
                if (net) {
                    const i16 *a0 = B[0][0] + x, *a1 = B[0][1] + x, *a2 = B[0][2] + x;
                    const i32 A = a0[0], dW = W - a0[-1], dN = N - a1[0], dNW = NW - a1[-1], dNE = NE - a1[1];
                    pr[12] = (dW + A) << 4, pr[13] = (dN + A) << 4, pr[14] = (dW + dN - dNW + A) << 4, pr[15] = (sloped(dW, dN, dNW) + A) << 4;
                    pr[16] = (dW + dN + 2 * A) << 3, pr[17] = (2 * (dW + dN) + dNE - dNW + 4 * A) << 2, pr[18] = (dW + dN + dNE + dNW + 4 * A) << 2;
                    if (net == 2) {
                        const i16 *c0 = B[1][0] + x, *c1 = B[1][1] + x;
                        const i32 C = c0[0], gW = W - c0[-1], gN = N - c1[0], gNW = NW - c1[-1], gNE = NE - c1[1];
                        pr[19] = (gW + gN + 2 * C) << 3, pr[20] = (sloped(gW, gN, gNW) + C) << 4, pr[21] = (gW + gN + gNE + gNW + 4 * C) << 2;
                        pr[22] = (gW + C) << 4, pr[23] = (gN + C) << 4;
                    } else {
                        pr[19] = (dW + dNE + 2 * A) << 3, pr[20] = (2 * dW - (WW - a0[-2]) + A) << 4, pr[21] = (2 * dN - (NN - a2[0]) + A) << 4;
                        pr[22] = ((2 * (dW + dN) + dNE - dNW + 4 * A) << 1) + (med << 3), pr[23] = ((3 * (dW + dN) - 2 * dNW) << 2) + (A << 4);
                    }
                } else {
                    pr[12] = (3 * (W + N) - 2 * NW) << 2, pr[13] = (NW + 2 * (W + N) - WW - NN + NE) << 2, pr[14] = (2 * NE - r2[2]) << 4;
                    pr[15] = NE << 4, pr[16] = NW << 4, pr[17] = (2 * W + N - NW) << 3, pr[18] = (2 * N + W - NW) << 3, pr[19] = (N + NE) << 3;
                    pr[20] = (2 * W + NE - NW) << 3, pr[21] = (4 * N + 2 * NE - 2 * NN - NNE + W) << 2, pr[22] = (2 * W + 2 * N + 2 * NE - WW - NN) * 16 / 4;
                    pr[23] = (3 * W - 3 * WW + r0[-3]) << 4;
                }
                // blend
                const i16 *p0 = P[p][0] + x * K, *p1 = P[p][1] + x * K;
                v128_t errors[3];
                for (i32 k = 0; k < 3; k++) {
                    v128_t two = wasm_i16x8_add(wasm_v128_load(p0 - K + 8 * k), wasm_v128_load(p1 + 8 * k));
                    v128_t near = wasm_i16x8_add(wasm_v128_load(p1 - K + 8 * k), wasm_v128_load(p1 + K + 8 * k));
                    v128_t far = wasm_i16x8_add(wasm_v128_load(p0 - 2 * K + 8 * k), wasm_v128_load(p1 + 2 * K + 8 * k));
                    v128_t all = wasm_i16x8_add(wasm_i16x8_add(wasm_i16x8_shl(two, 1), near), wasm_i16x8_add(far, wasm_i16x8_splat(4)));
                    errors[k] = all;
                    wasm_v128_store(pen + 8 * k, all);
                }
                v128_t lows = wasm_i16x8_min(wasm_i16x8_min(errors[0], errors[1]), errors[2]);
                lows = wasm_i16x8_min(lows, wasm_i64x2_shuffle(lows, lows, 1, 0));
                lows = wasm_i16x8_min(lows, wasm_i32x4_shuffle(lows, lows, 1, 0, 3, 2));
                const i32 lowest = min(wasm_i16x8_extract_lane(lows, 0), wasm_i16x8_extract_lane(lows, 1));
                const i32 bits = 31 - __builtin_clz(lowest);  // lowest >= 4
                const v128_t bound = wasm_i16x8_splat(min(32767, (511 << bits) >> 4));
                v128_t sums = wasm_i32x4_splat(0), totals = sums;
                for (i32 k = 0; k < 3; k++) {
                    v128_t at = wasm_i16x8_min(errors[k], bound);
                    at = bits > 4 ? wasm_u16x8_shr(at, bits - 4) : wasm_i16x8_shl(at, 4 - bits);
#define WEIGHT(i) M.blend[wasm_u16x8_extract_lane(at, i)]
                    v128_t weights = wasm_i16x8_make(WEIGHT(0), WEIGHT(1), WEIGHT(2), WEIGHT(3), WEIGHT(4), WEIGHT(5), WEIGHT(6), WEIGHT(7));
                    v128_t off = wasm_i16x8_sub(wasm_v128_load(pr + 8 * k), wasm_i16x8_splat(med << FB));
                    off = wasm_i16x8_max(wasm_i16x8_min(off, wasm_i16x8_splat(8191)), wasm_i16x8_splat(-8191));
                    sums = wasm_i32x4_add(sums, wasm_i32x4_dot_i16x8(weights, off));
                    totals = wasm_i32x4_add(totals, wasm_i32x4_extadd_pairwise_i16x8(weights));
                }
                const i32 blend = clamp((med << FB) + total_of(sums) / total_of(totals), 0, highest);
                const i32 third = net ? 15 : 3, least = min(min(pen[net ? 17 : 12], pen[third]), pen[9]);
                // contexts
                const i32 sW = e0[-1], sN = e1[0], eW = mag(sW), eN = mag(sN), eNW = mag(e1[-1]), eNE = mag(e1[1]), eWW = mag(e0[-2]), eNN = mag(e2[0]);
                const i32 v = (2 * eW + 2 * eN + eNW + eNE + eWW + eNN) >> 3, lv = lg(v + 2);
                const i32 other = net ? E[net - 1][0][x] : 0;
                const i32 ep = net == 1 ? mag(other) : net == 2 ? (mag(E[0][0][x]) + 3 * mag(other)) >> 2
                             : c > 2 && p == 0 ? (mag(E[1][0][x - 1]) + mag(E[1][1][x])) >> 1 : v;
                const i32 lep = lg(ep + 2), lgr = lg(mag(W - NW) + mag(N - NW) + mag(N - NE) + 1), lpen = lg(least >> 2);
                const i32 d1 = pr[net ? 17 : 12] - blend, d2 = pr[third] - blend, dis = mag(d1) + mag(d2) + mag(pr[9] - blend), ldis = lg(dis + 2);
                const i32 level = blend >> FB;
                const i32 texture = (W > level) | (N > level) << 1 | (NW > level) << 2 | (NE > level) << 3 | (WW > level) << 4 | (NN > level) << 5
                                  | (2 * N - NN > level) << 6 | (2 * W - WW > level) << 7;
                const i32 q1 = signed11(d1 * 2), q2 = signed11(d2);
                const i32 k0 = texture * 8 + min(7, lv >> 4), k1 = (signed11(other) * 11 + signed11(sW)) * 11 + signed11(sN);
                const i32 k2 = ((q1 * 11 + q2) * 4 + clamp((lv - 32) >> 4, 0, 3)) * 4 + clamp((lep - 32) >> 4, 0, 3);
                i32 mu = clamp(blend + ((S.bias[p][0][k0] + S.bias[p][1][k1] + S.bias[p][2][k2] + 256) >> 9), 0, highest);
                const i32 before = mu;
                const i32 at[4] = {clamp((lv - 8) >> 1, 0, 63) * 32 + clamp((lep - 8) >> 2, 0, 31), clamp(lgr >> 2, 0, 31) * 64 + clamp(lpen >> 1, 0, 63),
                                   clamp(ldis >> 2, 0, 31) * 64 + clamp((lv - 8) >> 1, 0, 63), (min(15, lg(eW + 2) >> 3) * 16 + min(15, lg(eN + 2) >> 3)) * 16 + min(15, lep >> 3)};
                i32 ls[4], L = 2;
                for (i32 i = 0; i < 4; i++) ls[i] = lg(S.spread[p][i][at[i]] >> 6) - 32, L += ls[i];
                L = clamp(L >> 2, 18, 190);
                i32 inverse = M.inverse[L];
                // network
                if (effort) {
                    i16 f[F] __attribute__((aligned(16)));
#define SCALED(d) clamp(((d) * narrow) >> 7, -1536, 1536)
                    const i32 narrow = inverse >> 3;
                    const v128_t by = wasm_i16x8_splat(narrow), centre = wasm_i16x8_splat(mu);
                    for (i32 k = 0; k < K; k += 8) {
                        v128_t off = wasm_i16x8_sub(wasm_v128_load(pr + k), centre);
                        v128_t one = wasm_i32x4_shr(wasm_i32x4_extmul_low_i16x8(off, by), 7), two = wasm_i32x4_shr(wasm_i32x4_extmul_high_i16x8(off, by), 7);
                        off = wasm_i16x8_narrow_i32x4(one, two);
                        wasm_v128_store(f + k, wasm_i16x8_max(wasm_i16x8_min(off, wasm_i16x8_splat(1536)), wasm_i16x8_splat(-1536)));
                    }
                    f[24] = SCALED(sW), f[25] = SCALED(sN), f[26] = SCALED(e1[-1]), f[27] = SCALED(e1[1]), f[28] = SCALED(e0[-2]), f[29] = SCALED(e2[0]);
                    if (net) f[30] = SCALED(E[0][0][x]), f[31] = SCALED(E[0][0][x - 1]), f[32] = SCALED(E[0][1][x]), f[33] = SCALED(other);
                    else if (c > 2 && p == 0) f[30] = SCALED(E[1][0][x - 1]), f[31] = SCALED(E[1][1][x]), f[32] = SCALED(E[1][1][x + 1]), f[33] = SCALED(e1[2]);
                    else f[30] = f[31] = f[32] = 0, f[33] = SCALED(e1[2]);
                    for (i32 i = 0; i < 4; i++) f[34 + i] = clamp((ls[i] - L) * 16, -1536, 1536);
                    f[38] = clamp((lpen - L) * 16 - 512, -1536, 1536), f[39] = clamp((lgr - L) * 16 + 768, -1536, 1536), f[40] = clamp((lep - L) * 16, -1536, 1536);
                    f[41] = clamp((ldis - L) * 16, -1536, 1536), f[42] = (L - 80) * 8;
                    f[43] = SCALED(eNE), f[44] = SCALED(eW), f[45] = SCALED(eN), f[46] = SCALED(eNW), f[47] = SCALED(ep);
                    if (mode == DUMP) {
                        if ((x0 + 7 * y) % 10 == p && (u32)(dumped + 1) * 104 <= length) {
                            i16 *row = (i16 *)bytes + dumped++ * 52;
                            for (i32 k = 0; k < F; k++) row[k] = f[k];
                            row[48] = (pixels[x0 * c + SOURCE[c][p]] << FB) - mu, row[49] = L, row[50] = net, row[51] = 0;
                        }
                    } else {
                        v128_t sum[4];
                        for (i32 j = 0; j < 4; j++) sum[j] = wasm_v128_load(&M.bias1[net][4 * j]);
                        for (i32 k = 0; k < F / 2; k++) {
                            v128_t pair = wasm_v128_load32_splat(f + 2 * k);
                            for (i32 j = 0; j < 4; j++) sum[j] = wasm_i32x4_add(sum[j], wasm_i32x4_dot_i16x8(pair, wasm_v128_load(M.first[net][k][4 * j])));
                        }
                        v128_t hidden[2], outs[2];
                        for (i32 j = 0; j < 2; j++) {
                            hidden[j] = wasm_i16x8_narrow_i32x4(wasm_i32x4_shr(sum[2 * j], 9), wasm_i32x4_shr(sum[2 * j + 1], 9));
                            hidden[j] = wasm_i16x8_max(hidden[j], wasm_i16x8_splat(0));
                        }
                        for (i32 o = 0; o < 2; o++)
                            outs[o] = wasm_i32x4_add(wasm_i32x4_dot_i16x8(hidden[0], wasm_v128_load(M.second[net][o])),
                                                     wasm_i32x4_dot_i16x8(hidden[1], wasm_v128_load(M.second[net][o] + 8)));
                        i32 shift = clamp((total_of(outs[0]) + M.bias2[net][0]) >> 10, -12288, 12288);
                        i32 wider = clamp((total_of(outs[1]) + M.bias2[net][1]) >> 10, -12288, 12288);
                        mu = clamp(mu + ((shift * M.scale[L] + 32768) >> 16), 0, highest);
                        L = clamp(L + ((wider * 370 + 32768) >> 16), 18, 190);
                        inverse = M.inverse[L];
                    }
                }
                // code the value
                i32 value = decoding ? 0 : pixels[x0 * c + SOURCE[c][p]];
                if (mode != DUMP && top) {
                    const i32 floor = min(mu >> FB, top - 1), border = (floor << FB) + 8;
                    const i32 set = min(31, (L - 16) >> 2), sign = border - mu;
                    const i32 contexts[CONTEXTS] = {min(87, (L - 16) >> 1), (q1 * 11 + q2) * 8 + clamp((L - 32) >> 3, 0, 7), k1};
                    i32 opinion[2];
                    for (i32 i = 0; i < 2; i++) {
                        i32 far = beyond(i, mag(sign), inverse) >> 15;
                        opinion[i] = clamp(sign < 0 ? 4096 - far : far, 0, 4095);
                    }
                    const i32 up = mixed(p, value > floor, 0, set, contexts, opinion[0], opinion[1]);
                    const i32 size = up ? value - floor - 1 : floor - value, most = up ? top - floor - 1 : floor, from = up ? sign : -sign;
                    i32 low = 0, step = L > 64 ? 1 << ((L - 56) >> 4) : 1, slot = 1;
                    u32 t[2] = {beyond(0, from, inverse), beyond(1, from, inverse)};
                    while (low + step <= most) {
                        u32 u[2] = {beyond(0, from + ((low + step) << FB), inverse), beyond(1, from + ((low + step) << FB), inverse)};
                        i32 bit = mixed(p, size >= low + step, min(slot, 7) * 2 + up, set, contexts, share(u[0], t[0]), share(u[1], t[1]));
                        if (!bit) break;
                        low += step, t[0] = u[0], t[1] = u[1];
                        if (slot++ > 4) step *= 2;
                    }
                    i32 high = min(low + step - 1, most);
                    while (high > low) {
                        i32 middle = (low + high + 1) >> 1;
                        u32 a = beyond(0, from + (low << FB), inverse), b = beyond(0, from + (middle << FB), inverse), z = beyond(0, from + ((high + 1) << FB), inverse);
                        u32 even = ((high + 1 - middle) << 12) / (high + 1 - low);
                        u32 chance = a - z < 4096 ? even : (31 * share(b - z, a - z) + even) >> 5;
                        if (decide(size >= middle, clamp(chance << 4, 64, 65472))) low = middle; else high = middle - 1;
                    }
                    if (decoding) pixels[x0 * c + SOURCE[c][p]] = value = up ? floor + 1 + low : floor - low;
                }
                // learn
                const i32 exact = value << FB, error = exact - before, size = mag(error) << 8;
                r0[0] = value;
                E[p][0][x] = error;
                i16 *q = P[p][0] + x * K;
                for (i32 k = 0; k < K; k += 8) {
                    v128_t off = wasm_i16x8_abs(wasm_i16x8_sub(wasm_i16x8_splat(exact), wasm_v128_load(pr + k)));
                    wasm_v128_store(q + k, wasm_i16x8_min(off, wasm_i16x8_splat(4080)));
                }
                for (i32 i = 0; i < 4; i++) {
                    i32 *s = &S.spread[p][i][at[i]], *m = &S.seen[p][i][at[i]];
                    *s += (i32)((int64_t)(size - *s) * M.rate[*m] >> 16);
                    if (*m < 200) ++*m;
                }
                const i32 off = clamp(exact - blend, -640, 640) << 8, kk[3] = {k0, k1, k2};
                for (i32 i = 0; i < 3; i++) {
                    i32 *b = &S.bias[p][i][kk[i]], *m = &S.met[p][i][kk[i]];
                    *b += (i32)((int64_t)(off - *b) * M.rate[*m + 3] >> 16);
                    if (*m < 250) ++*m;
                }
            }
            for (i32 p = 0; p < c; p++) for (i32 i = 0; i < MARGIN; i++) {
                i32 end = MARGIN + w + i;
                B[p][0][end] = B[p][0][MARGIN + w - 1], E[p][0][end] = E[p][0][MARGIN + w - 1];
                for (i32 k = 0; k < K; k++) P[p][0][end * K + k] = P[p][0][(MARGIN + w - 1) * K + k];
            }
        }
    }
    if (mode == DUMP) return dumped;
    if (decoding) return code_ == x2 ? place : ~0u;
    for (i32 i = 0; i < 4; i++) { if (place < length) bytes[place] = x2 >> (24 - 8 * i); place++; }
    return place;
}
