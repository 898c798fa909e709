#include "app/words.h"

#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"

namespace app {

std::vector<std::pair<std::string, int>> TopWords(absl::string_view text, size_t limit) {
  absl::flat_hash_map<std::string, int> counts;
  for (absl::string_view word : absl::StrSplit(text, absl::ByAnyChar(" \t\n.,;:"), absl::SkipEmpty())) {
    ++counts[absl::AsciiStrToLower(word)];
  }
  std::vector<std::pair<std::string, int>> top(counts.begin(), counts.end());
  std::sort(top.begin(), top.end(), [](const auto &a, const auto &b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  if (top.size() > limit) top.resize(limit);
  return top;
}

}  // namespace app
