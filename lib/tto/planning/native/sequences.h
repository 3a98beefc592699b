// The sequences, as a tree of pages: sequences that begin alike share pages. The search sees rows;
// rows that are equal token by token are one sequence. Sequences are in depth-first order of the
// tree, so that those with common pages are neighbours.
#pragma once

#include "pages.h"

namespace tto {

// A token to run through the model, its position and the number of its sequence.
struct Row {
    int token, position, sequence;
};

class Sequences {
   public:
    // A sequence's table has `pages` pages, as many as the longest sequence needs.
    Sequences(PagePool& pool, Kept kept, int pages)
        : pool_(&pool), kept_(kept), pages_(pages) {}

    int length = 0;            // tokens of every sequence
    std::vector<int> of_row;  // sequence of each row

    int count() const { return int(tables_.size()) / pages_; }
    unit* const* table(int sequence) const { return tables_.data() + size_t(sequence) * pages_; }

    // Start again with one row for each context. For each level of pages, `visit(together, rows)`
    // gets the tokens on that level, `together` for each page. Rows that are equal so far are
    // visited once. A token that is not kept belongs to the page of the last token it attends to.
    template <class Visit>
    void start(const int64_t* contexts, int rows, int tokens, Visit visit) {
        for (int s = 0; s < count(); ++s) release(s);
        auto at = [&](int row) { return contexts + size_t(row) * tokens; };
        std::vector<int> order = sorted_rows(contexts, rows, tokens), first_rows, common;
        of_row.resize(rows);
        for (int i = 0; i < rows; ++i) {
            int shared = 0;
            if (i) {
                const int64_t *a = at(order[i - 1]), *b = at(order[i]);
                while (shared < tokens && a[shared] == b[shared]) ++shared;
            }
            if (!i || shared < tokens) {
                common.push_back(shared);
                first_rows.push_back(order[i]);
            }
            of_row[order[i]] = int(first_rows.size()) - 1;
        }
        int sequences = int(first_rows.size());
        tables_.assign(size_t(sequences) * pages_, nullptr);
        length = tokens;
        std::vector<Row> batch;
        for (int first = 0, last = 0, level = 0; first < tokens; first = last, ++level) {
            while (last < tokens && kept_.last(last) / PAGE == level) ++last;
            batch.clear();
            for (int s = 0; s < sequences; ++s) {
                size_t place = size_t(s) * pages_ + level;
                if (s && common[s] >= last) {
                    tables_[place] = tables_[place - pages_];
                    pool_->share(tables_[place]);
                    continue;
                }
                tables_[place] = pool_->take();
                for (int p = first; p < last; ++p)
                    batch.push_back({int(at(first_rows[s])[p]), p, s});
            }
            visit(last - first, batch);
        }
    }

    // Replace the rows by copies of the rows `parents`. Returns the remaining sequences, in order.
    std::vector<int> select(const int64_t* parents, int rows) {
        std::vector<int> chosen(rows), stays, renumbered(count(), -1);
        for (int i = 0; i < rows; ++i) renumbered[chosen[i] = of_row[parents[i]]] = 0;
        for (int s = 0; s < count(); ++s) {
            if (renumbered[s] < 0) {
                release(s);
                continue;
            }
            renumbered[s] = int(stays.size());
            std::copy_n(table(s), pages_, &tables_[stays.size() * pages_]);
            stays.push_back(s);
        }
        tables_.resize(stays.size() * pages_);
        of_row.resize(rows);
        for (int i = 0; i < rows; ++i) of_row[i] = renumbered[chosen[i]];
        return stays;
    }

    // Append one token to each row; `batch` returns the tokens to run. Rows must be in the order of
    // their sequences. If the rows of a sequence differ, it branches, and each branch gets its own
    // last page. If the token is not kept, the branches share that page until the next token.
    void append(const std::vector<int>& tokens, std::vector<Row>& batch) {
        int place = kept_.among(length), level = place / PAGE, slot = place % PAGE;
        int rows = int(of_row.size());
        bool keeps = kept_.holds(length);
        std::vector<unit*> grown;
        grown.reserve(size_t(rows) * pages_);
        batch.clear();
        for (int row = 0, next; row < rows; row = next) {
            int sequence = of_row[row];
            unit* const* pages = table(sequence);
            size_t first = batch.size();
            for (next = row; next < rows && of_row[next] == sequence; ++next) {
                size_t child = first;
                while (child < batch.size() && batch[child].token != tokens[next]) ++child;
                if (child == batch.size()) {
                    batch.push_back({tokens[next], length, int(child)});
                    grown.insert(grown.end(), pages, pages + pages_);
                }
                reached_.push_back(int(child));
            }
            for (size_t child = first + 1; child < batch.size(); ++child) {
                for (int j = 0; j < (keeps ? level : used()); ++j) pool_->share(pages[j]);
                if (keeps && slot) grown[child * pages_ + level] = pool_->copy(pages[level]);
            }
            if (!keeps) continue;
            if (slot) grown[first * pages_ + level] = pool_->own(pages[level]);
            for (size_t child = first; !slot && child < batch.size(); ++child)
                grown[child * pages_ + level] = pool_->take();
        }
        of_row.swap(reached_);
        reached_.clear();
        tables_.swap(grown);
        ++length;
    }

    // Row numbers in the order of their sequences.
    std::vector<int> rows_by_sequence() const {
        std::vector<int> begin(count() + 1), rows(of_row.size());
        for (int s : of_row) ++begin[s + 1];
        for (int s = 0; s < count(); ++s) begin[s + 1] += begin[s];
        for (size_t row = 0; row < rows.size(); ++row) rows[begin[of_row[row]]++] = int(row);
        return rows;
    }

    // The sequences of some rows, which must be in the order of their sequences. The pages are then
    // shared with this object.
    Sequences part(const int* rows, int n) const {
        Sequences part(*pool_, kept_, pages_);
        part.length = length;
        for (int i = 0; i < n; ++i) {
            int s = of_row[rows[i]];
            if (!i || s != of_row[rows[i - 1]]) {
                part.tables_.insert(part.tables_.end(), table(s), table(s) + pages_);
                for (int j = 0; j < used(); ++j) pool_->share(table(s)[j]);
            }
            part.of_row.push_back(part.count() - 1);
        }
        return part;
    }

    // Release all sequences; the rows remain.
    void clear() {
        for (int s = 0; s < count(); ++s) release(s);
        tables_.clear();
    }

    // Add the sequences of a part, whose rows have the numbers `rows` here.
    void join(Sequences& part, const int* rows) {
        int before = count();
        length = part.length;
        tables_.insert(tables_.end(), part.tables_.begin(), part.tables_.end());
        for (size_t i = 0; i < part.of_row.size(); ++i) of_row[rows[i]] = before + part.of_row[i];
        part.tables_.clear();
    }

   private:
    int used() const { return kept_.pages(length); }

    void release(int sequence) {
        for (int j = 0; j < used(); ++j) pool_->release(table(sequence)[j]);
    }

    static std::vector<int> sorted_rows(const int64_t* contexts, int rows, int tokens) {
        std::vector<int> order(rows);
        for (int i = 0; i < rows; ++i) order[i] = i;
        auto at = [&](int row) { return contexts + size_t(row) * tokens; };
        std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
            return std::lexicographical_compare(at(a), at(a) + tokens, at(b), at(b) + tokens);
        });
        return order;
    }

    PagePool* pool_;
    Kept kept_;
    int pages_;  // pages of a table
    std::vector<unit*> tables_;  // (sequences, pages_)
    std::vector<int> reached_;
};

}  // namespace tto
