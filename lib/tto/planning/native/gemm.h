// Matrix products of a tile of rows with weights that were packed once.
#pragma once

#include <algorithm>
#include <vector>

#include "simd.h"

namespace tto {

constexpr int COLUMNS = LANES * VECTORS;  // of a panel of packed weights

inline int padded(int n, int to) { return (n + to - 1) / to * to; }

// Aligned memory that is never resized.
template <class T>
class Buffer {
   public:
    Buffer() = default;
    explicit Buffer(size_t n) : memory_(n + 64 / sizeof(T)) {
        auto address = reinterpret_cast<uintptr_t>(memory_.data());
        offset_ = ((address + 63) / 64 * 64 - address) / sizeof(T);
    }
    Buffer(Buffer&&) = default;
    Buffer& operator=(Buffer&&) = default;
    T* data() { return memory_.data() + offset_; }
    const T* data() const { return memory_.data() + offset_; }
    T& operator[](size_t i) { return data()[i]; }
    const T& operator[](size_t i) const { return data()[i]; }

   private:
    std::vector<T> memory_;
    size_t offset_ = 0;
};

// Weights (inputs, outputs) as panels of COLUMNS outputs, unit after unit of the inputs.
template <class T>
struct Packed {
    int units = 0, panels = 0;
    Buffer<unit> data;
    Buffer<float> bias;

    Packed() = default;
    Packed(int inputs, int outputs)
        : units(padded(inputs, STEP<T>) / STEP<T>),
          panels(padded(outputs, COLUMNS) / COLUMNS),
          data(size_t(units) * panels * COLUMNS),
          bias(size_t(panels) * COLUMNS) {}

    void set(int input, int output, float value) {
        size_t panel = output / COLUMNS, column = output % COLUMNS;
        size_t place = (panel * units + input / STEP<T>) * COLUMNS + column;
        T* at = reinterpret_cast<T*>(data.data() + place) + input % STEP<T>;
        convert(value, at);
    }
};

template <class T, int ROWS, class Epilogue>
inline void multiply_block(const unit* a, int stride, const unit* w, int units, int row,
                           int column, Epilogue& epilogue) {
    vf total[ROWS][VECTORS] = {};
    for (int u = 0; u < units; ++u, w += COLUMNS) {
        vf weights[VECTORS];
        for (int v = 0; v < VECTORS; ++v) weights[v] = load(w + v * LANES);
        for (int r = 0; r < ROWS; ++r)
            for (int v = 0; v < VECTORS; ++v)
                total[r][v] = dot<T>(total[r][v], a[r * stride + u], weights[v]);
    }
    for (int r = 0; r < ROWS; ++r)
        for (int v = 0; v < VECTORS; ++v) epilogue(row + r, column + v * LANES, total[r][v]);
}

template <class T, int ROWS, class Epilogue>
inline void multiply_rows(int rows, const unit* a, int stride, const unit* w, int units, int row,
                          int column, Epilogue& epilogue) {
    if (rows == ROWS)
        multiply_block<T, ROWS>(a, stride, w, units, row, column, epilogue);
    else if constexpr (ROWS > 1)
        multiply_rows<T, ROWS - 1>(rows, a, stride, w, units, row, column, epilogue);
}

// Calls epilogue(row, column, LANES values of rows `a` times `weights`), without the bias.
template <class T, class Epilogue>
void multiply(const T* a, int stride, int rows, const Packed<T>& weights, Epilogue epilogue) {
    const unit* units = reinterpret_cast<const unit*>(a);
    stride /= STEP<T>;
    int blocks = (rows + MAX_ROWS - 1) / MAX_ROWS;
    for (int panel = 0; panel < weights.panels; ++panel) {
        const unit* w = weights.data.data() + size_t(panel) * weights.units * COLUMNS;
        for (int block = 0; block < blocks; ++block) {  // of nearly equal sizes
            int first = rows * block / blocks, next = rows * (block + 1) / blocks;
            multiply_rows<T, MAX_ROWS>(next - first, units + size_t(first) * stride, stride, w,
                                       weights.units, first, panel * COLUMNS, epilogue);
        }
    }
}

}  // namespace tto
