// Which sequences there are: a tree of pages. A page holds the keys and values of PAGE tokens, of
// all layers; sequences that begin alike share pages. Rows are what the search sees; rows that are
// equal token by token are one sequence. Sequences are kept in depth-first order of the tree, so
// that those with common pages are neighbours.
#pragma once

#include <cstdlib>
#include <memory>
#include <new>
#include <stdexcept>

#include "gemm.h"

namespace tto {

constexpr int PAGE = 16;  // tokens

// Pages of equal size with counted references. Contents are always finite: zero, or what was there.
class PagePool {
   public:
    explicit PagePool(size_t units) : units_(units) {}

    int take() {
        if (free_.empty()) {
            slabs_.emplace_back(units_ * SLAB);
            for (int i = SLAB; i-- > 0;) free_.push_back(int(references_.size()) + i);
            references_.resize(references_.size() + SLAB);
        }
        int page = free_.back();
        free_.pop_back();
        references_[page] = 1;
        return page;
    }
    void share(int page) { ++references_[page]; }
    void release(int page) {
        if (--references_[page] == 0) free_.push_back(page);
    }
    unit* at(int page) { return slabs_[page / SLAB].data() + size_t(page % SLAB) * units_; }
    size_t units() const { return units_; }
    size_t bytes() const { return slabs_.size() * SLAB * units_ * 4; }

   private:
    static constexpr int SLAB = 64;
    size_t units_;
    std::vector<Buffer<unit>> slabs_;
    std::vector<int> references_, free_;
};

// A token to run through the model: where it stands, and in which sequence.
struct Row {
    int token, position, sequence;
};

struct Copy {
    int from, to;
};

class Sequences {
   public:
    Sequences(int block, size_t page_units, int vocabulary)
        : pool(page_units), pages_(padded(block, PAGE) / PAGE), child_(vocabulary, -1) {}

    PagePool pool;
    int length = 0;              // tokens of every sequence
    std::vector<int> of_row;     // sequence of each row

    int count() const { return int(tables_.size()) / pages_; }
    const int* table(int sequence) const { return tables_.data() + size_t(sequence) * pages_; }

    // Begin anew with one row for each context. `visit(level, rows)` is called for the tokens of each
    // level of pages, once for rows that are equal so far.
    template <class Visit>
    void start(const int64_t* contexts, int rows, int tokens, Visit visit) {
        clear();
        std::vector<int> order(rows), common(rows, 0);
        for (int i = 0; i < rows; ++i) order[i] = i;
        auto at = [&](int row) { return contexts + size_t(row) * tokens; };
        std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
            return std::lexicographical_compare(at(a), at(a) + tokens, at(b), at(b) + tokens);
        });
        of_row.resize(rows);
        std::vector<int> representative;
        for (int i = 0; i < rows; ++i) {
            int shared = 0;
            if (i) {
                const int64_t *a = at(order[i - 1]), *b = at(order[i]);
                while (shared < tokens && a[shared] == b[shared]) ++shared;
            }
            if (!i || shared < tokens) {
                common[representative.size()] = shared;
                representative.push_back(order[i]);
            }
            of_row[order[i]] = int(representative.size()) - 1;
        }
        int levels = padded(tokens, PAGE) / PAGE, sequences = int(representative.size());
        tables_.assign(size_t(sequences) * pages_, -1);
        length = tokens;
        std::vector<Row> batch;
        for (int level = 0; level < levels; ++level) {
            int first = level * PAGE, last = std::min(tokens, first + PAGE);
            batch.clear();
            for (int s = 0; s < sequences; ++s) {
                int& page = tables_[size_t(s) * pages_ + level];
                if (s && common[s] >= last) {
                    page = tables_[size_t(s - 1) * pages_ + level];
                    pool.share(page);
                    continue;
                }
                page = pool.take();
                for (int p = first; p < last; ++p)
                    batch.push_back({int(at(representative[s])[p]), p, s});
            }
            visit(last - first, batch);
        }
    }

    // Let the rows be copies of the numbered ones. Returns the sequences that stay, in order.
    std::vector<int> select(const int64_t* parents, int rows) {
        std::vector<int> chosen(rows), stays, renumbered(count(), -1);
        for (int i = 0; i < rows; ++i) renumbered[chosen[i] = of_row[parents[i]]] = 0;
        int used = padded(length, PAGE) / PAGE;
        for (int s = 0; s < count(); ++s) {
            int* pages = &tables_[size_t(s) * pages_];
            if (renumbered[s] < 0) {
                for (int j = 0; j < used; ++j) pool.release(pages[j]);
                continue;
            }
            renumbered[s] = int(stays.size());
            std::copy(pages, pages + pages_, &tables_[stays.size() * pages_]);
            stays.push_back(s);
        }
        tables_.resize(stays.size() * pages_);
        of_row.resize(rows);
        for (int i = 0; i < rows; ++i) of_row[i] = renumbered[chosen[i]];
        return stays;
    }

    // Give each row one more token. Sequences whose rows part ways branch; `copies` are the pages
    // that must be copied before anything is written.
    void append(const int64_t* tokens, std::vector<Row>& batch, std::vector<Copy>& copies) {
        int sequences = count(), rows = int(of_row.size());
        int slot = length % PAGE, level = length / PAGE;
        group_rows(sequences);
        std::vector<int> grown;
        grown.reserve(size_t(rows) * pages_);
        batch.clear();
        copies.clear();
        for (int s = 0; s < sequences; ++s) {
            const int* pages = table(s);
            size_t children = batch.size();
            for (int k = begin_[s]; k < begin_[s + 1]; ++k) {
                int row = grouped_[k], token = int(tokens[row]);
                if (child_[token] < 0) {
                    bool first = batch.size() == children;
                    child_[token] = int(batch.size());
                    size_t at = grown.size();
                    grown.insert(grown.end(), pages, pages + pages_);
                    if (!first)
                        for (int j = 0; j < level; ++j) pool.share(pages[j]);
                    if (slot == 0 || !first) grown[at + level] = pool.take();
                    if (slot && !first) copies.push_back({pages[level], grown[at + level]});
                    batch.push_back({token, length, child_[token]});
                }
                of_row[row] = child_[token];
            }
            for (; children < batch.size(); ++children) child_[batch[children].token] = -1;
        }
        tables_.swap(grown);
        ++length;
    }

   private:
    void clear() {
        int used = padded(length, PAGE) / PAGE;
        for (int s = 0; s < count(); ++s)
            for (int j = 0; j < used; ++j) pool.release(table(s)[j]);
        tables_.clear();
        of_row.clear();
    }

    // Row numbers by sequence: grouped_[begin_[s]..begin_[s + 1]).
    void group_rows(int sequences) {
        begin_.assign(sequences + 2, 0);
        for (int s : of_row) ++begin_[s + 2];
        for (int s = 0; s < sequences; ++s) begin_[s + 2] += begin_[s + 1];
        grouped_.resize(of_row.size());
        for (size_t row = 0; row < of_row.size(); ++row)
            grouped_[begin_[of_row[row] + 1]++] = int(row);
    }

    int pages_;
    std::vector<int> tables_;  // (sequences, pages_)
    std::vector<int> child_;   // of the sequence at hand: by token, or -1
    std::vector<int> begin_, grouped_;
};

}  // namespace tto
