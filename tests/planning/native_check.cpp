// Runs the native engine on small random models; test_native.py compiles it with sanitizers.

#include <cstdio>
#include <random>

#include "engine.cpp"

struct Random {
    std::mt19937 bits{0};
    int below(int n) { return int(bits() % unsigned(n)); }
    float uniform() { return float(bits() >> 8) / 16777216.0f; }
};

// Random weights of a model, in the order that the engine reads them.
std::vector<std::vector<float>> weights(const tto::Sizes& s, Random& random) {
    size_t C = s.width;
    std::vector<size_t> sizes = {size_t(s.transition_dim) * s.vocabulary * C, size_t(s.block) * C};
    for (int i = 0; i < s.layers; ++i)
        for (size_t n : {C, C, 3 * C * C, 3 * C, C * C, C, C, C, 4 * C * C, 4 * C, 4 * C * C, C})
            sizes.push_back(n);
    for (size_t n : {C, C, size_t(s.output_heads) * s.outputs * C}) sizes.push_back(n);
    std::vector<std::vector<float>> arrays;
    for (size_t n : sizes) {
        arrays.emplace_back(n);
        for (float& x : arrays.back()) x = 2 * random.uniform() - 1;
    }
    return arrays;
}

int plan(const tto::Sizes& s, Random& random) {
    std::vector<std::vector<float>> arrays = weights(s, random);
    std::vector<const float*> pointers;
    for (auto& array : arrays) pointers.push_back(array.data());
    void* engine = tto_create(&s, pointers.data());
    if (!engine) return 1;
    std::vector<float> centers(s.vocabulary, 1.0f);
    int failures = 0;
    for (int tokens : {1, 16, 33}) {
        int rows = 3;
        std::vector<int64_t> contexts(size_t(rows) * tokens);
        for (auto& token : contexts) token = random.below(2);
        std::copy_n(contexts.begin(), tokens, contexts.begin() + tokens);  // two of them are equal
        failures += tto_start(engine, contexts.data(), rows, tokens);
        while (tokens + 6 <= s.block) {
            int n = 1 + random.below(50);
            std::vector<int64_t> parents(n), chosen(5 * size_t(n));
            for (auto& parent : parents) parent = random.below(rows);
            failures += tto_select(engine, parents.data(), rows = n);
            std::vector<tto::DrawRule> rules = {{1, 1.0f, 1.0f, nullptr},
                                                {s.vocabulary, 0.5f, 2.0f, nullptr},
                                                {3, 1.0f, 1.0f, nullptr},
                                                {1, 1.0f, 1.0f, centers.data()},
                                                {s.vocabulary, 1.0f, 1.0f, centers.data()}};
            size_t drawn = chosen.size();
            std::vector<float> uniforms(drawn), log_probs(drawn), expected(drawn);
            for (float& u : uniforms) u = random.uniform();
            failures += tto_draw(engine, rules.data(), 5, uniforms.data(), chosen.data(),
                                 log_probs.data(), expected.data());
            failures += tto_append(engine, chosen.data() + 4 * size_t(n));
            std::vector<float> logits(size_t(n) * s.vocabulary);
            tto_logits(engine, logits.data());
            for (float x : logits) failures += !std::isfinite(x);
            for (size_t i = 3 * size_t(n); i < expected.size(); ++i)
                failures += std::abs(expected[i] - 1.0f) > 1e-5f;  // all centers are 1
            tokens += 5;
        }
    }
    int64_t counts[3];
    tto_counts(engine, counts);
    tto_destroy(engine);
    return failures + (counts[2] == 0);
}

int main() {
    Random random;
    int failures = 0;
    for (int bfloat16 : {0, 1})
        for (int threads : {1, 2})
            for (int heads : {1, 3})
                failures += plan({2, heads, 15 * heads, 7, 7 + heads % 2, heads == 1 ? 1 : 6, 6, 72,
                                  heads == 1, bfloat16, threads},
                                 random);
    printf("%d failures\n", failures);
    return failures != 0;
}
