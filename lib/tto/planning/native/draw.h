// Drawing a token from logits: from the nucleus of the most probable bins, by inverting the
// cumulative sum of their probabilities.
#pragma once

#include <algorithm>
#include <vector>

#include "simd.h"

namespace tto {

// Passed from Python. `centers` (vocabulary,) are the values of the bins, or null.
struct DrawRule {
    int32_t top;
    float mass, temperature;
    const float* centers;
};

struct Drawn {
    int token;
    float log_prob, expected;
};

class Drawer {
   public:
    explicit Drawer(int vocabulary)
        : vocabulary_(vocabulary), chances_(vocabulary + LANES), order_(vocabulary) {}

    Drawn draw(const float* logits, const DrawRule& rule, float uniform) {
        int best = int(std::max_element(logits, logits + vocabulary_) - logits);
        float total = exponentials(logits, logits[best], 1.0f);
        Drawn drawn{best, 0.0f, 0.0f};
        if (rule.centers) {
            double expected = 0.0;
            for (int v = 0; v < vocabulary_; ++v) expected += double(chances_[v]) * rule.centers[v];
            drawn.expected = float(expected / total);
        }
        if (rule.top > 1) {
            if (rule.temperature != 1.0f) exponentials(logits, logits[best], rule.temperature);
            drawn.token = sample(logits, rule, uniform);
        }
        drawn.log_prob = logits[drawn.token] - logits[best] - std::log(total);
        return drawn;
    }

   private:
    // exp((logits - top) / temperature), and their sum
    float exponentials(const float* logits, float top, float temperature) {
        float scale = 1.4426950408889634f / temperature;
        vf total = {};
        for (int v = 0; v < vocabulary_; v += LANES) {
            vf e = exp2<float>((load(logits + v) - top) * scale);
            e = choose(lane_numbers() + v < vocabulary_, e, vf{});
            store(&chances_[v], e);
            total += e;
        }
        return sum(total);
    }

    int sample(const float* logits, const DrawRule& rule, float uniform) {
        int top = std::min(rule.top, vocabulary_);
        for (int v = 0; v < vocabulary_; ++v) order_[v] = v;
        auto before = [&](int a, int b) {
            return logits[a] > logits[b] || (logits[a] == logits[b] && a < b);
        };
        if (top < vocabulary_)
            std::nth_element(order_.begin(), order_.begin() + top, order_.end(), before);
        std::sort(order_.begin(), order_.begin() + top, before);
        float whole = 0.0f;
        for (int i = 0; i < top; ++i) whole += chances_[order_[i]];
        int kept = top;
        float mass = whole;
        if (rule.mass < 1.0f) {
            mass = chances_[order_[0]];
            for (kept = 1; kept < top && mass < rule.mass * whole; ++kept)
                mass += chances_[order_[kept]];
        }
        float target = uniform * mass, reached = 0.0f;
        for (int i = 0; i < kept; ++i) {
            reached += chances_[order_[i]];
            if (reached > target) return order_[i];
        }
        return order_[kept - 1];
    }

    int vocabulary_;
    std::vector<float> chances_;
    std::vector<int> order_;
};

}  // namespace tto
