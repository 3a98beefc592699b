// Runs attention and its gradients at many sizes; test_attention.py compiles it with sanitizers.

#include <cstdio>

#include "attention.cpp"

int main() {
    for (int tokens : {1, 7, 8, 9, 33})
        for (int channels : {1, 4, 5, 16, 17, 32})
            for (int bfloat16 : {0, 1})
                for (int threads : {1, 2}) {
                    tto::Sizes sizes = {2, 3, tokens, channels, bfloat16, threads};
                    size_t count = size_t(2) * 3 * tokens * channels;
                    // exactly as many bytes as the tensors have, so that a byte more is noticed
                    std::vector<std::vector<uint16_t>> memory;
                    std::vector<tto::View> tensors;
                    for (int i = 0; i < 8; ++i)
                        memory.emplace_back(count * (bfloat16 ? 1 : 2), uint16_t(0x3c00 + 16 * i));
                    for (auto& part : memory)
                        tensors.push_back({part.data(), 3 * tokens * channels, channels,
                                           3 * channels});
                    std::vector<uint8_t> mask(tokens, 1);
                    if (tokens > 5) mask[5] = 0;
                    std::vector<float> normalisers(size_t(2) * 3 * tokens);
                    if (channels > tto_most_channels()) continue;
                    if (tto_attention(&sizes, mask.data(), tensors.data(), normalisers.data()))
                        return 1;
                    if (tto_attention_gradients(&sizes, mask.data(), tensors.data(),
                                                normalisers.data()))
                        return 1;
                }
    std::puts("no failures");
}
