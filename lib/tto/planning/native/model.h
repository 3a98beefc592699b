// The weights of a Trajectory Transformer, packed for the kernels.
#pragma once

#include "pages.h"

namespace tto {

// Passed from Python, so plain integers only. `outputs` is `vocabulary`, or one more with a stop
// token.
struct Sizes {
    int32_t layers, heads, width, vocabulary, outputs, output_heads;
    int32_t transition_dim, block, attend_values, bfloat16, threads;
};

// Row-major float32 arrays in the order of `Model::Model`.
using Arrays = const float* const*;

struct Norm {
    Buffer<float> weight, bias;
};

template <class T>
struct Layer {
    Norm attention_norm, mlp_norm;
    Packed<T> attention_in, attention_out, mlp_in, mlp_out;
};

template <class T>
struct Model {
    int layers, heads, width, vocabulary, outputs, output_heads, transition_dim, block;
    Kept kept;                     // tokens that later ones attend to
    int head_size, head_pad;       // channels of a head, and these padded to whole vectors
    int width_pad, attended, hidden_pad, qkv_pad;
    Buffer<float> tokens;          // (transition_dim * vocabulary, width)
    Buffer<float> positions;       // (block, width)
    std::vector<Layer<T>> blocks;
    Norm output_norm;
    std::vector<Packed<T>> output;  // one for each dimension, or one for all
    int logits_pad;

    Model(const Sizes& s, Arrays arrays)
        : layers(s.layers), heads(s.heads), width(s.width), vocabulary(s.vocabulary),
          outputs(s.outputs), output_heads(s.output_heads), transition_dim(s.transition_dim), block(s.block),
          kept{s.attend_values ? 0 : s.transition_dim}, head_size(s.width / s.heads),
          head_pad(padded(head_size, 16)), width_pad(padded(width, PANEL)),
          attended(heads * head_pad), hidden_pad(padded(4 * width, PANEL)),
          qkv_pad(padded(3 * attended, PANEL)), tokens(size_t(transition_dim) * vocabulary * width),
          positions(size_t(block) * width), logits_pad(padded(outputs, PANEL)) {
        std::copy_n(*arrays++, size_t(transition_dim) * vocabulary * width, tokens.data());
        std::copy_n(*arrays++, size_t(block) * width, positions.data());
        for (int i = 0; i < layers; ++i) {
            Layer<T> layer;
            layer.attention_norm = norm(arrays);
            layer.attention_in = attention_in(arrays);
            layer.attention_out = attention_out(arrays);
            layer.mlp_norm = norm(arrays);
            layer.mlp_in = linear(arrays, width, 4 * width);
            layer.mlp_out = linear(arrays, 4 * width, width);
            blocks.push_back(std::move(layer));
        }
        output_norm = norm(arrays);
        for (int i = 0; i < output_heads; ++i) {
            const float* head = *arrays + size_t(i) * s.outputs * width;
            output.emplace_back(width, outputs);
            for (int o = 0; o < outputs; ++o)
                for (int c = 0; c < width; ++c)
                    output.back().set(c, o, head[size_t(o) * width + c]);
        }
    }

    const Packed<T>& output_after(int position) const {
        return output[output_heads == 1 ? 0 : (position + 1) % transition_dim];
    }

   private:
    Norm norm(Arrays& arrays) {
        Norm norm{Buffer<float>(width_pad), Buffer<float>(width_pad)};
        std::copy_n(*arrays++, width, norm.weight.data());
        std::copy_n(*arrays++, width, norm.bias.data());
        return norm;
    }

    static Packed<T> linear(Arrays& arrays, int inputs, int outputs) {
        const float *weight = *arrays++, *bias = *arrays++;
        Packed<T> packed(inputs, outputs);
        for (int o = 0; o < outputs; ++o) {
            for (int i = 0; i < inputs; ++i) packed.set(i, o, weight[size_t(o) * inputs + i]);
            packed.bias[o] = bias[o];
        }
        return packed;
    }

    // Columns are (3, heads, head_pad). Queries are scaled so that scores are exponents of 2.
    Packed<T> attention_in(Arrays& arrays) const {
        const float *weight = *arrays++, *bias = *arrays++;
        Packed<T> packed(width, 3 * attended);
        double scale = 1.4426950408889634 / std::sqrt(double(head_size));
        for (int o = 0; o < 3 * width; ++o) {
            int part = o / width, head = o % width / head_size, k = o % head_size;
            int column = part * attended + head * head_pad + k;
            double factor = part ? 1.0 : scale;
            for (int i = 0; i < width; ++i)
                packed.set(i, column, float(factor * weight[size_t(o) * width + i]));
            packed.bias[column] = float(factor * bias[o]);
        }
        return packed;
    }

    // Inputs are (heads, head_pad).
    Packed<T> attention_out(Arrays& arrays) const {
        const float *weight = *arrays++, *bias = *arrays++;
        Packed<T> packed(attended, width);
        for (int o = 0; o < width; ++o) {
            for (int i = 0; i < width; ++i)
                packed.set(i / head_size * head_pad + i % head_size, o,
                           weight[size_t(o) * width + i]);
            packed.bias[o] = bias[o];
        }
        return packed;
    }
};

}  // namespace tto
